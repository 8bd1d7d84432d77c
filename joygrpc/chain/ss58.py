"""SS58: accounts as text, with the chain's prefix (126 on Joystream, addresses start with `j4`)."""

from hashlib import blake2b

ACCOUNT_BYTES = 32

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGIT_OF = {character: digit for digit, character in enumerate(_ALPHABET)}
_CHECKSUM_BYTES = 2
_MAX_CHARACTERS = 64


class InvalidAddress(ValueError):
    """The text is not an account: neither SS58 of 32 bytes nor `0x` and 64 hex digits."""


def encode_account(account: bytes, prefix: int) -> str:
    """SS58 text of a 32-byte account id; `prefix` below 16384."""
    if len(account) != ACCOUNT_BYTES:
        raise ValueError(f"an account id has {ACCOUNT_BYTES} bytes, not {len(account)}")
    payload = _prefix_bytes(prefix) + account
    return _base58(payload + _checksum(payload))


def decode_account(text: str) -> bytes:
    """The 32-byte account id in SS58 text of any prefix, or in hex with `0x`; else `InvalidAddress`."""
    if text.startswith("0x"):
        try:
            account = bytes.fromhex(text[2:])
        except ValueError:
            account = b""
        if len(account) != ACCOUNT_BYTES:
            raise InvalidAddress("Invalid account: not 32 bytes in hex")
        return account
    raw = _unbase58(text)
    prefix_size = 2 if raw and raw[0] & 0b0100_0000 else 1
    payload = raw[:-_CHECKSUM_BYTES]
    if len(payload) != prefix_size + ACCOUNT_BYTES or _checksum(payload) != raw[-_CHECKSUM_BYTES:]:
        raise InvalidAddress("Invalid account: not an SS58 address")
    return payload[prefix_size:]


def _prefix_bytes(prefix: int) -> bytes:
    if 0 <= prefix < 64:
        return bytes((prefix,))
    if prefix < 16384:
        # Two bytes: the lower eight bits are spread so that the first byte is recognisable.
        return bytes((((prefix & 0b1111_1100) >> 2) | 0b0100_0000, (prefix >> 8) | ((prefix & 0b11) << 6)))
    raise ValueError(f"no such SS58 prefix: {prefix}")


def _checksum(payload: bytes) -> bytes:
    return blake2b(b"SS58PRE" + payload, digest_size=64).digest()[:_CHECKSUM_BYTES]


def _base58(raw: bytes) -> str:
    number = int.from_bytes(raw)
    characters = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(_ALPHABET[digit])
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return _ALPHABET[0] * zeros + "".join(reversed(characters))


def _unbase58(text: str) -> bytes:
    if len(text) > _MAX_CHARACTERS:
        raise InvalidAddress("Invalid account: not an SS58 address")
    number = 0
    for character in text:
        digit = _DIGIT_OF.get(character)
        if digit is None:
            raise InvalidAddress("Invalid account: not an SS58 address")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip(_ALPHABET[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)
