from collections.abc import Iterator
from importlib.util import find_spec

import pytest

# Without a compiler only NumPy is there; test_chaining.py says when the extension has to be.
IMPLEMENTATIONS = ["numpy", *(["c"] if find_spec("joygrpc.content._blake3tree") else [])]


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def implementation_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a module's tests once with each implementation of the tree's hashing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOYGRPC_TREE", request.param)
        yield request.param
