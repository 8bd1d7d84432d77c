"""Enums of the chain."""

# ruff: noqa: D102 - the methods of a type are described once, in `Type`

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joygrpc.devnet.scale.composites import Named
from joygrpc.devnet.scale.primitives import Reader, ScaleError
from joygrpc.devnet.scale.types import Type


@dataclass(frozen=True, slots=True)
class Variant:
    """One case of an enum. `fields_named` is whether the metadata names the fields; values always go by these names."""

    index: int
    name: str
    fields: Mapping[str, Type] = field(default_factory=dict)
    fields_named: bool = False


class Enum(Named):
    """An enum; values are the variant's name, or `{name: value}`, or objects whose `to_scale()` gives one of these.

    The value of a variant with one unnamed field is the field's own, with several a tuple, with named fields a dict.
    """

    def __init__(
        self, path: str, variants: Iterable[Variant] = (), params: Mapping[str, Type | None] | None = None
    ) -> None:
        super().__init__(path, params)
        self.variants: dict[int, Variant] = {}
        self.by_name: dict[str, Variant] = {}
        self.define(variants)

    def define(self, variants: Iterable[Variant]) -> None:
        """Give the cases; apart from the constructor since the enum of all calls holds itself (a batch of calls)."""
        self.variants = {variant.index: variant for variant in variants}
        self.by_name = {variant.name: variant for variant in self.variants.values()}

    def write(self, value: Any, out: bytearray) -> None:
        if hasattr(value, "to_scale"):
            value = value.to_scale()
        if isinstance(value, Mapping):
            if len(value) != 1:
                raise ScaleError(f"{self.rust_name} wants one key, not {sorted(value)}")
            ((name, content),) = value.items()
        else:
            name, content = value, None
        variant = self.by_name.get(name)
        if variant is None:
            raise ScaleError(f"{self.rust_name} has no {name!r}")
        out.append(variant.index)
        for field_type, part in zip(variant.fields.values(), _parts(variant, content), strict=True):
            field_type.write(part, out)

    def read(self, reader: Reader) -> Any:
        index = reader.byte()
        variant = self.variants.get(index)
        if variant is None:
            raise ScaleError(f"{self.rust_name} has no variant {index}")
        values = [field_type.read(reader) for field_type in variant.fields.values()]
        if not values:
            return variant.name
        if variant.fields_named:
            return {variant.name: dict(zip(variant.fields, values, strict=True))}
        return {variant.name: values[0] if len(values) == 1 else tuple(values)}

    def order(self, value: Any) -> Any:
        return self.by_name[value].index if isinstance(value, str) and value in self.by_name else value

    def zero(self) -> bytes:
        variant = self.variants[min(self.variants)]
        return bytes((variant.index,)) + b"".join(field_type.zero() for field_type in variant.fields.values())


def _parts(variant: Variant, content: Any) -> list[Any]:
    count = len(variant.fields)
    if count == 0:
        return []
    if isinstance(content, Mapping) and (variant.fields_named or set(content) == set(variant.fields)):
        try:
            return [content[name] for name in variant.fields]
        except KeyError as error:
            raise ScaleError(f"{variant.name} lacks {error.args[0]}") from error
    if count == 1:
        return [content]
    parts = list(content or ())
    if len(parts) != count:
        raise ScaleError(f"{variant.name} wants {count} values, not {len(parts)}")
    return parts


def names(*variant_names: str) -> tuple[Variant, ...]:
    """Variants without values, numbered from 0."""
    return tuple(Variant(index, name) for index, name in enumerate(variant_names))
