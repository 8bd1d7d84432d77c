"""Signed extrinsics, made by hand."""

from typing import Any

from substrateinterface import Keypair, KeypairType

from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.chain.headers import blake2_256
from joygrpc.devnet.scale import encode_compact

_SCHEMES = {KeypairType.ED25519: 0, KeypairType.SR25519: 1}


def keypair(uri: str) -> Keypair:
    return Keypair.create_from_uri(uri, ss58_format=126)


def ed25519_keypair(seed: int) -> Keypair:
    return Keypair.create_from_seed(bytes([seed] * 32).hex(), ss58_format=126, crypto_type=KeypairType.ED25519)


def account_of(pair: Keypair) -> str:
    return "0x" + pair.public_key.hex()


def signed(
    chain: Chain,
    pair: Keypair,
    pallet: str,
    name: str,
    arguments: dict[str, Any] | None = None,
    *,
    nonce: int | None = None,
    tip: int = 0,
    era: tuple[bytes, int] = (b"\0", 0),
    genesis: bytes | None = None,
) -> bytes:
    """A signed extrinsic; `era` is its encoding and the height of the block that the signature covers."""
    account = account_of(pair)
    nonce = chain.next_nonce(account) if nonce is None else nonce
    call = chain.runtime.calls.encode({pallet: {name: arguments or {}}})
    extra = era[0] + encode_compact(nonce) + encode_compact(tip)
    birth = chain.blocks.hash_of(era[1])
    assert birth is not None
    versions = (2004).to_bytes(4, "little") + (2).to_bytes(4, "little")
    payload = call + extra + versions + (genesis or chain.genesis_hash) + birth
    signature = pair.sign(payload if len(payload) <= 256 else blake2_256(payload))
    body = b"\x84" + pair.public_key + bytes((_SCHEMES[pair.crypto_type],)) + signature + extra + call
    return encode_compact(len(body)) + body
