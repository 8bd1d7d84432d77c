"""Checking signatures of arbitrary bytes, in every form that accounts of the chain produce."""

from hashlib import blake2b

import ed25519_zebra
import sr25519
from Crypto.Hash import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from joygrpc.chain.ss58 import decode_account

SHORTEST_SIGNATURE, LONGEST_SIGNATURE = 64, 66

_ED25519, _SR25519, _ECDSA = 0, 1, 2
_PLAIN_BYTES = 64
_RECOVERABLE_BYTES = 65
_ETHEREUM_ADDRESS_BYTES = 20


class InvalidSignatureLength(ValueError):
    """The bytes cannot be a signature; the message is public."""

    def __init__(self, length: int) -> None:
        super().__init__(
            f"Invalid signature length, expected [{SHORTEST_SIGNATURE}..{LONGEST_SIGNATURE}] bytes, found {length}"
        )


def verify_signature(account: str, data: bytes, signature: bytes) -> bool:
    """Whether an account (SS58 text of any prefix) signed `data`.

    64 bytes are tried as ed25519, then as sr25519 (context `substrate`). 65 or 66 bytes that begin with 0, 1 or 2 carry their kind (ed25519,
    sr25519, ecdsa); other 65 bytes are ecdsa, over BLAKE2b-256 or Keccak-256. Raises `InvalidAddress` and `InvalidSignatureLength`.
    """
    public_key = decode_account(account)
    if not SHORTEST_SIGNATURE <= len(signature) <= LONGEST_SIGNATURE:
        raise InvalidSignatureLength(len(signature))
    if len(signature) == _PLAIN_BYTES:
        return _is_ed25519(public_key, data, signature) or _is_sr25519(public_key, data, signature)
    match signature[0]:
        case 0:
            return _is_ed25519(public_key, data, signature[1:])
        case 1:
            return _is_sr25519(public_key, data, signature[1:])
        case 2:
            return _is_ecdsa(public_key, data, signature[1:])
    return _is_ecdsa(public_key, data, signature)


def _is_ed25519(public_key: bytes, data: bytes, signature: bytes) -> bool:
    if len(signature) != _PLAIN_BYTES:
        return False
    try:
        return bool(ed25519_zebra.ed_verify(signature, data, public_key))
    except ValueError:
        return False


def _is_sr25519(public_key: bytes, data: bytes, signature: bytes) -> bool:
    if len(signature) != _PLAIN_BYTES:
        return False
    try:
        return bool(sr25519.verify(signature, data, public_key))
    except ValueError:
        return False


def _is_ecdsa(account: bytes, data: bytes, signature: bytes) -> bool:
    """An account of this kind is the BLAKE2b-256 of the compressed point, or ends with an Ethereum address."""
    if len(signature) != _RECOVERABLE_BYTES:
        return False
    for digest in (blake2b(data, digest_size=32).digest(), keccak.new(digest_bits=256, data=data).digest()):
        try:
            signer = Signature(signature).recover_public_key_from_msg_hash(digest)
        except (BadSignature, ValidationError):
            continue
        if blake2b(signer.to_compressed_bytes(), digest_size=32).digest() == account:
            return True
        if signer.to_canonical_address() == account[-_ETHEREUM_ADDRESS_BYTES:]:
            return True
    return False
