import pytest
from substrateinterface import Keypair

from joygrpc.devnet.accounts import NotAnAccount, dev_account, parse_account

ALICE = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"


@pytest.mark.parametrize(
    "uri", ["//Alice", "//testing//worker//Storage//0", "//a name of more than thirty-two characters//12"]
)
def test_development_uris_give_the_keys_that_wallets_give(uri: str) -> None:
    assert dev_account(uri) == "0x" + Keypair.create_from_uri(uri).public_key.hex()


@pytest.mark.parametrize(
    "text",
    [
        ALICE,
        "//Alice",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        Keypair.create_from_uri("//Alice", ss58_format=126).ss58_address,
    ],
)
def test_accounts_are_taken_in_every_form(text: str) -> None:
    assert parse_account(text) == ALICE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x12",
        "0xzz",
        "Alice",
        "//",
        "//a/b",
        "/soft",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQX",
        "1",
        "\u0661",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(NotAnAccount):
        parse_account(text)
