"""Metadata in its wire form, version 14."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from joygrpc.devnet.metadata.declarations import Pallet, StorageItem
from joygrpc.devnet.scale import (
    U8,
    Bytes,
    Compact,
    Enum,
    FixedBytes,
    Option,
    Primitive,
    Struct,
    Tuple,
    Type,
    Vec,
    Wrapper,
    encode_compact,
)

_MAGIC = b"meta"
_VERSION = 14
_PRIMITIVES = {"bool": 0, "str": 2, "u8": 3, "u16": 4, "u32": 5, "u64": 6, "u128": 7}
_HASHERS = {"Blake2_128Concat": 2, "Twox64Concat": 5}
_MODIFIERS = {"Optional": 0, "Default": 1}
_NO_DOCS = b"\0"


@dataclass(frozen=True, slots=True)
class SignedExtension:
    """Something that a signature covers: `type` travels in the extrinsic, `additional` is implied."""

    identifier: str
    type: Type
    additional: Type


def _text(value: str) -> bytes:
    data = value.encode()
    return encode_compact(len(data)) + data


def _list(items: Iterable[bytes]) -> bytes:
    parts = list(items)
    return encode_compact(len(parts)) + b"".join(parts)


def _option(data: bytes | None) -> bytes:
    return b"\0" if data is None else b"\1" + data


@dataclass(slots=True)
class TypeRegistry:
    """The numbered list of types; equal descriptions share a number."""

    descriptions: list[bytes] = field(default_factory=list)
    _by_identity: dict[int, int] = field(default_factory=dict)
    _by_description: dict[bytes, int] = field(default_factory=dict)
    _kept: list[Type] = field(default_factory=list)  # identities stay unique only while the objects live

    def number(self, described: Type, *, recursive: bool = False) -> int:
        """The number of a type, given out now if it has none; a `recursive` type gets its number before its parts."""
        known = self._by_identity.get(id(described))
        if known is not None:
            return known
        self._kept.append(described)
        if recursive:
            number = len(self.descriptions)
            self.descriptions.append(b"")
            self._by_identity[id(described)] = number
            self.descriptions[number] = self._describe(described)
            return number
        description = self._describe(described)
        shared = self._by_description.get(description)
        if shared is None:
            shared = len(self.descriptions)
            self.descriptions.append(description)
            self._by_description[description] = shared
        self._by_identity[id(described)] = shared
        return shared

    def compact(self, described: Type) -> bytes:
        """The number of a type, encoded."""
        return encode_compact(self.number(described))

    def encode(self) -> bytes:
        """The list as the metadata holds it."""
        return _list(encode_compact(number) + description for number, description in enumerate(self.descriptions))

    def _describe(self, described: Type) -> bytes:
        params = _list(
            _text(name) + _option(None if param is None else self.compact(param)) for name, param in described.params
        )
        return _list(map(_text, described.path)) + params + self._definition(described) + _NO_DOCS

    def _definition(self, described: Type) -> bytes:
        match described:
            case Primitive(name=name):
                return bytes((5, _PRIMITIVES[name]))
            case Compact(inner=inner):
                return b"\6" + self.compact(inner)
            case FixedBytes(length=length):
                return b"\3" + length.to_bytes(4, "little") + self.compact(U8)
            case Bytes():
                return b"\2" + self.compact(U8)
            case Vec(inner=inner):
                return b"\2" + self.compact(inner)
            case Tuple(items=items):
                return b"\4" + _list(map(self.compact, items))
            case Option(inner=inner):
                some = self._fields({"value": inner}, named=False, spelt=False)
                return b"\1" + _list((self._variant("None", b"\0", 0), self._variant("Some", some, 1)))
            case Enum(variants=variants):
                return b"\1" + _list(
                    self._variant(
                        variant.name,
                        self._fields(variant.fields, named=variant.fields_named, spelt=True),
                        variant.index,
                    )
                    for variant in variants.values()
                )
            case Struct(fields=fields):
                return b"\0" + self._fields(fields, named=True, spelt=False)
            case Wrapper(inner=inner):
                return b"\0" + self._fields({"value": inner}, named=False, spelt=False)
        raise TypeError(f"{described!r} has no form in the metadata")

    @staticmethod
    def _variant(name: str, fields: bytes, index: int) -> bytes:
        return _text(name) + fields + bytes((index,)) + _NO_DOCS

    def _fields(self, fields: Mapping[str, Type], *, named: bool, spelt: bool) -> bytes:
        """`spelt` adds the Rust spelling of the type, without which substrate-interface cannot show a call."""
        return _list(
            _option(_text(name) if named else None)
            + self.compact(field_type)
            + _option(_text(field_type.rust_name) if spelt else None)
            + _NO_DOCS
            for name, field_type in fields.items()
        )


def _storage_item(registry: TypeRegistry, item: StorageItem) -> bytes:
    if item.keys:
        hashers = _list(bytes((_HASHERS[item.hasher],)) for _ in item.keys)
        shape = b"\1" + hashers + registry.compact(item.key_type) + registry.compact(item.value)
    else:
        shape = b"\0" + registry.compact(item.value)
    default = item.default_bytes
    head = _text(item.name) + bytes((_MODIFIERS[item.modifier],))
    return head + shape + encode_compact(len(default)) + default + _NO_DOCS


def _pallet(registry: TypeRegistry, pallet: Pallet) -> bytes:
    def enum(described: Enum | None) -> bytes:
        return _option(None if described is None else registry.compact(described))

    storage = None
    if pallet.storage_prefix is not None:
        storage = _text(pallet.storage_prefix) + _list(_storage_item(registry, item) for item in pallet.storage)
    constants = []
    for constant in pallet.constants:
        value = constant.type.encode(constant.value)
        encoded = encode_compact(len(value)) + value
        constants.append(_text(constant.name) + registry.compact(constant.type) + encoded + _NO_DOCS)
    return (
        _text(pallet.name)
        + _option(storage)
        + enum(pallet.calls)
        + enum(pallet.events)
        + _list(constants)
        + enum(pallet.errors)
        + bytes((pallet.index,))
    )


def encode_metadata(
    pallets: Sequence[Pallet],
    *,
    runtime_call: Enum,
    extrinsic: Type,
    extrinsic_version: int,
    extensions: Sequence[SignedExtension],
    runtime: Type,
) -> bytes:
    """The whole metadata, with the leading magic number."""
    registry = TypeRegistry()
    registry.number(runtime_call, recursive=True)
    pallet_part = _list(_pallet(registry, pallet) for pallet in pallets)
    extension_part = _list(
        _text(extension.identifier) + registry.compact(extension.type) + registry.compact(extension.additional)
        for extension in extensions
    )
    extrinsic_part = registry.compact(extrinsic) + bytes((extrinsic_version,)) + extension_part
    runtime_part = registry.compact(runtime)
    return _MAGIC + bytes((_VERSION,)) + registry.encode() + pallet_part + extrinsic_part + runtime_part
