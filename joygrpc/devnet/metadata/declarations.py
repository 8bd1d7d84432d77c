"""What a pallet declares: its storage, constants, calls, events and errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import xxhash

from joygrpc.devnet.events import EVENT_FIELDS
from joygrpc.devnet.scale import Enum, Tuple, Type, Variant

Hasher = Literal["Blake2_128Concat", "Twox64Concat"]
Modifier = Literal["Default", "Optional"]


def twox_128(data: bytes) -> bytes:
    """The hash of pallet and item names in storage keys."""
    return b"".join(xxhash.xxh64(data, seed=seed).intdigest().to_bytes(8, "little") for seed in (0, 1))


def _hash_key(hasher: Hasher, data: bytes) -> bytes:
    if hasher == "Blake2_128Concat":
        return hashlib.blake2b(data, digest_size=16).digest() + data
    return xxhash.xxh64(data, seed=0).intdigest().to_bytes(8, "little") + data


@dataclass(frozen=True)
class StorageItem:
    """One storage item: a single value when `keys` is empty, else a map with one hasher per key."""

    prefix: str
    name: str
    value: Type
    keys: tuple[Type, ...] = ()
    modifier: Modifier = "Default"
    hasher: Hasher = "Blake2_128Concat"
    default: bytes | None = None

    @cached_property
    def base_key(self) -> bytes:
        """What all keys of the item begin with."""
        return twox_128(self.prefix.encode()) + twox_128(self.name.encode())

    @property
    def default_bytes(self) -> bytes:
        """What clients show for an absent key (a single 0 for optional items, as the chain has it)."""
        if self.default is not None:
            return self.default
        return b"\0" if self.modifier == "Optional" else self.value.zero()

    @property
    def key_type(self) -> Type:
        """The key, or the tuple of keys, as one type."""
        return self.keys[0] if len(self.keys) == 1 else Tuple(*self.keys)

    def raw_key(self, *keys: Any) -> bytes:
        """The storage key of one entry; raises ScaleError for keys that do not fit."""
        parts = zip(self.keys, keys, strict=True)
        return self.base_key + b"".join(_hash_key(self.hasher, key_type.encode(key)) for key_type, key in parts)


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the runtime."""

    name: str
    type: Type
    value: Any


@dataclass(frozen=True, slots=True)
class Pallet:
    """A pallet as clients see it; enums are None where the pallet has none."""

    name: str
    index: int
    storage_prefix: str | None = None
    storage: tuple[StorageItem, ...] = ()
    constants: tuple[Constant, ...] = ()
    calls: Enum | None = None
    events: Enum | None = None
    errors: Enum | None = None
    items: Mapping[str, StorageItem] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", {item.name: item for item in self.storage})


def call(index: int, name: str, /, **arguments: Type) -> Variant:
    """A call with its arguments, in order."""
    return Variant(index, name, arguments, fields_named=True)


def event(pallet: str, index: int, name: str, *types: Type, fields_named: bool = False) -> Variant:
    """An event whose field names are those of `EVENT_FIELDS`; older pallets do not publish them (`fields_named`)."""
    field_names = EVENT_FIELDS[pallet][name]
    return Variant(index, name, dict(zip(field_names, types, strict=True)), fields_named)
