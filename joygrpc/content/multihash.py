"""The multihash that the chain stores for an object: BLAKE3-256, in base58btc text of 46 characters."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3

DIGEST_BYTES = 32
MULTIHASH_CHARACTERS = 46

_PREFIX = b"\x1e\x20"
"""Multihash code of BLAKE3, then the digest's length."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGIT_OF = {character: digit for digit, character in enumerate(_ALPHABET)}
_READ_BYTES = 1 << 20


class InvalidMultihash(ValueError):
    """The text is not the base58btc form of a BLAKE3-256 multihash."""


def encode_multihash(digest: bytes) -> str:
    """The multihash text of a 32-byte BLAKE3 digest."""
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"a BLAKE3 digest has {DIGEST_BYTES} bytes, not {len(digest)}")
    number = int.from_bytes(_PREFIX + digest)
    characters = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(_ALPHABET[digit])
    # The first byte is not zero, so base58's rule for leading zeros has nothing to do.
    return "".join(reversed(characters))


def decode_multihash(text: str) -> bytes:
    """The 32-byte digest in a multihash text; `InvalidMultihash` if it is anything else."""
    if len(text) != MULTIHASH_CHARACTERS:
        raise InvalidMultihash(f"Invalid multihash: {text}")
    number = 0
    for character in text:
        digit = _DIGIT_OF.get(character)
        if digit is None:
            raise InvalidMultihash(f"Invalid multihash: {text}")
        number = number * 58 + digit
    # 58**46 needs 34 bytes and a bit: what does not fit is out of range as well.
    if number >> 8 * DIGEST_BYTES != int.from_bytes(_PREFIX):
        raise InvalidMultihash(f"Invalid multihash: {text}")
    return (number & ((1 << 8 * DIGEST_BYTES) - 1)).to_bytes(DIGEST_BYTES)


def multihash_of_bytes(data: bytes | bytearray | memoryview) -> str:
    """The multihash of an object whose bytes are all here."""
    return encode_multihash(blake3(data).digest())


def multihash_of_file(path: str | os.PathLike[str], progress: Callable[[int], None] | None = None) -> str:
    """The multihash of a file; `progress` is told the number of bytes hashed so far. Blocks; raises OSError.

    Reads instead of mapping the file, since a mapped file that shrinks kills the process.
    """
    hasher = blake3()
    buffer = bytearray(_READ_BYTES)
    view = memoryview(buffer)
    done = 0
    with Path(path).open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(view[:count])
            done += count
            if progress is not None:
                progress(done)
    return encode_multihash(hasher.digest())
