import random
import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest
from blake3 import blake3

from joygrpc.content import GROUP_SIZE, implementation
from joygrpc.content import _numpy_tree as numpy_tree
from joygrpc.content.chaining import chaining

CHUNK = 1024
NOISE = random.Random(20).randbytes(5 * GROUP_SIZE)
LENGTHS = [0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3072, 3073, 5120, 8192, 16384, 31744, 102400, 262143, 262144]


def merge(cvs: list[bytes]) -> bytes:
    """The root above chaining values by BLAKE3's definition: split at the largest power of two below the count."""
    functions = chaining()

    def value(first: int, count: int) -> bytes:
        if count == 1:
            return cvs[first]
        left = 1 << ((count - 1).bit_length() - 1)
        children = value(first, left), value(first + left, count - left)
        return functions.parent_cv(*children, count == len(cvs))

    return value(0, len(cvs))


def test_the_extension_is_built_where_it_can_be() -> None:
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if shutil.which("gcc") and headers.exists():
        assert find_spec("joygrpc.content._blake3tree") is not None


def test_the_environment_forces_an_implementation(implementation_name: str) -> None:
    assert implementation() == implementation_name


def test_an_unknown_implementation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOYGRPC_TREE", "fortran")
    with pytest.raises(ValueError, match="fortran"):
        implementation()


def test_without_the_environment_the_extension_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOYGRPC_TREE", raising=False)
    assert implementation() == ("c" if find_spec("joygrpc.content._blake3tree") else "numpy")


@pytest.mark.parametrize("length", LENGTHS)
def test_a_subtree_that_is_the_root_is_the_digest(implementation_name: str, length: int) -> None:
    data = NOISE[:length]
    assert chaining().subtree_cv(data, 0, True) == blake3(data).digest()


def test_groups_and_parents_make_the_digest(implementation_name: str) -> None:
    functions = chaining()
    for groups in (2, 3, 4, 5):
        data = NOISE[: groups * GROUP_SIZE]
        values = functions.group_cvs(data, 0)
        assert merge([values[i : i + 32] for i in range(0, len(values), 32)]) == blake3(data).digest()


def test_a_subtree_need_not_be_the_first(implementation_name: str) -> None:
    functions = chaining()
    data = NOISE[: GROUP_SIZE + 70_001]
    values = [
        functions.subtree_cv(data[:GROUP_SIZE], 0, False),
        functions.subtree_cv(memoryview(data)[GROUP_SIZE:], 256, False),
    ]
    assert merge(values) == blake3(data).digest()


def test_the_counter_is_of_64_bits(implementation_name: str) -> None:
    functions = chaining()
    data = NOISE[: 2 * GROUP_SIZE]
    # The groups lie on both sides of chunk 2**32.
    first = 2**32 - 256
    values = functions.group_cvs(data, first)
    assert values[:32] == functions.subtree_cv(data[:GROUP_SIZE], first, False)
    assert values[32:] == functions.subtree_cv(data[GROUP_SIZE:], 2**32, False)
    assert values[32:] != functions.subtree_cv(data[GROUP_SIZE:], 0, False)


def test_a_batch_of_parents_is_its_parents(implementation_name: str) -> None:
    functions = chaining()
    pairs = NOISE[: 64 * 37]
    one_by_one = [functions.parent_cv(pairs[i : i + 32], pairs[i + 32 : i + 64], False) for i in range(0, 64 * 37, 64)]
    assert functions.parent_cvs(pairs) == b"".join(one_by_one)


def test_wrong_lengths_are_refused(implementation_name: str) -> None:
    functions = chaining()
    with pytest.raises(ValueError, match="whole number of groups"):
        functions.group_cvs(bytes(GROUP_SIZE + 1), 0)
    with pytest.raises(ValueError, match="larger than a group"):
        functions.subtree_cv(bytes(GROUP_SIZE + 1), 0, False)
    with pytest.raises(ValueError, match="64-byte pairs"):
        functions.parent_cvs(bytes(65))
    with pytest.raises(ValueError, match="32 bytes"):
        functions.parent_cv(bytes(32), bytes(31), False)


@pytest.mark.parametrize("limit", [4, 8, 16])
def test_every_vector_width_of_the_extension_gives_what_numpy_gives(limit: int) -> None:
    if find_spec("joygrpc.content._blake3tree") is None:
        return
    from joygrpc.content import _blake3tree

    try:
        # A CPU that lacks a width takes the next narrower one.
        assert _blake3tree.limit_lanes(limit) <= limit
        for length in LENGTHS:
            assert _blake3tree.subtree_cv(NOISE[:length], 0, True) == blake3(NOISE[:length]).digest()
            assert _blake3tree.subtree_cv(NOISE[:length], 2**53, False) == numpy_tree.subtree_cv(
                NOISE[:length], 2**53, False
            )
        assert _blake3tree.group_cvs(NOISE, 2**32 - 128) == numpy_tree.group_cvs(NOISE, 2**32 - 128)
        for count in (0, 1, 2, 7, 17, 5000):
            assert _blake3tree.parent_cvs(NOISE[: 64 * count]) == numpy_tree.parent_cvs(NOISE[: 64 * count])
    finally:
        _blake3tree.limit_lanes(16)
