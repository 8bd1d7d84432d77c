"""Development accounts: public keys of secret URIs such as `//Alice` or `//testing//worker//Storage//0`."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

import base58
import sr25519

from joygrpc.devnet.scale import encode_compact

# The seed of the development phrase that every Substrate tool knows; whoever holds money here plays.
_DEV_SEED: Final = bytes.fromhex("fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e")


def _chain_code(junction: str) -> bytes:
    if junction.isdecimal():
        return int(junction).to_bytes(8, "little").ljust(32, b"\0")
    text = junction.encode()
    encoded = encode_compact(len(text)) + text
    if len(encoded) > 32:
        return hashlib.blake2b(encoded, digest_size=32).digest()
    return encoded.ljust(32, b"\0")


@lru_cache(maxsize=1024)
def dev_account(uri: str) -> str:
    """The sr25519 account of a hard derivation path below the development phrase, as `0x` and hex.

    ValueError for anything else: soft derivations, phrases, passwords.
    """
    head, *junctions = uri.split("//")
    if head or not junctions or any(not junction or "/" in junction for junction in junctions):
        raise ValueError(f"{uri!r} is not a path of hard derivations")
    public, secret = sr25519.pair_from_seed(_DEV_SEED)
    for junction in junctions:
        _, public, secret = sr25519.hard_derive_keypair((_chain_code(junction), public, secret), b"")
    return "0x" + bytes(public).hex()


class NotAnAccount(ValueError):
    """The text is neither SS58 nor hex of 32 bytes."""


def parse_account(text: str) -> str:
    """The account in SS58 text of any prefix, in hex, or behind a development URI, as `0x` and hex; raises NotAnAccount."""
    if text.startswith("//"):
        try:
            return dev_account(text)
        except ValueError as error:
            raise NotAnAccount(str(error)) from error
    try:
        if text.startswith("0x"):
            account = bytes.fromhex(text[2:])
        else:
            raw = base58.b58decode(text)
            prefix_bytes = 2 if raw[0] & 0b0100_0000 else 1
            account, checksum = raw[prefix_bytes:-2], raw[-2:]
            if hashlib.blake2b(b"SS58PRE" + raw[:-2], digest_size=64).digest()[:2] != checksum:
                raise ValueError("bad checksum")
    except (ValueError, IndexError) as error:
        raise NotAnAccount(f"{text!r} is not an account") from error
    if len(account) != 32:
        raise NotAnAccount(f"{text!r} is not an account of 32 bytes")
    return "0x" + account.hex()
