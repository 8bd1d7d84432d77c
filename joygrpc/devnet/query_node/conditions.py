"""`where` arguments: what a row must satisfy, and which rows need to be looked at for it.

A condition that names several things means all of them; `AND` adds more; each branch of `OR` is an alternative to all the rest. As in SQL, a null value
satisfies nothing but `_isNull`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joygrpc.devnet.query_node.shapes import Children, Inline, Reference
from joygrpc.devnet.query_node.tables import Row, Tables

Where = Mapping[str, Any]
"""A coerced `where` argument."""

Test = Callable[[Any], bool]

_DENSE: Final = 8
"""A candidate set of more than one in this many rows is not worth collecting: a scan finds as much."""


def _text(accept: Callable[[str, str], bool], *, fold: bool = False, negate: bool = False) -> Callable[[Any], Test]:
    def operator(expected: str | None) -> Test:
        if expected is None:
            return lambda _value: False
        wanted = expected.lower() if fold else expected

        def test(value: str | None) -> bool:
            return value is not None and accept(value.lower() if fold else value, wanted) is not negate

        return test

    return operator


def _is_null(expected: bool | None) -> Test:
    return lambda value: (value is None) is bool(expected)


def _in(expected: Collection[Any] | None) -> Test:
    wanted = frozenset(expected or ()) - {None}
    return lambda value: value in wanted


def _not_in(expected: Collection[Any] | None) -> Test:
    unwanted = frozenset(expected or ())
    return lambda value: value is not None and value not in unwanted


def _compared(accept: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def operator(expected: Any) -> Test:
        return lambda value: value is not None and expected is not None and accept(value, expected)

    return operator


def _listed(accept: Callable[[frozenset[Any], frozenset[Any]], bool]) -> Callable[[Any], Test]:
    def operator(expected: Collection[Any] | None) -> Test:
        wanted = frozenset(expected or ())
        return lambda value: value is not None and accept(frozenset(value), wanted)

    return operator


OPERATORS: Final[Mapping[str, Callable[[Any], Test]]] = {
    "isNull": _is_null,
    "eq": _compared(lambda value, expected: bool(value == expected)),
    "not_eq": _compared(lambda value, expected: bool(value != expected)),
    "gt": _compared(lambda value, expected: bool(value > expected)),
    "gte": _compared(lambda value, expected: bool(value >= expected)),
    "lt": _compared(lambda value, expected: bool(value < expected)),
    "lte": _compared(lambda value, expected: bool(value <= expected)),
    "in": _in,
    "not_in": _not_in,
    "contains": _text(lambda value, part: part in value),
    "not_contains": _text(lambda value, part: part in value, negate=True),
    "containsInsensitive": _text(lambda value, part: part in value, fold=True),
    "not_containsInsensitive": _text(lambda value, part: part in value, fold=True, negate=True),
    "startsWith": _text(str.startswith),
    "not_startsWith": _text(str.startswith, negate=True),
    "endsWith": _text(str.endswith),
    "not_endsWith": _text(str.endswith, negate=True),
    "containsAll": _listed(lambda value, wanted: wanted <= value),
    "containsAny": _listed(lambda value, wanted: bool(wanted & value)),
    "containsNone": _listed(lambda value, wanted: not wanted & value),
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Reads `where` arguments against the tables."""

    tables: Tables

    def test(self, type_name: str, where: Where | None) -> Test | None:
        """What a row (or inline value) of the type must satisfy; None when everything does."""
        if not where:
            return None
        wanted = [
            self._field_test(type_name, key, expected) for key, expected in where.items() if key not in ("AND", "OR")
        ]
        for branch in where.get("AND") or ():
            test = self.test(type_name, branch)
            if test is not None:
                wanted.append(test)
        alternatives: list[Test] = []
        for branch in where.get("OR") or ():
            test = self.test(type_name, branch)
            if test is None:
                return None
            alternatives.append(test)
        if not alternatives:
            return _all(wanted)
        conjunction = _all(wanted)
        if conjunction is not None:
            alternatives.append(conjunction)
        return lambda value: any(test(value) for test in alternatives)

    def _field_test(self, type_name: str, key: str, expected: Any) -> Test:
        name, _, operator = key.partition("_")
        field = self.tables.description.fields_of(type_name).get(name)
        if isinstance(field, Reference):
            return self._reference_test(field, operator, expected)
        if isinstance(field, Children):
            return self._children_test(field, operator, expected)
        if isinstance(field, Inline) and not operator:
            inner = self.test(field.type_name, expected)
            if inner is None:
                return lambda row: row.get(name) is not None
            return lambda row: (value := row.get(name)) is not None and inner(value)
        test = OPERATORS[operator](expected)
        return lambda row: test(row.get(name))

    def _reference_test(self, field: Reference, operator: str, expected: Any) -> Test:
        table = self.tables[field.target]
        key = "id" if field.twin else field.name
        if operator == "isNull":
            return lambda row: (table.get(row.get(key)) is None) is bool(expected)
        inner = self.test(field.target, expected)
        if inner is None:
            return lambda row: table.get(row.get(key)) is not None
        if set(expected) == {"id_in"} or set(expected) == {"id_eq"}:
            # The reference is the id: no need to fetch the other row.
            return lambda row: (other := row.get(key)) is not None and inner({"id": other})
        return lambda row: (other := table.get(row.get(key))) is not None and inner(other)

    def _children_test(self, field: Children, operator: str, expected: Any) -> Test:
        table = self.tables[field.target]
        path = (field.via,)
        inner = self.test(field.target, expected) or (lambda _row: True)
        if operator == "some":
            return lambda row: any(inner(child) for child in table.rows_by(path, row["id"]))
        if operator == "every":
            return lambda row: all(inner(child) for child in table.rows_by(path, row["id"]))
        return lambda row: not any(inner(child) for child in table.rows_by(path, row["id"]))

    def candidates(self, entity: str, where: Where | None) -> list[Sequence[str]] | None:
        """Ascending runs of ids, no id in two of them, outside which no row satisfies the condition.

        None when there is nothing better than to look at every row. The rows of a run need not satisfy the condition.
        """
        if not where or where.get("OR"):
            return None
        found: list[list[Sequence[str]]] = []
        for key, expected in where.items():
            runs = self._field_candidates(entity, key, expected)
            if runs is not None:
                found.append(runs)
        for branch in where.get("AND") or ():
            runs = self.candidates(entity, branch)
            if runs is not None:
                found.append(runs)
        return min(found, key=lambda runs: sum(map(len, runs)), default=None)

    def _field_candidates(self, entity: str, key: str, expected: Any) -> list[Sequence[str]] | None:
        table = self.tables[entity]
        name, _, operator = key.partition("_")
        if name == "id" and operator in ("eq", "in"):
            wanted = _wanted(operator, expected)
            return [sorted(one for one in wanted if table.get(one) is not None)]
        field = self.tables.description.fields_of(entity).get(name)
        if isinstance(field, Reference) and not operator and expected:
            return self._reference_candidates(entity, field, expected)
        if isinstance(field, Children) and operator == "some":
            return self._parent_candidates(entity, field, expected)
        if isinstance(field, Inline) and not operator and isinstance(expected, Mapping):
            return self._inline_candidates(entity, name, expected)
        return None

    def _reference_candidates(self, entity: str, field: Reference, expected: Where) -> list[Sequence[str]] | None:
        table = self.tables[entity]
        if field.twin or not table.has_index((field.name,)):
            return None
        for operator in ("eq", "in"):
            if f"id_{operator}" in expected and not expected.get("OR"):
                keys: Collection[Any] = _wanted(operator, expected[f"id_{operator}"])
                break
        else:
            runs = self.candidates(field.target, expected)
            if runs is None:
                return None
            keys = [row_id for run in runs for row_id in run]
        return [ids.ascending() for key in keys if (ids := table.ids_by((field.name,), key))]

    def _parent_candidates(self, entity: str, field: Children, expected: Where | None) -> list[Sequence[str]] | None:
        runs = self.candidates(field.target, expected)
        table, children = self.tables[entity], self.tables[field.target]
        if runs is None or sum(map(len, runs)) * _DENSE > len(table):
            return None
        parents = {_row(children.get(row_id)).get(field.via) for run in runs for row_id in run}
        return [sorted(one for one in parents if isinstance(one, str) and table.get(one) is not None)]

    def _inline_candidates(self, entity: str, name: str, expected: Where) -> list[Sequence[str]] | None:
        table = self.tables[entity]
        if expected.get("OR"):
            return None
        for key, value in expected.items():
            inner, _, operator = key.partition("_")
            if operator in ("eq", "in") and table.has_index((name, inner)):
                return [
                    ids.ascending() for one in _wanted(operator, value) if (ids := table.ids_by((name, inner), one))
                ]
        return None


def _all(wanted: Sequence[Test]) -> Test | None:
    if not wanted:
        return None
    if len(wanted) == 1:
        return wanted[0]
    if len(wanted) == 2:  # the usual case, worth half the time
        first, second = wanted
        return lambda value: first(value) and second(value)
    return lambda value: all(test(value) for test in wanted)


def _wanted(operator: str, expected: Any) -> frozenset[Any]:
    if expected is None:
        return frozenset()
    return frozenset((expected,)) if operator == "eq" else frozenset(expected)


def _row(row: Row | None) -> Row:
    return row if row is not None else {}
