"""The executable schema: one resolver per kind of field, put to work wherever the description has that kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

from graphql import (
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    extend_schema,
    parse,
)

from joygrpc.devnet.query_node.entities import DESCRIPTION
from joygrpc.devnet.query_node.scalars import big_int, date_time
from joygrpc.devnet.query_node.sdl import connection_name, schema_text
from joygrpc.devnet.query_node.selection import Selection
from joygrpc.devnet.query_node.shapes import TYPE_OF, Children, Entity, Field, Reference
from joygrpc.devnet.query_node.tables import Row, Tables

_DEFAULT_FIRST: Final = 100
"""Edges of a connection when the query does not say how many."""

_CURSOR_DIGITS: Final = 18

_Kind = TypeVar("_Kind", bound=GraphQLNamedType)


@dataclass(frozen=True, slots=True)
class Context:
    """What resolvers work on: the tables and the indexer's own state."""

    tables: Tables
    selection: Selection
    height: int
    version: str


Resolver = Callable[..., Any]
_Info = GraphQLResolveInfo[Context]


@cache
def executable_schema() -> GraphQLSchema:
    """The schema of the description; it holds no data, so one serves every query node of the process."""
    schema = extend_schema(GraphQLSchema(types=[big_int(), date_time()]), parse(schema_text(DESCRIPTION)))
    for union in DESCRIPTION.unions.values():
        _type(schema, union.name, GraphQLUnionType).resolve_type = lambda value, _info, _type: value[TYPE_OF]
        for variant in union.variants:
            _attach(_type(schema, variant.name, GraphQLObjectType), variant.fields)
    for plain in DESCRIPTION.plains.values():
        _attach(_type(schema, plain.name, GraphQLObjectType), plain.fields)
    query = _type(schema, "Query", GraphQLObjectType)
    for entity in DESCRIPTION.entities.values():
        entity_type = _type(schema, entity.name, GraphQLObjectType)
        entity_type.fields["id"].resolve = _stored("id")
        _attach(entity_type, entity.fields)
        _attach_roots(query, entity)
        _attach_connection(_type(schema, connection_name(entity), GraphQLObjectType))
    query.fields["squidStatus"].resolve = lambda _root, info: {"height": info.context.height}
    query.fields["squidVersion"].resolve = lambda _root, info: {"version": info.context.version}
    return schema


def _type(schema: GraphQLSchema, name: str, kind: type[_Kind]) -> _Kind:
    found = schema.type_map[name]
    if not isinstance(found, kind):
        raise TypeError(f"{name} is not a {kind.__name__}")
    return found


def _attach(owner: GraphQLObjectType, fields: tuple[Field, ...]) -> None:
    for field in fields:
        owner.fields[field.name].resolve = _resolver(field)


def _resolver(field: Field) -> Resolver:
    if isinstance(field, Reference):
        return _referred(field)
    if isinstance(field, Children):
        return _children(field)
    return _stored(field.name)


def _stored(name: str) -> Resolver:
    return lambda row, _info: row.get(name)


def _referred(field: Reference) -> Resolver:
    target, key = field.target, "id" if field.twin else field.name
    return lambda row, info: info.context.tables[target].get(row.get(key))


def _children(field: Children) -> Resolver:
    def resolve(row: Row, info: _Info, **arguments: Any) -> list[Row]:
        _check_window(arguments)
        selection: Selection = info.context.selection
        return selection.child_rows(field.target, field.via, str(row["id"]), arguments)

    return resolve


def _attach_roots(query: GraphQLObjectType, entity: Entity) -> None:
    name = entity.name

    def by_id(_root: object, info: _Info, id: str) -> Row | None:  # noqa: A002  # the argument's name
        return _context(info).tables[name].get(id)

    def by_unique_input(_root: object, info: _Info, where: dict[str, str]) -> Row | None:
        return _context(info).tables[name].get(where["id"])

    def rows(_root: object, info: _Info, **arguments: Any) -> list[Row]:
        _check_window(arguments)
        return _context(info).selection.rows(
            name,
            arguments.get("where"),
            arguments.get("orderBy") or (),
            arguments.get("offset") or 0,
            arguments.get("limit"),
        )

    def connection(_root: object, info: _Info, **arguments: Any) -> Connection:
        return Connection.read(_context(info).selection, name, arguments)

    query.fields[f"{entity.singular}ById"].resolve = by_id
    query.fields[f"{entity.singular}ByUniqueInput"].resolve = by_unique_input
    query.fields[entity.plural].resolve = rows
    query.fields[f"{entity.plural}Connection"].resolve = connection


def _context(info: _Info) -> Context:
    context: Context = info.context
    return context


def _check_window(arguments: dict[str, Any]) -> None:
    for name in ("offset", "limit", "first"):
        if (arguments.get(name) or 0) < 0:
            raise GraphQLError(f"'{name}' can't be negative")


@dataclass(frozen=True, slots=True)
class Connection:
    """A page of a list whose cursors are positions, counted from 1, as decimal text."""

    rows: list[Row]
    offset: int
    more: bool
    count: Callable[[], int]

    @classmethod
    def read(cls, selection: Selection, entity: str, arguments: dict[str, Any]) -> Connection:
        """The page after the cursor `after`, at most `first` rows."""
        _check_window(arguments)
        after = arguments.get("after")
        if after is not None and not (after.isascii() and after.isdecimal() and len(after) < _CURSOR_DIGITS):
            raise GraphQLError(f'invalid cursor value: "{after}"')
        first = arguments.get("first")
        limit = _DEFAULT_FIRST if first is None else first
        offset = int(after or 0)
        where = arguments.get("where")
        rows = selection.rows(entity, where, arguments["orderBy"], offset, limit + 1)
        return cls(rows[:limit], offset, len(rows) > limit, lambda: selection.count(entity, where))

    def edges(self) -> list[dict[str, object]]:
        """The rows with their cursors."""
        return [{"node": row, "cursor": str(self.offset + at)} for at, row in enumerate(self.rows, start=1)]

    def page_info(self) -> dict[str, object]:
        """What lies before and after the page."""
        return {
            "hasNextPage": self.more,
            "hasPreviousPage": self.offset > 0 and bool(self.rows),
            "startCursor": str(self.offset + 1) if self.rows else "",
            "endCursor": str(self.offset + len(self.rows)) if self.rows else "",
        }


def _attach_connection(connection: GraphQLObjectType) -> None:
    connection.fields["edges"].resolve = lambda page, _info: page.edges()
    connection.fields["pageInfo"].resolve = lambda page, _info: page.page_info()
    connection.fields["totalCount"].resolve = lambda page, _info: page.count()
