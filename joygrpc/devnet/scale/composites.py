"""Types made of others: lists, records, options, sets and maps."""

# ruff: noqa: D102 - the methods of a type are described once, in `Type`

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from joygrpc.devnet.scale.primitives import Reader, ScaleError, encode_compact
from joygrpc.devnet.scale.types import FixedBytes, Type


class Vec(Type):
    """A list."""

    def __init__(self, inner: Type) -> None:
        self.inner = inner

    def write(self, value: Any, out: bytearray) -> None:
        items: Sequence[Any] = value if isinstance(value, Sequence) else list(value)
        out += encode_compact(len(items))
        for item in items:
            self.inner.write(item, out)

    def read(self, reader: Reader) -> list[Any]:
        count = reader.compact()
        # Each item of a hostile list could be empty, so the count alone must not allocate.
        if count > max(reader.remaining, 1024):
            raise ScaleError(f"{count} items in {reader.remaining} bytes")
        return [self.inner.read(reader) for _ in range(count)]

    def zero(self) -> bytes:
        return b"\0"

    @property
    def rust_name(self) -> str:
        return f"Vec<{self.inner.rust_name}>"


class Tuple(Type):
    """Several values without names."""

    def __init__(self, *items: Type) -> None:
        self.items = items

    def write(self, value: Any, out: bytearray) -> None:
        parts = tuple(value)
        if len(parts) != len(self.items):
            raise ScaleError(f"{len(self.items)} values wanted, not {len(parts)}")
        for item, part in zip(self.items, parts, strict=True):
            item.write(part, out)

    def read(self, reader: Reader) -> tuple[Any, ...]:
        return tuple(item.read(reader) for item in self.items)

    def zero(self) -> bytes:
        return b"".join(item.zero() for item in self.items)

    @property
    def rust_name(self) -> str:
        return f"({', '.join(item.rust_name for item in self.items)})"


class Named(Type):
    """A type with a Rust path."""

    def __init__(self, path: str, params: Mapping[str, Type | None] | None = None) -> None:
        self.path = tuple(path.split("::"))
        self.params = tuple((params or {}).items())

    @property
    def rust_name(self) -> str:
        return self.path[-1]


class Wrapper(Named):
    """A composite with one unnamed field; its values are those of the field."""

    def __init__(self, path: str, inner: Type, params: Mapping[str, Type | None] | None = None) -> None:
        super().__init__(path, params)
        self.inner = inner

    def write(self, value: Any, out: bytearray) -> None:
        self.inner.write(value, out)

    def read(self, reader: Reader) -> Any:
        return self.inner.read(reader)

    def order(self, value: Any) -> Any:
        return self.inner.order(value)

    def zero(self) -> bytes:
        return self.inner.zero()


class HexBytes(Wrapper):
    """A named [u8; n] whose values are `0x` and hex digits."""

    def __init__(self, path: str, length: int) -> None:
        super().__init__(path, FixedBytes(length))

    def write(self, value: Any, out: bytearray) -> None:
        try:
            data = bytes.fromhex(value.removeprefix("0x"))
        except (AttributeError, ValueError) as error:
            raise ScaleError(f"{value!r} is not hexadecimal") from error
        self.inner.write(data, out)

    def read(self, reader: Reader) -> str:
        return "0x" + bytes(self.inner.read(reader)).hex()


class BTreeSet(Wrapper):
    """A set; written and read in ascending order, without repeats."""

    def __init__(self, item: Type) -> None:
        super().__init__("BTreeSet", Vec(item), {"T": item})
        self.item = item

    def write(self, value: Any, out: bytearray) -> None:
        self.inner.write(sorted(set(value), key=self.item.order), out)

    def read(self, reader: Reader) -> list[Any]:
        return sorted(set(self.inner.read(reader)), key=self.item.order)

    @property
    def rust_name(self) -> str:
        return f"BTreeSet<{self.item.rust_name}>"


class BTreeMap(Wrapper):
    """A map; written and read in ascending order of its keys, the last of equal keys wins."""

    def __init__(self, key: Type, value: Type) -> None:
        super().__init__("BTreeMap", Vec(Tuple(key, value)), {"K": key, "V": value})
        self.key, self.value = key, value

    def write(self, value: Any, out: bytearray) -> None:
        pairs: Iterable[Any] = value.items() if isinstance(value, Mapping) else value
        self.inner.write(sorted(dict(pairs).items()), out)

    def read(self, reader: Reader) -> dict[Any, Any]:
        return dict(sorted(dict(self.inner.read(reader)).items()))

    @property
    def rust_name(self) -> str:
        return f"BTreeMap<{self.key.rust_name}, {self.value.rust_name}>"


class Struct(Named):
    """A record; a dict by field name in Python."""

    def __init__(self, path: str, fields: Mapping[str, Type], params: Mapping[str, Type | None] | None = None) -> None:
        super().__init__(path, params)
        self.fields = dict(fields)

    def write(self, value: Any, out: bytearray) -> None:
        if hasattr(value, "to_scale"):
            value = value.to_scale()
        is_mapping = isinstance(value, Mapping)
        for name, field_type in self.fields.items():
            try:
                part = value[name] if is_mapping else getattr(value, name)
            except (KeyError, AttributeError) as error:
                raise ScaleError(f"{self.rust_name} lacks {name}") from error
            field_type.write(part, out)

    def read(self, reader: Reader) -> Any:
        return {name: field_type.read(reader) for name, field_type in self.fields.items()}

    def zero(self) -> bytes:
        return b"".join(field_type.zero() for field_type in self.fields.values())


class Option(Named):
    """A value or None."""

    def __init__(self, inner: Type) -> None:
        super().__init__("Option", {"T": inner})
        self.inner = inner

    def write(self, value: Any, out: bytearray) -> None:
        if value is None:
            out.append(0)
        else:
            out.append(1)
            self.inner.write(value, out)

    def read(self, reader: Reader) -> Any:
        tag = reader.byte()
        if tag > 1:
            raise ScaleError(f"{tag} is not an Option")
        return self.inner.read(reader) if tag else None

    def zero(self) -> bytes:
        return b"\0"

    @property
    def rust_name(self) -> str:
        return f"Option<{self.inner.rust_name}>"


UNIT: Final = Tuple()
