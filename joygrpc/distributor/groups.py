"""Which groups of an object are present."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from joygrpc.content import GROUP_SIZE, group_count, group_range


@dataclass(frozen=True, slots=True)
class GroupRun:
    """Neighbouring groups: `count` of them from `first` on."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """The group after the last one."""
        return self.first + self.count


def groups_of_range(offset: int, length: int, size: int) -> GroupRun:
    """The groups that `length` bytes from `offset` on touch: none of them for no bytes, the only one of an empty object."""
    touched = group_range(offset, length, size)
    return GroupRun(touched.start, len(touched))


class GroupMap:
    """The present groups of an object of `size` bytes, kept as sorted runs that never touch."""

    __slots__ = ("_ends", "_firsts", "_present_bytes", "count", "size")

    def __init__(self, size: int, runs: Iterable[GroupRun] = ()) -> None:
        self.size = size
        self.count = group_count(size)
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self._present_bytes = 0
        for run in runs:
            self.add(run.first, run.count)

    def __repr__(self) -> str:
        present = ",".join(f"{run.first}-{run.end - 1}" for run in self.runs())
        return f"<GroupMap {present or 'empty'} of {self.count}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupMap):
            return NotImplemented
        return (self.size, self._firsts, self._ends) == (other.size, other._firsts, other._ends)

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def complete(self) -> bool:
        """Whether every group is present."""
        return bool(self._firsts) and self._firsts[0] == 0 and self._ends[0] == self.count

    @property
    def empty(self) -> bool:
        """Whether no group is present."""
        return not self._firsts

    @property
    def present_bytes(self) -> int:
        """Bytes in the present groups."""
        return self._present_bytes

    def bytes_in(self, run: GroupRun) -> int:
        """Bytes in a run of groups."""
        return min(run.end * GROUP_SIZE, self.size) - min(run.first * GROUP_SIZE, self.size)

    def runs(self) -> Iterator[GroupRun]:
        """The present groups as runs, ascending."""
        for first, end in zip(self._firsts, self._ends, strict=True):
            yield GroupRun(first, end - first)

    def add(self, first: int, count: int = 1) -> None:
        """Mark groups as present. Raises ValueError for groups that the object does not have."""
        end = first + count
        if count < 1 or first < 0 or end > self.count:
            raise ValueError(f"groups {first} to {end - 1} of an object that has {self.count}")
        # The runs that overlap or touch the new one are replaced by their union.
        low = bisect_left(self._ends, first)
        high = bisect_right(self._firsts, end)
        added = GroupRun(first, count)
        if low < high:
            added = GroupRun(min(first, self._firsts[low]), 0)
            added = GroupRun(added.first, max(end, self._ends[high - 1]) - added.first)
            for index in range(low, high):
                self._present_bytes -= self.bytes_in(
                    GroupRun(self._firsts[index], self._ends[index] - self._firsts[index])
                )
        self._firsts[low:high] = [added.first]
        self._ends[low:high] = [added.end]
        self._present_bytes += self.bytes_in(added)

    def remove(self, first: int, count: int = 1) -> None:
        """Mark groups as missing. Raises ValueError for groups that the object does not have."""
        end = first + count
        if count < 1 or first < 0 or end > self.count:
            raise ValueError(f"groups {first} to {end - 1} of an object that has {self.count}")
        low = bisect_right(self._ends, first)
        high = bisect_left(self._firsts, end)
        if low >= high:
            return
        left = GroupRun(self._firsts[low], first - self._firsts[low])
        right = GroupRun(end, self._ends[high - 1] - end)
        for index in range(low, high):
            self._present_bytes -= self.bytes_in(GroupRun(self._firsts[index], self._ends[index] - self._firsts[index]))
        kept = [run for run in (left, right) if run.count > 0]
        self._firsts[low:high] = [run.first for run in kept]
        self._ends[low:high] = [run.end for run in kept]
        self._present_bytes += sum(self.bytes_in(run) for run in kept)

    def present_runs(self, within: GroupRun) -> list[GroupRun]:
        """The present groups of a run, as runs, ascending."""
        found = []
        index = bisect_right(self._ends, within.first)
        while index < len(self._firsts) and self._firsts[index] < within.end:
            first = max(self._firsts[index], within.first)
            found.append(GroupRun(first, min(self._ends[index], within.end) - first))
            index += 1
        return found

    def present_end(self, group: int) -> int:
        """The end of the present run that `group` lies in; `group` itself when it is missing."""
        index = bisect_right(self._firsts, group) - 1
        if index >= 0 and group < self._ends[index]:
            return self._ends[index]
        return group

    def holds(self, run: GroupRun) -> bool:
        """Whether all groups of a run are present."""
        return self.present_end(run.first) >= run.end

    def missing_runs(self, within: GroupRun | None = None) -> list[GroupRun]:
        """The missing groups, as runs, ascending; those of `within` only, if given."""
        wanted = within or GroupRun(0, self.count)
        missing = []
        group = wanted.first
        index = max(0, bisect_right(self._firsts, group) - 1)
        while group < wanted.end:
            if index < len(self._firsts) and self._firsts[index] <= group:
                group = max(group, self._ends[index])
                index += 1
                continue
            end = min(self._firsts[index], wanted.end) if index < len(self._firsts) else wanted.end
            missing.append(GroupRun(group, end - group))
            group = end
        return missing

    def readable_end(self, offset: int) -> int:
        """The byte up to which present groups follow `offset` without a gap; `offset` itself when its group is missing."""
        end = self.present_end(min(offset // GROUP_SIZE, self.count - 1))
        return max(offset, min(end * GROUP_SIZE, self.size)) if end * GROUP_SIZE > offset else offset

    def to_bytes(self) -> bytes:
        """A compact form: first group and count of each run, as little-endian 32-bit numbers."""
        return b"".join(struct.pack("<II", run.first, run.count) for run in self.runs())

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> GroupMap:
        """The map in its compact form. Raises ValueError when it is none of an object of that size."""
        if len(data) % 8:
            raise ValueError("a presence map has 8 bytes a run")
        return cls(size, (GroupRun(first, count) for first, count in struct.iter_unpack("<II", data)))
