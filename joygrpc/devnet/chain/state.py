"""Chain state as clients read it: raw storage keys and values, now and some blocks back."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

_BASE_KEY_BYTES = 32
Version = tuple[int, bytes | None]


class State(Protocol):
    """All raw keys and values at one block."""

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none."""

    def page(self, prefix: bytes, count: int | None, start: bytes) -> list[bytes]:
        """Up to `count` existing keys with the prefix that come after `start`, ascending."""


class StateHistory:
    """The value of every key at each of the last `depth` blocks.

    Each key has its versions, (block, value) ascending, None for deleted; a block costs only what it changes.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.oldest = 0
        self._versions: dict[bytes, list[Version]] = {}
        # Sorted keys by pallet and item, for paging; a key stays until its deletion is out of the window.
        self._keys: dict[bytes, list[bytes]] = {}
        self._changed: deque[tuple[int, tuple[bytes, ...]]] = deque()

    def load(self, number: int, values: Iterable[tuple[bytes, bytes]]) -> None:
        """Start with the state of one block; nothing before it is known. Later blocks are given to `commit`."""
        self.oldest = number
        for key, value in values:
            self._versions[key] = [(number, value)]
            self._keys.setdefault(key[:_BASE_KEY_BYTES], []).append(key)
        for keys in self._keys.values():
            keys.sort()

    def retract(self) -> None:
        """Forget what the newest block wrote; the one before must be covered."""
        number, keys = self._changed.pop()
        for key in keys:
            versions = self._versions.get(key)
            if versions is None or versions[-1][0] != number:
                continue
            versions.pop()
            if not versions:
                self._drop(key)

    def commit(self, number: int, changes: Mapping[bytes, bytes | None]) -> None:
        """What a block wrote; None deletes."""
        for key, value in changes.items():
            versions = self._versions.get(key)
            if versions is None:
                if value is None:
                    continue
                self._versions[key] = [(number, value)]
                insort(self._keys.setdefault(key[:_BASE_KEY_BYTES], []), key)
            else:
                versions.append((number, value))
        self._changed.append((number, tuple(changes)))
        while self._changed and self._changed[0][0] <= number - self.depth:
            self._forget(*self._changed.popleft())

    def get(self, key: bytes, number: int) -> bytes | None:
        """The value at a block that `covers`."""
        versions = self._versions.get(key)
        if versions is None:
            return None
        position = bisect_right(versions, number, key=lambda version: version[0])
        return versions[position - 1][1] if position else None

    def covers(self, number: int) -> bool:
        """Whether the state at that block is still known."""
        return number >= self.oldest

    def page(self, prefix: bytes, count: int | None, start: bytes, number: int) -> list[bytes]:
        """Up to `count` existing keys with the prefix that come after `start`, ascending."""
        found: list[bytes] = []
        for keys in self._candidates(prefix):
            for position in range(max(bisect_left(keys, prefix), bisect_right(keys, start)), len(keys)):
                key = keys[position]
                if not key.startswith(prefix) or (count is not None and len(found) >= count):
                    break
                if self.get(key, number) is not None:
                    found.append(key)
        return found

    def _candidates(self, prefix: bytes) -> list[list[bytes]]:
        if len(prefix) >= _BASE_KEY_BYTES:
            return [self._keys.get(prefix[:_BASE_KEY_BYTES], [])]
        return [self._keys[base] for base in sorted(self._keys) if base.startswith(prefix)]

    def _forget(self, number: int, keys: Iterable[bytes]) -> None:
        """Drop what was superseded at or before a block that leaves the window."""
        self.oldest = number
        for key in keys:
            versions = self._versions.get(key)
            if versions is None:
                continue
            position = bisect_right(versions, number, key=lambda version: version[0])
            del versions[: max(position - 1, 0)]
            if len(versions) == 1 and versions[0][1] is None:
                self._drop(key)

    def _drop(self, key: bytes) -> None:
        del self._versions[key]
        siblings = self._keys[key[:_BASE_KEY_BYTES]]
        del siblings[bisect_left(siblings, key)]


@dataclass(frozen=True, slots=True)
class StateAt:
    """The state at a block of the chain that the history `covers`."""

    history: StateHistory
    number: int

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none."""
        return self.history.get(key, self.number)

    def page(self, prefix: bytes, count: int | None, start: bytes) -> list[bytes]:
        """Up to `count` existing keys with the prefix that come after `start`, ascending."""
        return self.history.page(prefix, count, start, self.number)


@dataclass(frozen=True, slots=True)
class Branch:
    """The state at a block that a fork left behind: what was written on top of the last block in common."""

    base: StateAt
    changes: Mapping[bytes, bytes | None]

    def get(self, key: bytes) -> bytes | None:
        """The value, None where there is none."""
        return self.changes[key] if key in self.changes else self.base.get(key)

    def page(self, prefix: bytes, count: int | None, start: bytes) -> list[bytes]:
        """Up to `count` existing keys with the prefix that come after `start`, ascending."""
        keys = set(self.base.page(prefix, None, start))
        keys |= {key for key in self.changes if key.startswith(prefix) and key > start}
        return sorted(key for key in keys if self.get(key) is not None)[:count]
