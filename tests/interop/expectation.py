"""Whether what a client decoded is what was meant, whatever way the client shows values."""

import re
from collections.abc import Mapping
from typing import Any

from joygrpc.devnet.accounts import NotAnAccount, parse_account

from .steps import ANY

_ACCOUNT = re.compile(r"0x[0-9a-f]{64}")


def fits(expected: Any, actual: Any) -> bool:
    """Accounts are expected as hex, byte strings as `bytes`, enums as names or one-item dicts, maps with int keys."""
    match expected:
        case _ if expected is ANY:
            return True
        case bytes():
            return actual in ("0x" + expected.hex(), expected.decode("latin-1"))
        case str() if _ACCOUNT.fullmatch(expected):
            return _same_account(expected, actual)
        case str():
            return _name(actual) == expected.lower()
        case dict():
            items = _items(actual)
            wanted = {_key(key): value for key, value in expected.items()}
            return set(items) == set(wanted) and all(fits(value, items[key]) for key, value in wanted.items())
        case list():
            return (
                isinstance(actual, list | tuple)
                and len(actual) == len(expected)
                and all(fits(one, other) for one, other in zip(expected, actual, strict=True))
            )
    return type(actual) is type(expected) and bool(actual == expected)


def _items(actual: Any) -> dict[Any, Any]:
    """A record, enum or map, with keys in snake case, or as numbers."""
    pairs = actual.items() if isinstance(actual, Mapping) else actual if isinstance(actual, list) else ()
    return {_key(key): value for key, value in pairs}


def _key(key: Any) -> Any:
    if isinstance(key, int) or key.isdecimal():
        return int(key)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()


def _name(actual: Any) -> Any:
    """The variant of an enum: a text, or the only key of a dict without a value."""
    if isinstance(actual, Mapping) and len(actual) == 1:
        ((name, value),) = actual.items()
        return name.lower() if value is None else None
    return actual.lower() if isinstance(actual, str) else None


def _same_account(expected: str, actual: Any) -> bool:
    try:
        return isinstance(actual, str) and parse_account(actual) == expected
    except NotAnAccount:
        return False
