"""Rows in memory, in the order of their ids, with look-up by the paths that the description indexes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from joygrpc.devnet.query_node.shapes import Description, Entity

Row = dict[str, object]
"""One entity: `id` and the value of each stored field, by field name."""


class OrderedIds:
    """Ids in ascending text order. Adding is cheap in bulk: order is restored when somebody looks."""

    __slots__ = ("_ids", "_in_order")

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._in_order = True

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, row_id: str) -> None:
        """Adds an id that is not there yet."""
        if self._in_order and self._ids and row_id < self._ids[-1]:
            self._in_order = False
        self._ids.append(row_id)

    def remove(self, row_id: str) -> None:
        """Removes an id that is there."""
        ids = self.ascending()
        del self._ids[bisect_left(ids, row_id)]

    def ascending(self) -> Sequence[str]:
        """The ids in order; valid until the next change."""
        if not self._in_order:
            self._ids.sort()
            self._in_order = True
        return self._ids


_NOTHING = OrderedIds()


def value_at(row: Mapping[str, object], path: tuple[str, ...]) -> object:
    """The value that an index path leads to in a row; None where the path breaks off."""
    value: object = row
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


class Table:
    """The rows of one entity. Changing a row goes through the table, so that its indices stay right."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self._rows: dict[str, Row] = {}
        self._ids = OrderedIds()
        self._indices: dict[tuple[str, ...], dict[object, OrderedIds]] = {path: {} for path in entity.indices}

    def __repr__(self) -> str:
        return f"<Table {self.entity.name}: {len(self._rows)} rows>"

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, row_id: object) -> Row | None:
        """The row with the id, which may be any value."""
        return self._rows.get(row_id) if isinstance(row_id, str) else None

    def put(self, row: Row) -> None:
        """Adds a row, or takes the place of the one with its id."""
        row_id = row["id"]
        if not isinstance(row_id, str):
            raise TypeError(f"{self.entity.name} row without a text id")
        old = self._rows.get(row_id)
        if old is None:
            self._ids.add(row_id)
        self._rows[row_id] = row
        for path, index in self._indices.items():
            key = value_at(row, path)
            if old is not None:
                old_key = value_at(old, path)
                if old_key == key:
                    continue
                self._drop(index, old_key, row_id)
            if key is not None:
                index.setdefault(key, OrderedIds()).add(row_id)

    def change(self, row_id: str, **values: object) -> None:
        """Sets fields of a row; a row that is not there stays so."""
        row = self._rows.get(row_id)
        if row is not None:
            self.put({**row, **values})

    def delete(self, row_id: str) -> bool:
        """Whether there was such a row."""
        row = self._rows.pop(row_id, None)
        if row is None:
            return False
        self._ids.remove(row_id)
        for path, index in self._indices.items():
            self._drop(index, value_at(row, path), row_id)
        return True

    def ids(self) -> Sequence[str]:
        """All ids in ascending order; valid until the next change."""
        return self._ids.ascending()

    def has_index(self, path: tuple[str, ...]) -> bool:
        """Whether rows can be looked up by the path."""
        return path in self._indices

    def ids_by(self, path: tuple[str, ...], key: object) -> OrderedIds:
        """The ids of the rows that have `key` at an indexed path."""
        return self._indices[path].get(key, _NOTHING)

    def rows_by(self, path: tuple[str, ...], key: object) -> Iterator[Row]:
        """The rows that have `key` at an indexed path, in ascending order of ids."""
        for row_id in self.ids_by(path, key).ascending():
            yield self._rows[row_id]

    @staticmethod
    def _drop(index: dict[object, OrderedIds], key: object, row_id: str) -> None:
        ids = index.get(key)
        if ids is None:
            return
        ids.remove(row_id)
        if not ids:
            del index[key]


class Tables:
    """All tables of a description, by entity name."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self._tables = {name: Table(entity) for name, entity in description.entities.items()}

    def __getitem__(self, entity: str) -> Table:
        return self._tables[entity]
