"""Which rows a list answers with, and in which order."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from joygrpc.devnet.query_node.conditions import Conditions, Where
from joygrpc.devnet.query_node.shapes import Reference
from joygrpc.devnet.query_node.tables import Row, Tables

_DIRECTIONS: Final = {
    "ASC": (False, False),
    "DESC": (True, True),
    "ASC_NULLS_FIRST": (False, True),
    "ASC_NULLS_LAST": (False, False),
    "DESC_NULLS_FIRST": (True, True),
    "DESC_NULLS_LAST": (True, False),
}
"""Direction, by the end of an order's name: (descending, nulls first)."""

DIRECTIONS: Final = tuple(_DIRECTIONS)

_MERGE_WORTH: Final = 4
"""Merging runs step by step beats sorting them while at most one in this many ids is looked at."""


@dataclass(frozen=True, slots=True)
class Order:
    """One `orderBy` value, `{path}_{direction}`: the path is a field, or a reference or inline field and one of its own."""

    path: tuple[str, ...]
    descending: bool
    nulls_first: bool

    @classmethod
    def parse(cls, text: str) -> Order:
        """Reads the value; one that the schema does not have is a `ValueError`."""
        for name in sorted(_DIRECTIONS, key=len, reverse=True):
            if text.endswith(f"_{name}"):
                descending, nulls_first = _DIRECTIONS[name]
                return cls(tuple(text.removesuffix(f"_{name}").split("_")), descending, nulls_first)
        raise ValueError(text)


@dataclass(frozen=True, slots=True)
class Selection:
    """Reads lists from the tables."""

    tables: Tables

    def rows(
        self, entity: str, where: Where | None, order_by: Sequence[str], offset: int = 0, limit: int | None = None
    ) -> list[Row]:
        """The rows that satisfy `where`, by `order_by` (by id when it says nothing), after skipping `offset`, at most `limit`."""
        end = None if limit is None else offset + limit
        return list(islice(self._ordered(entity, where, order_by, end), offset, end))

    def child_rows(self, entity: str, via: str, parent: str, arguments: dict[str, Any]) -> list[Row]:
        """The same among the rows whose reference `via` is `parent`."""
        if not (arguments.get("where") or arguments.get("orderBy")):
            # What most queries ask, for each of a thousand parents.
            offset, limit = arguments.get("offset") or 0, arguments.get("limit")
            end = None if limit is None else offset + limit
            return list(islice(self.tables[entity].rows_by((via,), parent), offset, end))
        own: Where = {via: {"id_eq": parent}}
        where = arguments.get("where")
        return self.rows(
            entity,
            {**own, "AND": [where]} if where else own,
            arguments.get("orderBy") or (),
            arguments.get("offset") or 0,
            arguments.get("limit"),
        )

    def count(self, entity: str, where: Where | None) -> int:
        """How many rows satisfy `where`."""
        if not where:
            return len(self.tables[entity])
        return sum(1 for _ in self._ordered(entity, where, (), None))

    def _ordered(self, entity: str, where: Where | None, order_by: Sequence[str], end: int | None) -> Iterator[Row]:
        orders = [Order.parse(one) for one in order_by]
        # Whatever comes after the id in an order decides nothing.
        if not orders or orders[0].path == ("id",):
            return self._by_id(entity, where, end, descending=bool(orders) and orders[0].descending)
        rows = list(self._by_id(entity, where, None, descending=False))
        for order in reversed(orders):
            keyed = [(self._value(entity, row, order.path), row) for row in rows]
            nulls = [row for value, row in keyed if value is None]
            valued = [pair for pair in keyed if pair[0] is not None]
            valued.sort(key=lambda pair: pair[0], reverse=order.descending)
            present = [row for _, row in valued]
            rows = nulls + present if order.nulls_first else present + nulls
        return iter(rows)

    def _by_id(self, entity: str, where: Where | None, end: int | None, *, descending: bool) -> Iterator[Row]:
        """The rows by id; `end` is how many the caller will look at, None for all."""
        table = self.tables[entity]
        conditions = Conditions(self.tables)
        test = conditions.test(entity, where)
        runs = conditions.candidates(entity, where)
        if runs is None:
            runs = [table.ids()]
        runs = [within for run in runs if (within := _within(run, where))]
        for row_id in _merged(runs, end, descending=descending):
            row = table.get(row_id)
            if row is not None and (test is None or test(row)):
                yield row

    def _value(self, entity: str, row: Row, path: tuple[str, ...]) -> Any:
        first, *rest = path
        if not rest:
            return row.get(first)
        field = self.tables.description.fields_of(entity).get(first)
        if isinstance(field, Reference):
            other = self.tables[field.target].get(row["id"] if field.twin else row.get(first))
            return None if other is None else self._value(field.target, other, tuple(rest))
        inline = row.get(first)
        return inline.get(rest[0]) if isinstance(inline, dict) else None


def _within(run: Sequence[str], where: Where | None) -> Sequence[str]:
    """The part of an ascending run that the id bounds of a condition leave."""
    if not where or where.get("OR"):
        return run
    low, high = 0, len(run)
    for name, bound in where.items():
        if bound is None or not name.startswith("id_"):
            continue
        if name == "id_gt":
            low = max(low, bisect_right(run, bound))
        elif name == "id_gte":
            low = max(low, bisect_left(run, bound))
        elif name == "id_lt":
            high = min(high, bisect_left(run, bound))
        elif name == "id_lte":
            high = min(high, bisect_right(run, bound))
    return run[low:high] if (low, high) != (0, len(run)) else run


def _merged(runs: list[Sequence[str]], end: int | None, *, descending: bool) -> Iterable[str]:
    """The ids of ascending runs in one order."""
    if len(runs) == 1:
        return reversed(runs[0]) if descending else runs[0]
    if end is None or end * _MERGE_WORTH > sum(map(len, runs)):
        return sorted(chain.from_iterable(runs), reverse=descending)
    return heapq.merge(*(reversed(run) if descending else run for run in runs), reverse=descending)
