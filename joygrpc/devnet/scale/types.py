"""The chain's types: what each looks like in the metadata, and how its values are written and read.

One object says both, so what clients are told and what the devnet does cannot drift apart. Values are plain Python:
see the table in `joygrpc.devnet.events`. Encoding also takes records as dataclasses with the field names as attributes,
or whatever their `to_scale()` returns.
"""

# ruff: noqa: D102 - the methods of a type are described once, in `Type`

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from joygrpc.devnet.scale.primitives import Reader, ScaleError, encode_compact

TypeParams = tuple[tuple[str, "Type | None"], ...]


class Type(ABC):
    """A type of the chain; `path` is its Rust path, empty for built-in shapes."""

    path: tuple[str, ...] = ()
    params: TypeParams = ()

    @abstractmethod
    def write(self, value: Any, out: bytearray) -> None:
        """Append the encoding of `value`; raises ScaleError when it does not fit."""

    @abstractmethod
    def read(self, reader: Reader) -> Any:
        """The next value; raises ScaleError."""

    @abstractmethod
    def zero(self) -> bytes:
        """The encoding of the type's default value."""

    @property
    @abstractmethod
    def rust_name(self) -> str:
        """How a field of this type is spelt in the metadata."""

    def order(self, value: Any) -> Any:
        """What sets and maps sort `value` by; the chain orders by value, which a textual form may not."""
        return value

    def encode(self, value: Any) -> bytes:
        out = bytearray()
        self.write(value, out)
        return bytes(out)

    def decode(self, data: bytes) -> Any:
        """The value that `data` holds, all of it; raises ScaleError."""
        reader = Reader(data)
        value = self.read(reader)
        if reader.remaining:
            raise ScaleError(f"{reader.remaining} bytes left over after {self.rust_name}")
        return value

    def __repr__(self) -> str:
        return f"<{self.rust_name}>"


class Primitive(Type):
    """u8 to u128, bool or str."""

    _SIZES: Final = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16}

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = self._SIZES.get(name, 0)

    def write(self, value: Any, out: bytearray) -> None:
        if self.size:
            try:
                out += int(value).to_bytes(self.size, "little")
            except (OverflowError, TypeError, ValueError) as error:
                raise ScaleError(f"{value!r} is not a {self.name}") from error
        elif self.name == "bool":
            out.append(1 if value else 0)
        else:
            data = str(value).encode()
            out += encode_compact(len(data)) + data

    def read(self, reader: Reader) -> Any:
        if self.size:
            return reader.integer(self.size)
        if self.name == "bool":
            flag = reader.byte()
            if flag > 1:
                raise ScaleError(f"{flag} is not a bool")
            return bool(flag)
        try:
            return reader.take(reader.compact()).decode()
        except UnicodeDecodeError as error:
            raise ScaleError("text is not UTF-8") from error

    def zero(self) -> bytes:
        return bytes(self.size or 1)

    @property
    def rust_name(self) -> str:
        return self.name


class Compact(Type):
    """An integer in the compact form."""

    def __init__(self, inner: Type) -> None:
        self.inner = inner

    def write(self, value: Any, out: bytearray) -> None:
        self.inner.encode(value)  # checks the range
        out += encode_compact(int(value))

    def read(self, reader: Reader) -> Any:
        value = reader.compact()
        self.inner.encode(value)
        return value

    def zero(self) -> bytes:
        return b"\0"

    @property
    def rust_name(self) -> str:
        return f"Compact<{self.inner.rust_name}>"


def _as_bytes(value: Any) -> bytes:
    """Bytes out of bytes, `0x` hex, or text (as UTF-8), as clients of the chain take them."""
    if not isinstance(value, str):
        return bytes(value)
    if not value.startswith("0x"):
        return value.encode()
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise ScaleError(f"{value!r} is not hexadecimal") from error


class FixedBytes(Type):
    """[u8; n], `bytes` in Python."""

    def __init__(self, length: int) -> None:
        self.length = length

    def write(self, value: Any, out: bytearray) -> None:
        data = _as_bytes(value)
        if len(data) != self.length:
            raise ScaleError(f"{self.length} bytes wanted, not {len(data)}")
        out += data

    def read(self, reader: Reader) -> bytes:
        return reader.take(self.length)

    def zero(self) -> bytes:
        return bytes(self.length)

    @property
    def rust_name(self) -> str:
        return f"[u8; {self.length}]"


class Bytes(Type):
    """Vec<u8>."""

    def write(self, value: Any, out: bytearray) -> None:
        data = _as_bytes(value)
        out += encode_compact(len(data)) + data

    def read(self, reader: Reader) -> bytes:
        return reader.take(reader.compact())

    def zero(self) -> bytes:
        return b"\0"

    @property
    def rust_name(self) -> str:
        return "Vec<u8>"


U8: Final = Primitive("u8")
U16: Final = Primitive("u16")
U32: Final = Primitive("u32")
U64: Final = Primitive("u64")
U128: Final = Primitive("u128")
BOOL: Final = Primitive("bool")
TEXT: Final = Primitive("str")
BYTES: Final = Bytes()
