"""Blocks and their hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from joygrpc.devnet.events import Event
from joygrpc.devnet.scale import encode_compact


def blake2_256(data: bytes) -> bytes:
    """The chain's hash of blocks and extrinsics."""
    return hashlib.blake2b(data, digest_size=32).digest()


def hex0x(data: bytes) -> str:
    """Hexadecimal text with `0x`."""
    return "0x" + data.hex()


@dataclass(frozen=True)
class Header:
    """A block header, without digest logs: nobody seals or elects here."""

    parent_hash: bytes
    number: int
    state_root: bytes
    extrinsics_root: bytes

    def encode(self) -> bytes:
        """The bytes that the hash is of."""
        no_digest = b"\0"
        return self.parent_hash + encode_compact(self.number) + self.state_root + self.extrinsics_root + no_digest

    @cached_property
    def hash(self) -> bytes:
        """Its hash."""
        return blake2_256(self.encode())

    def as_json(self) -> dict[str, object]:
        """As clients see it."""
        return {
            "parentHash": hex0x(self.parent_hash),
            "number": hex(self.number),
            "stateRoot": hex0x(self.state_root),
            "extrinsicsRoot": hex0x(self.extrinsics_root),
            "digest": {"logs": []},
        }


@dataclass(frozen=True, slots=True)
class Block:
    """A sealed block."""

    header: Header
    timestamp_ms: int
    extrinsics: tuple[bytes, ...]
    events: tuple[Event, ...]
    changed_keys: frozenset[bytes] = frozenset()
    """Storage keys that the block wrote, and those of blocks that it replaced; empty for blocks from the archive."""

    @property
    def number(self) -> int:
        """Its height."""
        return self.header.number

    @property
    def hash(self) -> bytes:
        """Its hash."""
        return self.header.hash

    def as_json(self) -> dict[str, object]:
        """As clients see it."""
        block = {"header": self.header.as_json(), "extrinsics": [hex0x(raw) for raw in self.extrinsics]}
        return {"block": block, "justifications": None}

    def __repr__(self) -> str:
        return f"<Block {self.number} {hex0x(self.hash)[:10]}: {len(self.extrinsics)} extrinsics>"
