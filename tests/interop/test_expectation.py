"""The comparison that the outcomes of calls go through."""

from typing import Any

import pytest

from joygrpc.devnet.accounts import dev_account

from .expectation import fits
from .steps import ANY

ALICE = dev_account("//Alice")


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (None, None, True),
        (ANY, object(), True),
        (b"\x0ax", "0x0a78", True),
        (b"ab", "ab", True),
        (b"ab", "0x6162", True),
        (b"ab", "ac", False),
        ("Channel", "channel", True),
        ({"Dynamic": {"Channel": 1}}, {"dynamic": {"channel": 1}}, True),
        ({"Dynamic": {"Channel": 1}}, {"dynamic": {"channel": 2}}, False),
        ({"size_limit": 1}, {"sizeLimit": 1}, True),
        ({"size_limit": 1}, {"sizeLimit": 1, "more": 1}, False),
        ({0: 1}, {"0": 1}, True),
        ({0: 1}, [(0, 1)], True),
        ([1, 2], (1, 2), True),
        ([1, 2], [1], False),
        (ALICE, ALICE, True),
        (ALICE, "0x" + "00" * 32, False),
    ],
)
def test_values_as_clients_show_them(expected: Any, actual: Any, same: bool) -> None:
    assert fits(expected, actual) is same
