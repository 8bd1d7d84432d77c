"""Where the 256 KiB groups of an object lie."""

from __future__ import annotations

GROUP_SIZE = 262_144
"""Bytes of a group; the last one of an object may have fewer."""

GROUP_CHUNKS = GROUP_SIZE // 1024
"""BLAKE3 chunks of a whole group."""


def group_count(size: int) -> int:
    """The number of groups of an object of `size` bytes; an empty object has one, of 0 bytes."""
    if size < 0:
        raise ValueError(f"an object cannot have {size} bytes")
    return max(1, -(-size // GROUP_SIZE))


def group_span(index: int, size: int) -> tuple[int, int]:
    """First byte of a group and the byte after its last; IndexError if the object has no such group."""
    if not 0 <= index < group_count(size):
        raise IndexError(f"no group {index} in an object of {size} bytes")
    return index * GROUP_SIZE, min((index + 1) * GROUP_SIZE, size)


def group_range(offset: int, limit: int, size: int) -> range:
    """The groups that hold the bytes from `offset` on, `limit` of them or as many as there are.

    No bytes are in no group, but for the empty object, which has its one group in any range. ValueError if the range does not begin inside
    the object or at its end.
    """
    if limit < 0 or not 0 <= offset <= size:
        raise ValueError(f"no range of {limit} bytes from byte {offset} in an object of {size} bytes")
    if size == 0:
        return range(1)
    stop = min(offset + limit, size)
    if offset >= stop:
        return range(0)
    return range(offset // GROUP_SIZE, -(-stop // GROUP_SIZE))
