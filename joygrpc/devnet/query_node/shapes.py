"""The words in which the query node's entities are described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Scalar(StrEnum):
    """A leaf type; the value is its GraphQL name."""

    STRING = "String"
    INT = "Int"
    FLOAT = "Float"
    BOOLEAN = "Boolean"
    BIG_INT = "BigInt"
    DATE_TIME = "DateTime"


@dataclass(frozen=True, slots=True)
class Value:
    """A leaf that the row holds under the field's name; `many` makes it a list of leaves."""

    name: str
    scalar: Scalar
    nullable: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of an enum."""

    name: str
    enum: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """One other entity. The row holds its id under the field's name; a `twin` has the row's own id and may be absent."""

    name: str
    target: str
    nullable: bool = False
    twin: bool = False


@dataclass(frozen=True, slots=True)
class Children:
    """The entities whose reference `via` points back at this one."""

    name: str
    target: str
    via: str


@dataclass(frozen=True, slots=True)
class Inline:
    """A plain object or a union that is part of the row; `many` makes it a list."""

    name: str
    type_name: str
    nullable: bool = False
    many: bool = False


TYPE_OF: Final = "isTypeOf"
"""Key under which an inline union value names its variant."""

Field = Value | Choice | Reference | Children | Inline


@dataclass(frozen=True, slots=True)
class Plain:
    """An object type without an id, only ever part of an entity's row."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """One of several plain objects; a value says which under `isTypeOf`."""

    name: str
    variants: tuple[Plain, ...]

    @property
    def merged_fields(self) -> tuple[Field, ...]:
        """The variants' fields, each name once: what a filter may ask for."""
        return tuple({one.name: one for variant in self.variants for one in variant.fields}.values())


@dataclass(frozen=True, slots=True)
class Entity:
    """A type with an id and root fields. `indices` are paths (field, or inline field and its field) to look rows up by."""

    name: str
    fields: tuple[Field, ...]
    plural: str
    indices: tuple[tuple[str, ...], ...] = ()

    @property
    def singular(self) -> str:
        """The name that the root fields for one begin with."""
        return self.name[0].lower() + self.name[1:]


@dataclass(frozen=True, slots=True)
class Description:
    """All types of one query node."""

    entities: Mapping[str, Entity]
    unions: Mapping[str, Union]
    plains: Mapping[str, Plain]
    enums: Mapping[str, tuple[str, ...]]
    _fields: Mapping[str, Mapping[str, Field]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known: dict[str, Mapping[str, Field]] = {}
        owners: tuple[Entity | Plain, ...] = (*self.entities.values(), *self.plains.values())
        for owner in owners:
            known[owner.name] = {one.name: one for one in owner.fields}
        for union in self.unions.values():
            known[union.name] = {one.name: one for one in union.merged_fields}
            for variant in union.variants:
                known[variant.name] = {one.name: one for one in variant.fields}
        object.__setattr__(self, "_fields", MappingProxyType(known))

    def fields_of(self, type_name: str) -> Mapping[str, Field]:
        """The fields of an entity, plain object or union by name, the id of an entity not among them."""
        return self._fields[type_name]
