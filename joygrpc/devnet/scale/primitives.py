"""SCALE, the chain's binary encoding: compact integers and a cursor over bytes."""

from __future__ import annotations

from dataclasses import dataclass


class ScaleError(ValueError):
    """Bytes that do not decode, or a value that does not fit its type."""


def encode_compact(value: int) -> bytes:
    """The compact form of a non-negative integer below 2**536."""
    if value < 0:
        raise ScaleError(f"a compact integer cannot be negative: {value}")
    if value < 1 << 6:
        return bytes((value << 2,))
    if value < 1 << 14:
        return (value << 2 | 1).to_bytes(2, "little")
    if value < 1 << 30:
        return (value << 2 | 2).to_bytes(4, "little")
    length = (value.bit_length() + 7) // 8
    if length > 67:
        raise ScaleError("a compact integer has at most 67 bytes")
    return bytes(((length - 4) << 2 | 3,)) + value.to_bytes(length, "little")


@dataclass(slots=True)
class Reader:
    """A cursor; every read raises ScaleError when the bytes run out."""

    data: bytes
    position: int = 0

    @property
    def remaining(self) -> int:
        """Bytes that are left."""
        return len(self.data) - self.position

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise ScaleError(f"{count} bytes wanted, {self.remaining} left")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def integer(self, size: int) -> int:
        """The next little-endian unsigned integer of that many bytes."""
        return int.from_bytes(self.take(size), "little")

    def compact(self) -> int:
        """The number of a type, encoded."""
        first = self.byte()
        mode = first & 3
        if mode == 3:
            return self.integer((first >> 2) + 4)
        rest = self.take((1 << mode) - 1)
        return int.from_bytes(bytes((first,)) + rest, "little") >> 2
