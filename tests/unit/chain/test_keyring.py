import hashlib
import json
from pathlib import Path

import ed25519_zebra
import pytest
import sr25519
from eth_keys.datatypes import PublicKey, Signature
from substrateinterface import Keypair

from joygrpc.chain.errors import KeyInvalid
from joygrpc.chain.keys import KeySource
from joygrpc.chain.worker.keyring import Keyring, signer_of_suri

ALICE = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
DEV_PHRASE = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"


@pytest.mark.parametrize(
    ("suri", "account"),
    [
        ("//Alice", ALICE),
        (f"{DEV_PHRASE}//Alice", ALICE),
        ("0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e//Alice", ALICE),
        ("//Bob", "8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48"),
    ],
)
def test_development_accounts(suri: str, account: str) -> None:
    assert signer_of_suri(suri, "sr25519").public_key.hex() == account


def test_paths_are_derived_as_by_others() -> None:
    suri = "//testing//worker//Storage//0/soft"
    assert signer_of_suri(suri, "sr25519").public_key == Keypair.create_from_uri(suri).public_key


def test_the_password_of_a_phrase_counts() -> None:
    plain, locked = (signer_of_suri(PHRASE + end, "sr25519").public_key for end in ("", "///secret"))
    assert plain != locked


def test_sr25519_signatures_verify() -> None:
    signer = signer_of_suri("//Alice", "sr25519")
    assert sr25519.verify(signer.sign(b"message"), b"message", signer.public_key)


def test_ed25519_keys_and_signatures() -> None:
    signer = signer_of_suri("//Alice", "ed25519")
    assert signer.public_key.hex() == "88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"
    assert ed25519_zebra.ed_verify(signer.sign(b"message"), b"message", signer.public_key)


def test_ecdsa_keys_and_signatures() -> None:
    signer = signer_of_suri("//Alice", "ecdsa")
    point = bytes.fromhex("020a1091341fe5664bfa1782d5e04779689068c916b04cb365ec3153755684d9a1")
    assert signer.public_key == hashlib.blake2b(point, digest_size=32).digest()
    digest = hashlib.blake2b(b"message", digest_size=32).digest()
    recovered = Signature(signer.sign(b"message")).recover_public_key_from_msg_hash(digest)
    assert recovered == PublicKey.from_compressed_bytes(point)


@pytest.mark.parametrize("suri", ["", "not a phrase", f"{PHRASE} extra", "//Alice/", "0x1234"])
def test_an_invalid_uri_is_named_by_its_place_alone(suri: str) -> None:
    if suri == "":
        assert signer_of_suri(suri, "sr25519").public_key  # the development phrase itself
        return
    with pytest.raises(KeyInvalid) as caught:
        Keyring.unlock(KeySource(suris=("//Alice", suri)))
    assert "no. 2" in caught.value.message
    assert suri not in caught.value.message


def test_soft_paths_are_for_sr25519_alone() -> None:
    with pytest.raises(KeyInvalid):
        Keyring.unlock(KeySource(suris=("//Alice/soft",), key_type="ed25519"))


def test_sources_show_no_secret() -> None:
    source = KeySource(suris=(PHRASE,), passwords=("hidden",), file_passwords={Path("a.json"): "hidden"})
    assert PHRASE not in repr(source)
    assert "hidden" not in repr(source)
    assert "privat" not in repr(signer_of_suri("//Alice", "sr25519")).lower()


@pytest.fixture(scope="module")
def key_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys")
    for name in ("Alice", "Bob"):
        pair = Keypair.create_from_uri(f"//{name}")
        (directory / f"{name}.json").write_text(json.dumps(pair.export_to_encrypted_json(f"{name}'s password")))
    (directory / "notes.txt").write_text("not a key")
    return directory


def test_key_files_open_with_any_of_the_passwords(key_store: Path) -> None:
    keyring = Keyring.unlock(KeySource(key_store=key_store, passwords=("Alice's password", "Bob's password")))
    assert [account.hex() for account in keyring.accounts] == [
        ALICE,
        Keypair.create_from_uri("//Bob").public_key.hex(),
    ]
    signer = keyring.find(bytes.fromhex(ALICE))
    assert signer is not None
    assert sr25519.verify(signer.sign(b"message"), b"message", signer.public_key)


def test_a_file_without_its_password_is_named(key_store: Path) -> None:
    path = key_store / "Alice.json"
    with pytest.raises(KeyInvalid, match=r"Alice\.json is locked"):
        Keyring.unlock(KeySource(key_files=(path,), file_passwords={path: "wrong"}))


def test_an_unreadable_file_is_named(key_store: Path) -> None:
    with pytest.raises(KeyInvalid, match=r"notes\.txt cannot be read"):
        Keyring.unlock(KeySource(key_files=(key_store / "notes.txt",)))
    with pytest.raises(KeyInvalid, match="Key store cannot be read"):
        Keyring.unlock(KeySource(key_store=key_store / "missing"))
