"""The description of the entities as GraphQL schema text, with the argument types that today's indexer has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from joygrpc.devnet.query_node.selection import DIRECTIONS
from joygrpc.devnet.query_node.shapes import (
    TYPE_OF,
    Children,
    Choice,
    Description,
    Entity,
    Field,
    Inline,
    Plain,
    Reference,
    Scalar,
    Value,
)

_ORDERED: Final = ("eq", "not_eq", "gt", "gte", "lt", "lte", "in", "not_in")
_TEXT: Final = (
    "contains",
    "not_contains",
    "containsInsensitive",
    "not_containsInsensitive",
    "startsWith",
    "not_startsWith",
    "endsWith",
    "not_endsWith",
)
_OPERATORS: Final = {
    Scalar.STRING: (*_ORDERED, *_TEXT),
    Scalar.INT: _ORDERED,
    Scalar.FLOAT: _ORDERED,
    Scalar.BIG_INT: _ORDERED,
    Scalar.DATE_TIME: _ORDERED,
    Scalar.BOOLEAN: ("eq", "not_eq"),
}
_ID: Final = Value("id", Scalar.STRING)
_TYPE_OF: Final = Value(TYPE_OF, Scalar.STRING)

_PREAMBLE: Final = '''
schema {
  query: Query
}

type PageInfo {
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  startCursor: String!
  endCursor: String!
}

input WhereIdInput {
  id: String!
}

type SquidStatus {
  """The height of the last processed block"""
  height: Int
}

type SquidVersion {
  version: String!
}
'''


def schema_text(description: Description) -> str:
    """The whole schema, but for its scalars, in the schema definition language."""
    blocks = [_PREAMBLE]
    blocks += [f"enum {name} {{\n{_lines(values)}}}" for name, values in description.enums.items()]
    for plain in description.plains.values():
        blocks += _plain_blocks(description, plain)
    for union in description.unions.values():
        blocks += [_block("type", variant.name, _outputs(description, variant.fields)) for variant in union.variants]
        blocks.append(f"union {union.name} = {' | '.join(variant.name for variant in union.variants)}")
        blocks.append(_filter_block(description, union.name, (_TYPE_OF, *union.merged_fields)))
    for entity in description.entities.values():
        blocks += _entity_blocks(description, entity)
    blocks.append(_block("type", "Query", _roots(description.entities.values())))
    return "\n\n".join(blocks) + "\n"


def _plain_blocks(description: Description, plain: Plain) -> Iterator[str]:
    yield _block("type", plain.name, _outputs(description, plain.fields))
    yield _filter_block(description, plain.name, plain.fields)


def _entity_blocks(description: Description, entity: Entity) -> Iterator[str]:
    fields = (_ID, *entity.fields)
    connection = connection_name(entity)
    yield _block("type", entity.name, _outputs(description, fields))
    yield _filter_block(description, entity.name, fields)
    yield f"enum {entity.name}OrderByInput {{\n{_lines(_orders(description, fields))}}}"
    yield _block("type", f"{entity.name}Edge", (f"node: {entity.name}!", "cursor: String!"))
    yield _block("type", connection, (f"edges: [{entity.name}Edge!]!", "pageInfo: PageInfo!", "totalCount: Int!"))


def connection_name(entity: Entity) -> str:
    """Name of the entity's connection type."""
    return f"{entity.plural[0].upper()}{entity.plural[1:]}Connection"


def list_arguments(entity: str) -> str:
    """Arguments of a list of the entity."""
    return f"where: {entity}WhereInput, orderBy: [{entity}OrderByInput!], offset: Int, limit: Int"


def _roots(entities: Iterable[Entity]) -> Iterator[str]:
    for entity in entities:
        name, where = entity.name, f"where: {entity.name}WhereInput"
        yield f"{entity.singular}ById(id: String!): {name}"
        yield f"{entity.singular}ByUniqueInput(where: WhereIdInput!): {name}"
        yield f"{entity.plural}({list_arguments(name)}): [{name}!]!"
        yield (
            f"{entity.plural}Connection(orderBy: [{name}OrderByInput!]!, after: String, first: Int, {where}): "
            f"{connection_name(entity)}!"
        )
    yield "squidStatus: SquidStatus"
    yield "squidVersion: SquidVersion!"


def _outputs(description: Description, fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        if isinstance(field, Children):
            entity = description.entities[field.target]
            yield f"{field.name}({list_arguments(entity.name)}): [{entity.name}!]!"
            continue
        many = isinstance(field, Value | Inline) and field.many
        inner = f"[{_type_name(field)}!]" if many else _type_name(field)
        yield f"{field.name}: {inner}{'' if field.nullable else '!'}"


def _type_name(field: Value | Choice | Reference | Inline) -> str:
    match field:
        case Value():
            return field.scalar.value
        case Choice():
            return field.enum
        case Reference():
            return field.target
        case Inline():
            return field.type_name


def _filter_block(description: Description, name: str, fields: Iterable[Field]) -> str:
    lines = [line for field in fields for line in _filters(description, field)]
    if name in description.entities:
        lines += [f"AND: [{name}WhereInput!]", f"OR: [{name}WhereInput!]"]
    return _block("input", f"{name}WhereInput", lines)


def _filters(description: Description, field: Field) -> Iterator[str]:
    name = field.name
    if isinstance(field, Children):
        yield from (f"{name}_{quantifier}: {field.target}WhereInput" for quantifier in ("every", "some", "none"))
        return
    yield f"{name}_isNull: Boolean"
    match field:
        case Reference():
            yield f"{name}: {field.target}WhereInput"
        case Inline(many=False):
            yield f"{name}: {field.type_name}WhereInput"
        case Value(many=True):
            yield from (
                f"{name}_{operator}: [{field.scalar}!]" for operator in ("containsAll", "containsAny", "containsNone")
            )
        case Value():
            for operator in _OPERATORS[field.scalar]:
                many = operator in ("in", "not_in")
                yield f"{name}_{operator}: {f'[{field.scalar}!]' if many else field.scalar}"
        case Choice():
            yield from (f"{name}_{operator}: {field.enum}" for operator in ("eq", "not_eq"))
            yield from (f"{name}_{operator}: [{field.enum}!]" for operator in ("in", "not_in"))
        case _:
            return


def _orders(description: Description, fields: Iterable[Field]) -> Iterator[str]:
    """Order values by the fields, and by the leaves of what the fields refer to."""
    for field in fields:
        match field:
            case Value(many=False) | Choice():
                yield from (f"{field.name}_{direction}" for direction in DIRECTIONS)
            case Reference():
                leaves = (_ID, *description.fields_of(field.target).values())
                yield from _nested_orders(field.name, leaves)
            case Inline(many=False):
                leaves = tuple(description.fields_of(field.type_name).values())
                union = (_TYPE_OF,) if field.type_name in description.unions else ()
                yield from _nested_orders(field.name, (*union, *leaves))
            case _:
                continue


def _nested_orders(name: str, leaves: Iterable[Field]) -> Iterator[str]:
    for leaf in leaves:
        if isinstance(leaf, Choice) or (isinstance(leaf, Value) and not leaf.many):
            yield from (f"{name}_{leaf.name}_{direction}" for direction in DIRECTIONS)


def _block(kind: str, name: str, lines: Iterable[str]) -> str:
    return f"{kind} {name} {{\n{_lines(lines)}}}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"  {line}\n" for line in lines)
