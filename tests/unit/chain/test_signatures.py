"""Signatures of bytes, in every form that accounts of the chain produce."""

from hashlib import blake2b

import ed25519_zebra
import pytest
import sr25519
from Crypto.Hash import keccak
from eth_keys.datatypes import PrivateKey

from joygrpc.chain.signatures import InvalidSignatureLength, verify_signature
from joygrpc.chain.ss58 import InvalidAddress, encode_account

DATA = b'{"memberId":0}'
SR25519 = sr25519.pair_from_seed(b"\x01" * 32)
ED25519_SECRET, ED25519_PUBLIC = ed25519_zebra.ed_from_seed(b"\x02" * 32)
ECDSA = PrivateKey(b"\x03" * 32)
ECDSA_ACCOUNT = blake2b(ECDSA.public_key.to_compressed_bytes(), digest_size=32).digest()
ETHEREUM_ACCOUNT = bytes(12) + ECDSA.public_key.to_canonical_address()


def sr25519_signature() -> bytes:
    return sr25519.sign(SR25519, DATA)


def ed25519_signature() -> bytes:
    return ed25519_zebra.ed_sign(ED25519_SECRET, DATA)


def ecdsa_signature() -> bytes:
    return ECDSA.sign_msg_hash(blake2b(DATA, digest_size=32).digest()).to_bytes()


def keccak_signature() -> bytes:
    return ECDSA.sign_msg_hash(keccak.new(digest_bits=256, data=DATA).digest()).to_bytes()


@pytest.mark.parametrize(
    ("account", "signature"),
    [
        (SR25519[0], sr25519_signature()),
        (SR25519[0], b"\x01" + sr25519_signature()),
        (ED25519_PUBLIC, ed25519_signature()),
        (ED25519_PUBLIC, b"\x00" + ed25519_signature()),
        (ECDSA_ACCOUNT, b"\x02" + ecdsa_signature()),
        (ETHEREUM_ACCOUNT, b"\x02" + keccak_signature()),
    ],
)
def test_all_forms(account: bytes, signature: bytes) -> None:
    for prefix in (42, 126):
        assert verify_signature(encode_account(account, prefix), DATA, signature)
    assert not verify_signature(encode_account(account, 42), DATA + b" ", signature)
    assert not verify_signature(encode_account(bytes(31) + b"\x09", 42), DATA, signature)


def test_a_recoverable_signature_without_its_kind() -> None:
    signature = ecdsa_signature()
    account = encode_account(ECDSA_ACCOUNT, 42)
    # One in 85 begins like a kind; this one does not.
    assert signature[0] > 2
    assert verify_signature(account, DATA, signature)
    assert not verify_signature(account, DATA, b"\xff" * 65)


@pytest.mark.parametrize("kind", [b"\x00", b"\x01"])
def test_the_wrong_kind(kind: bytes) -> None:
    assert not verify_signature(encode_account(ECDSA_ACCOUNT, 42), DATA, kind + sr25519_signature())
    assert not verify_signature(encode_account(SR25519[0], 42), DATA, kind + b"x" + sr25519_signature())


@pytest.mark.parametrize("length", [0, 63, 67])
def test_lengths(length: int) -> None:
    with pytest.raises(InvalidSignatureLength, match=rf"expected \[64\.\.66\] bytes, found {length}"):
        verify_signature(encode_account(SR25519[0], 42), DATA, bytes(length))


def test_no_account() -> None:
    with pytest.raises(InvalidAddress):
        verify_signature("nobody", DATA, bytes(64))
