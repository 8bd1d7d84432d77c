"""Sizes as people write them."""

import re
from typing import Annotated

from pydantic import BeforeValidator

_SIZE = re.compile(r"([0-9]+)(B|K|M|G|T)")
_FACTORS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Bytes that a text such as `100G` means: a whole number and B, K, M, G or T, powers of 1024. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a size: {text!r}; write a whole number and B, K, M, G or T, for instance 100G")
    return int(found[1]) * _FACTORS[found[2]]


def _size(value: object) -> object:
    if isinstance(value, str) and not value.isdecimal():
        return parse_size(value)
    return value


Size = Annotated[int, BeforeValidator(_size)]
"""Bytes; read from a size text or a plain number."""
