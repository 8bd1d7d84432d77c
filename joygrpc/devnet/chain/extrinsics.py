"""Extrinsics: reading them and checking who signed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import ed25519_zebra
import sr25519

from joygrpc.devnet.chain.headers import blake2_256, hex0x
from joygrpc.devnet.ledger.calls import Call
from joygrpc.devnet.metadata.frame import VERSION
from joygrpc.devnet.metadata.runtime import EXTRINSIC_VERSION, MULTI_SIGNATURE, Runtime
from joygrpc.devnet.scale import Reader, ScaleError, encode_compact

_SIGNED: Final = 0x80
_ED25519, _SR25519 = "Ed25519", "Sr25519"


class MalformedExtrinsic(ValueError):
    """Bytes that are no extrinsic of this runtime."""


@dataclass(frozen=True, slots=True)
class Era:
    """From which block an extrinsic lives and for how many; `period` 0 means for ever. Periods are powers of two."""

    period: int = 0
    phase: int = 0

    @classmethod
    def read(cls, reader: Reader) -> Era:
        """Read the one or two bytes."""
        first = reader.byte()
        if first == 0:
            return cls()
        encoded = first | reader.byte() << 8
        period = 2 << (encoded & 0b1111)
        phase = (encoded >> 4) * max(period >> 12, 1)
        if period < 4 or phase >= period:
            raise ScaleError("no such mortal era")
        return cls(period, phase)

    def birth(self, current: int) -> int:
        """The block whose hash the signature covers, for an extrinsic judged at block `current`."""
        if not self.period:
            return 0
        return (max(current, self.phase) - self.phase) // self.period * self.period + self.phase


@dataclass(frozen=True, slots=True)
class SignatureFields:
    """Who signed, how, and what else the signature covers; `extra` is its encoded form."""

    signer: str
    scheme: str
    signature: bytes
    era: Era
    nonce: int
    tip: int
    extra: bytes

    @property
    def signer_bytes(self) -> bytes:
        """The signer's public key."""
        return bytes.fromhex(self.signer[2:])


@dataclass(frozen=True)
class Extrinsic:
    """A decoded extrinsic; `signed` is None for inherents."""

    raw: bytes
    call: Call
    call_bytes: bytes
    signed: SignatureFields | None

    @cached_property
    def hash(self) -> str:
        """Its hash."""
        return hex0x(blake2_256(self.raw))

    def verify(self, genesis_hash: bytes, birth_hash: bytes) -> bool:
        """Whether the signature covers call, extras, runtime version and these two blocks."""
        if self.signed is None:
            return False
        versions = b"".join(int(str(VERSION[key])).to_bytes(4, "little") for key in _SIGNED_VERSIONS)
        payload = self.call_bytes + self.signed.extra + versions + genesis_hash + birth_hash
        message = payload if len(payload) <= 256 else blake2_256(payload)
        return _verify(self.signed, message)

    def __repr__(self) -> str:
        signer = self.signed.signer[:10] if self.signed else "unsigned"
        return f"<Extrinsic {self.hash[:10]} {self.call} by {signer}>"


_SIGNED_VERSIONS: Final = ("spec_version", "transaction_version")


def _verify(fields: SignatureFields, message: bytes) -> bool:
    try:
        if fields.scheme == _SR25519:
            return bool(sr25519.verify(fields.signature, message, fields.signer_bytes))
        if fields.scheme == _ED25519:
            return bool(ed25519_zebra.ed_verify(fields.signature, message, fields.signer_bytes))
    except Exception:  # the bindings raise plain exceptions for keys that are no points
        return False
    return False


def decode_extrinsic(runtime: Runtime, raw: bytes) -> Extrinsic:
    """Read an extrinsic with its length prefix; raises MalformedExtrinsic."""
    try:
        reader = Reader(raw)
        if reader.compact() != reader.remaining:
            raise ScaleError("the length prefix does not fit")
        version = reader.byte()
        if version & ~_SIGNED != EXTRINSIC_VERSION:
            raise ScaleError(f"extrinsic version {version & ~_SIGNED}")
        signed = _read_signature(reader) if version & _SIGNED else None
        start = reader.position
        call = Call.from_scale(runtime.calls.read(reader))
        if reader.remaining:
            raise ScaleError("bytes after the call")
    except ScaleError as error:
        raise MalformedExtrinsic(str(error)) from error
    return Extrinsic(raw, call, raw[start:], signed)


def _read_signature(reader: Reader) -> SignatureFields:
    signer = hex0x(reader.take(32))
    ((scheme, signature),) = MULTI_SIGNATURE.read(reader).items()
    start = reader.position
    era = Era.read(reader)
    nonce, tip = reader.compact(), reader.compact()
    extra = reader.data[start : reader.position]
    return SignatureFields(signer, scheme, signature, era, nonce, tip, extra)


def encode_inherent(runtime: Runtime, call: Call) -> bytes:
    """An unsigned extrinsic, as a block's author puts first."""
    body = bytes((EXTRINSIC_VERSION,)) + runtime.calls.encode(call)
    return encode_compact(len(body)) + body
