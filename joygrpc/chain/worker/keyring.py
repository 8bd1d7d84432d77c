"""The unlocked keys."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import bip39
import ed25519_zebra
import sr25519
from eth_keys.datatypes import PrivateKey
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from scalecodec.base import ScaleBytes
from substrateinterface import Keypair, KeypairType
from substrateinterface.constants import DEV_PHRASE
from substrateinterface.key import extract_derive_path

from joygrpc.chain.errors import KeyInvalid
from joygrpc.chain.keys import KeySource, KeyType

CRYPTO_TYPES: Mapping[KeyType, int] = {
    "ed25519": KeypairType.ED25519,
    "sr25519": KeypairType.SR25519,
    "ecdsa": KeypairType.ECDSA,
}

_SURI = re.compile(r"(?P<phrase>[^/]*)(?P<path>(//?[^/]+)*)(///(?P<password>.*))?", re.DOTALL)
_SEED = re.compile(r"0x[0-9a-fA-F]{64}")
_HARD_TAG = {"ed25519": b"\x2cEd25519HDKD", "ecdsa": b"\x34Secp256k1HDKD"}
_SCRYPT_HEADER_BYTES = 44
_SCRYPT_MAX_MEMORY = 1 << 27
_NONCE_BYTES = 24
_PKCS8_HEADER_BYTES = 16
_PKCS8_DIVIDER = bytes((161, 35, 3, 33, 0))


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and its account; has what substrate-interface wants of a key pair."""

    key_type: KeyType
    public_key: bytes
    """The account id, 32 bytes; for ecdsa the BLAKE2b-256 of the compressed point."""
    _secret: Any = field(repr=False)

    @property
    def crypto_type(self) -> int:
        """The variant of the runtime's `MultiSignature`."""
        return CRYPTO_TYPES[self.key_type]

    def sign(self, data: bytes | ScaleBytes) -> bytes:
        """A signature of 64 bytes, 65 for ecdsa."""
        if isinstance(data, ScaleBytes):
            data = bytes(data.data)
        if self.key_type == "ecdsa":
            digest = hashlib.blake2b(data, digest_size=32).digest()
            return bytes(PrivateKey(self._secret).sign_msg_hash(digest).to_bytes())
        return bytes(self._secret.sign(data))


class Keyring:
    """Keys by account; the first of an account wins."""

    def __init__(self, signers: Iterable[Signer]) -> None:
        self._signers: dict[bytes, Signer] = {}
        for signer in signers:
            self._signers.setdefault(signer.public_key, signer)

    @classmethod
    def unlock(cls, source: KeySource) -> Self:
        """All keys of a source; `KeyInvalid` names the one that does not open, never its secret."""
        return cls(_signers(source))

    @property
    def accounts(self) -> tuple[bytes, ...]:
        """Account ids in the order of the sources."""
        return tuple(self._signers)

    def find(self, account: bytes) -> Signer | None:
        """The key of an account."""
        return self._signers.get(account)


def _signers(source: KeySource) -> Iterator[Signer]:
    for position, suri in enumerate(source.suris, start=1):
        try:
            yield signer_of_suri(suri, source.key_type)
        except Exception as error:
            # What the libraries say may quote the phrase.
            raise KeyInvalid(f"Secret URI no. {position} is not valid: {type(error).__name__}") from None
    paths = list(source.key_files)
    if source.key_store is not None:
        try:
            paths += sorted(path for path in source.key_store.iterdir() if path.suffix == ".json")
        except OSError as error:
            raise KeyInvalid(f"Key store cannot be read: {type(error).__name__}") from error
    for path in paths:
        passwords = (source.file_passwords[path],) if path in source.file_passwords else (*source.passwords, "")
        yield signer_of_file(path, passwords)


def signer_of_suri(suri: str, key_type: KeyType) -> Signer:
    """The key that a secret URI names; ValueError and the libraries' errors if it is none."""
    parts = _SURI.fullmatch(suri.strip())
    if parts is None:
        raise ValueError("not a secret URI")
    phrase = parts["phrase"] or DEV_PHRASE
    if _SEED.fullmatch(phrase):
        seed = bytes.fromhex(phrase[2:])
    elif bip39.bip39_validate(phrase, "en"):
        seed = bytes(bip39.bip39_to_mini_secret(phrase, parts["password"] or "", "en"))
    else:
        raise ValueError("neither a mnemonic nor a seed")
    junctions = extract_derive_path(parts["path"]) if parts["path"] else []
    if key_type == "sr25519":
        public, secret = sr25519.pair_from_seed(seed)
        for junction in junctions:
            derive = sr25519.hard_derive_keypair if junction.is_hard else sr25519.derive_keypair
            _, public, secret = derive((junction.chain_code, public, secret), b"")
        return _schnorr(bytes(public), bytes(secret))
    for junction in junctions:
        if not junction.is_hard:
            raise ValueError("soft derivation is for sr25519 alone")
        seed = hashlib.blake2b(_HARD_TAG[key_type] + seed + junction.chain_code, digest_size=32).digest()
    return _edwards(seed) if key_type == "ed25519" else _secp256k1(seed)


def signer_of_file(path: Path, passwords: Iterable[str]) -> Signer:
    """The key in a polkadot.js JSON backup, opened with the first password that fits; else `KeyInvalid`."""
    try:
        backup = json.loads(path.read_bytes())
        content, kinds = backup["encoding"]["content"], backup["encoding"]["type"]
        encoded = _bytes_of(backup["encoded"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyInvalid(f"Key file {path.name} cannot be read: {type(error).__name__}") from error
    try:
        if "none" in (kinds if isinstance(kinds, list) else [kinds]):
            return _signer_of_pkcs8(content, encoded)
        for password in passwords:
            try:
                return _signer_of_pkcs8(content, _decrypt(encoded, kinds, password))
            except CryptoError:
                continue
    except Exception as error:
        raise KeyInvalid(f"Key file {path.name} is not valid: {type(error).__name__}") from None
    raise KeyInvalid(f"Key file {path.name} is locked: no password opens it")


def _bytes_of(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("0x") else base64.b64decode(text)


def _decrypt(encrypted: bytes, kinds: list[str], password: str) -> bytes:
    if "scrypt" in kinds:
        salt = encrypted[:32]
        n, p, r = (int.from_bytes(encrypted[at : at + 4], "little") for at in (32, 36, 40))
        key = hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, dklen=32, maxmem=_SCRYPT_MAX_MEMORY)
        encrypted = encrypted[_SCRYPT_HEADER_BYTES:]
    else:
        key = password.encode()[:32].ljust(32, b"\0")
    return bytes(SecretBox(key).decrypt(encrypted[_NONCE_BYTES:], encrypted[:_NONCE_BYTES]))


def _signer_of_pkcs8(content: list[str], message: bytes) -> Signer:
    body = message[_PKCS8_HEADER_BYTES:]
    secret, divider, public = body.rpartition(_PKCS8_DIVIDER)
    if not divider:
        raise ValueError("not a PKCS #8 key")
    if "sr25519" in content:
        # polkadot.js writes the expanded Ed25519 form of the key.
        derived, converted = sr25519.pair_from_ed25519_secret_key(secret)
        if bytes(derived) != public:
            raise ValueError("public key does not fit")
        return _schnorr(public, bytes(converted))
    if "ed25519" in content:
        return _edwards(secret[:32])
    if "ecdsa" in content:
        return _secp256k1(secret[:32])
    raise ValueError("unknown key type")


def _schnorr(public: bytes, secret: bytes) -> Signer:
    return Signer("sr25519", public, Keypair(public_key=public, private_key=secret, ss58_format=42))


def _edwards(seed: bytes) -> Signer:
    secret, public = ed25519_zebra.ed_from_seed(seed)
    pair = Keypair(public_key=bytes(public), private_key=bytes(secret), ss58_format=42, crypto_type=KeypairType.ED25519)
    return Signer("ed25519", bytes(public), pair)


def _secp256k1(seed: bytes) -> Signer:
    point = PrivateKey(seed).public_key.to_compressed_bytes()
    return Signer("ecdsa", hashlib.blake2b(point, digest_size=32).digest(), seed)
