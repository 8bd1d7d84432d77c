"""The ledger's memory: tables that mirror the chain's storage items and can undo what was done to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
G = TypeVar("G")

_ABSENT: Final[Any] = object()


Entry = tuple["Table[Any, Any]", Any, Any]
"""A change: table, key, and what the row was before."""


class Journal:
    """Every change since the last commit, newest last; undoes back to a mark."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def record(self, table: Table[Any, Any], key: Any, old: Any) -> None:
        """Remember what a row was before a change."""
        self._entries.append((table, key, old))

    def mark(self) -> int:
        """A place to come back to."""
        return len(self._entries)

    def undo(self, mark: int) -> None:
        """Bring all tables back to where they were at `mark`."""
        while len(self._entries) > mark:
            table, key, old = self._entries.pop()
            table.restore(key, old)

    def entries(self) -> tuple[Entry, ...]:
        """The changes since the last commit, which `revert` can take back after it."""
        return tuple(self._entries)

    def revert(self, entries: Sequence[Entry]) -> None:
        """Undo changes that were committed; all later ones must have been undone before."""
        for table, key, old in reversed(entries):
            table.restore(key, old)

    def commit(self) -> list[tuple[Table[Any, Any], Any]]:
        """What changed, each entry once, in order of first change; afterwards nothing can be undone."""
        changed = {(id(table), key): (table, key) for table, key, _ in self._entries}
        self._entries.clear()
        return list(changed.values())


class Table(Generic[K, V]):
    """A map of immutable values under the name of a storage item."""

    def __init__(self, journal: Journal, pallet: str, item: str) -> None:
        self.pallet, self.item = pallet, item
        self._journal = journal
        self._rows: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The row, or None."""
        return self._rows.get(key)

    def __getitem__(self, key: K) -> V:
        return self._rows[key]

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def items(self) -> list[tuple[K, V]]:
        """All rows."""
        return list(self._rows.items())

    def __setitem__(self, key: K, value: V) -> None:
        self._journal.record(self, key, self._rows.get(key, _ABSENT))
        self._put(key, value)

    def __delitem__(self, key: K) -> None:
        self._journal.record(self, key, self._rows[key])
        self._drop(key)

    def restore(self, key: K, old: Any) -> None:
        """Put back what the journal remembers; not a change of its own."""
        if old is _ABSENT:
            self._drop(key)
        else:
            self._put(key, old)

    def _put(self, key: K, value: V) -> None:
        self._rows[key] = value

    def _drop(self, key: K) -> None:
        self._rows.pop(key, None)

    def __repr__(self) -> str:
        return f"<{self.pallet}.{self.item}: {len(self._rows)} rows>"


class GroupedTable(Table[tuple[G, K], V]):
    """A double map that also knows the second keys of each first key."""

    def __init__(self, journal: Journal, pallet: str, item: str) -> None:
        super().__init__(journal, pallet, item)
        self._groups: dict[G, set[K]] = {}

    def group(self, first: G) -> list[K]:
        """The second keys under `first`, in no order."""
        return list(self._groups.get(first, ()))

    def _put(self, key: tuple[G, K], value: V) -> None:
        super()._put(key, value)
        self._groups.setdefault(key[0], set()).add(key[1])

    def _drop(self, key: tuple[G, K]) -> None:
        super()._drop(key)
        members = self._groups.get(key[0])
        if members is not None:
            members.discard(key[1])
            if not members:
                del self._groups[key[0]]


class Cell(Generic[V]):
    """A single value under the name of a storage item."""

    def __init__(self, journal: Journal, pallet: str, item: str, default: V) -> None:
        self.table: Table[tuple[()], V] = Table(journal, pallet, item)
        self._default = default

    @property
    def value(self) -> V:
        """The value; setting None removes it."""
        stored = self.table.get(())
        return self._default if stored is None else stored

    @value.setter
    def value(self, value: V) -> None:
        if value is None:
            if () in self.table:
                del self.table[()]
        else:
            self.table[()] = value

    def settle(self) -> None:
        """Store the default, so that clients read it too."""
        if self._default is not None:
            self.value = self.value

    def __repr__(self) -> str:
        return f"<{self.table.pallet}.{self.table.item} = {self.value!r}>"


class Counter(Cell[int]):
    """A number that only grows."""

    def __init__(self, journal: Journal, pallet: str, item: str, first: int = 0) -> None:
        super().__init__(journal, pallet, item, first)

    def take(self) -> int:
        """The current number; the next call gets the one after."""
        number = self.value
        self.value = number + 1
        return number
