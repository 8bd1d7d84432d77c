"""Range requests (RFC 9110 section 14): which bytes of an object a request asks for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_SPECIFIERS = 64
"""A header with more ranges than this is ignored: no client that means well sends one."""

_INT_RANGE = re.compile(r"([0-9]+)-([0-9]*)", re.ASCII)
_SUFFIX_RANGE = re.compile(r"-([0-9]+)", re.ASCII)
_FARTHEST = 2**64
_FARTHEST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A satisfied byte range; both ends inclusive, as in RFC 9110 section 14.1.2."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.last - self.first + 1

    def content_range(self, size: int) -> str:
        """The value of `Content-Range` for an object of `size` bytes."""
        return f"bytes {self.first}-{self.last}/{size}"


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """No range of the request overlaps the object."""


UNSATISFIABLE: Final = Unsatisfiable()


@dataclass(frozen=True, slots=True)
class RangeSpecifier:
    """One element of a Range header: from `first` to `last` (None: to the end), or, with `first` None, the last `suffix` bytes."""

    first: int | None
    last: int | None = None
    suffix: int = 0

    def within(self, size: int) -> ByteRange | None:
        """The part that overlaps an object of `size` bytes; None when nothing does."""
        if self.first is None:
            if self.suffix == 0 or size == 0:
                return None
            return ByteRange(max(0, size - self.suffix), size - 1)
        if self.first >= size:
            return None
        return ByteRange(self.first, size - 1 if self.last is None else min(self.last, size - 1))


def parse_range(header: str | None) -> tuple[RangeSpecifier, ...] | None:
    """The elements of a Range header, or None where RFC 9110 tells us to ignore it: absent, of another unit, or invalid in any element."""
    if header is None:
        return None
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    elements = [element for part in text.split(",") if (element := part.strip(" \t"))]
    if not elements or len(elements) > MAX_SPECIFIERS:
        return None
    specifiers = [_parse_specifier(element) for element in elements]
    valid = tuple(specifier for specifier in specifiers if specifier is not None)
    return valid if len(valid) == len(specifiers) else None


def select_range(header: str | None, size: int) -> ByteRange | Unsatisfiable | None:
    """Which part of `size` bytes a Range header asks for.

    None means the whole object: no header, another unit, an invalid header, or several ranges with gaps between them. Ranges that touch or
    overlap are one.
    """
    specifiers = parse_range(header)
    if specifiers is None:
        return None
    found = [part for specifier in specifiers if (part := specifier.within(size)) is not None]
    if not found:
        return UNSATISFIABLE
    joined = _join(found)
    return joined[0] if len(joined) == 1 else None


def reading_hint(header: str | None) -> tuple[int, int]:
    """Offset and length (0: to the end) that a Range header will ask for, as far as it can be told without the object's size; (0, 0) otherwise."""
    specifiers = parse_range(header)
    if specifiers is None or len(specifiers) != 1:
        return 0, 0
    (only,) = specifiers
    if only.first is None or only.first >= _FARTHEST:
        return 0, 0
    return only.first, 0 if only.last is None or only.last >= _FARTHEST else only.last - only.first + 1


def _parse_specifier(text: str) -> RangeSpecifier | None:
    if match := _INT_RANGE.fullmatch(text):
        first = _position(match[1])
        if not match[2]:
            return RangeSpecifier(first)
        last = _position(match[2])
        return RangeSpecifier(first, last) if last >= first else None
    if match := _SUFFIX_RANGE.fullmatch(text):
        return RangeSpecifier(None, suffix=_position(match[1]))
    return None


def _position(digits: str) -> int:
    # No object reaches that far, and int() refuses texts of thousands of digits.
    significant = digits.lstrip("0") or "0"
    return _FARTHEST if len(significant) > _FARTHEST_DIGITS else min(int(significant), _FARTHEST)


def _join(ranges: list[ByteRange]) -> list[ByteRange]:
    joined: list[ByteRange] = []
    for part in sorted(ranges, key=lambda part: part.first):
        if joined and part.first <= joined[-1].last + 1:
            joined[-1] = ByteRange(joined[-1].first, max(joined[-1].last, part.last))
        else:
            joined.append(part)
    return joined
