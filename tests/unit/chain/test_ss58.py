import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.chain.ss58 import InvalidAddress, decode_account, encode_account

ALICE = bytes.fromhex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d")


@pytest.mark.parametrize(
    ("prefix", "text"),
    [
        (42, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
        (0, "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"),
        (126, "j4W7rVcUCxi2crhhjRq46fNDRbVHTjJrz6bKxZwehEMQxZeSf"),
    ],
)
def test_known_addresses(prefix: int, text: str) -> None:
    assert encode_account(ALICE, prefix) == text
    assert decode_account(text) == ALICE


@given(st.binary(min_size=32, max_size=32), st.integers(0, 16383))
def test_decoding_undoes_encoding(account: bytes, prefix: int) -> None:
    assert decode_account(encode_account(account, prefix)) == account


def test_hex_is_an_account_too() -> None:
    assert decode_account("0x" + ALICE.hex()) == ALICE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0x",
        "0xzz",
        "0x" + "00" * 31,
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ",
        "j4W7rVcUCxi2crhhjRq46fNDRbVHTjJrz6bKxZwehEMQxZeS",
        "O0Il",
        "z" * 10_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        decode_account(text)


@pytest.mark.parametrize(("account", "prefix"), [(b"", 42), (ALICE, -1), (ALICE, 16384)])
def test_what_cannot_be_encoded(account: bytes, prefix: int) -> None:
    with pytest.raises(ValueError, match=r"bytes|prefix"):
        encode_account(account, prefix)
