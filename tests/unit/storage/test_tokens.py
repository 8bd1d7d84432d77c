"""Tokens: who gets one, what it looks like, and what it is good for."""

import base64
import json
from datetime import timedelta

import pytest
import sr25519

from joygrpc.chain.signatures import verify_signature
from joygrpc.chain.ss58 import encode_account
from joygrpc.storage.token_forms import (
    Token,
    TokenInvalid,
    TokenMissing,
    TokenRequest,
    TokenRequestInvalid,
    check_token_subject,
    check_token_time,
    token_body,
    token_text,
)
from joygrpc.storage.tokens import (
    MemberAccountMismatch,
    Nonces,
    TokenService,
    TokenStoreFull,
    UploadAuth,
    UploadAuthDisabled,
    UploadSignatureInvalid,
)

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
VECTOR = (
    '{"memberId":0,"accountId":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY","dataObjectId":7,"storageBucketId":0,'
    '"bagId":"static:council"}'
)
VECTOR_SIGNATURE = "0xe85a87b8b3ec9ef9fc7aad18dba1bf41f4442f1696d74ad6b56b807776154837d489458879a31ba4ca694b96360cb934e20c886fb18f0d139e8dab073b04908a"


class KeyedChain:
    """The two things of a chain that tokens need: members' accounts, and a key."""

    def __init__(self, controllers: dict[int, str]) -> None:
        self._pair = sr25519.pair_from_seed(b"\x11" * 32)
        self._controllers = controllers

    def signers(self) -> tuple[str, ...]:
        return (encode_account(self._pair[0], 42),)

    async def sign_bytes(self, signer: str, data: bytes) -> bytes:
        assert signer in self.signers()
        return sr25519.sign(self._pair, data)

    async def member_controller(self, member_id: int) -> str | None:
        return self._controllers.get(member_id)


def service(auth: UploadAuth = "required", lifetime: timedelta = timedelta(seconds=30)) -> TokenService:
    return TokenService(KeyedChain({0: ALICE}), auth=auth, lifetime=lifetime, account=None)  # type: ignore[arg-type]


def test_the_vector_is_signed_by_alice() -> None:
    assert len(VECTOR) == 139
    assert verify_signature(ALICE, VECTOR.encode(), bytes.fromhex(VECTOR_SIGNATURE[2:]))


def test_a_token_holds_nonce_and_time_first_then_the_request_in_its_order() -> None:
    body = token_body(TokenRequest.parse(VECTOR), "17", 1_700_000_000_000)
    text = token_text(body, b"\xab" * 64)
    assert "=" not in text
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    assert decoded == (
        '{"data":{"nonce":"17","validUntil":1700000000000,' + VECTOR[1:] + ',"signature":"0x' + "ab" * 64 + '"}'
    )


async def test_a_token_from_the_vector_is_good_for_one_upload() -> None:
    tokens = service()
    text = await tokens.create(VECTOR, VECTOR_SIGNATURE)
    tokens.check(text, 7, 0, "static:council")
    with pytest.raises(TokenInvalid, match="Nonce not found"):
        tokens.check(text, 7, 0, "static:council")


async def test_standard_base64_with_padding_is_read_too() -> None:
    tokens = service()
    text = await tokens.create(VECTOR, VECTOR_SIGNATURE)
    standard = base64.b64encode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))).decode()
    tokens.check(standard, 7, 0, "static:council")


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ((8, 0, "static:council"), "Unexpected dataObjectId"),
        ((7, 1, "static:council"), "Unexpected storageBucketId"),
        ((7, 0, "static:wg:storage"), "Unexpected bagId"),
    ],
)
async def test_a_token_for_something_else_is_refused(subject: tuple[int, int, str], message: str) -> None:
    tokens = service()
    text = await tokens.create(VECTOR, VECTOR_SIGNATURE)
    with pytest.raises(TokenInvalid, match=message):
        tokens.check(text, *subject)


async def test_a_changed_token_is_refused() -> None:
    tokens = service()
    token = Token.parse(await tokens.create(VECTOR, VECTOR_SIGNATURE))
    changed = token_text({**token.body, "validUntil": 2**52}, token.signature)
    with pytest.raises(TokenInvalid, match=r"^Invalid signature$"):
        tokens.check(changed, 7, 0, "static:council")


async def test_an_expired_token_is_refused() -> None:
    tokens = service(lifetime=timedelta(seconds=-1))
    text = await tokens.create(VECTOR, VECTOR_SIGNATURE)
    with pytest.raises(TokenInvalid, match="Token expired"):
        tokens.check(text, 7, 0, "static:council")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (base64.urlsafe_b64encode(b"nonsense").decode(), "Unexpected token n in JSON at position 0"),
        (base64.urlsafe_b64encode(b'{"data":{').decode(), "Unexpected end of JSON input"),
        ("\xff\xfe", "Unexpected token"),
        (token_text({}, b""), r"Invalid signature length, expected \[64..66\] bytes, found 0"),
        (token_text({}, b"\0" * 63), r"Invalid signature length, expected \[64..66\] bytes, found 63"),
        (base64.urlsafe_b64encode(b'["data"]').decode(), "Invalid signature"),
        (base64.urlsafe_b64encode(b"[" * 100_000).decode(), "Unexpected token"),
    ],
)
def test_garbage_is_refused(text: str, message: str) -> None:
    with pytest.raises(TokenInvalid, match=message):
        service().check(text, 7, 0, "static:council")


def test_a_token_is_asked_for_only_when_it_is_required() -> None:
    service("off").check("", 7, 0, "static:council")
    service("off").check("garbage", 7, 0, "static:council")
    service("optional").check("", 7, 0, "static:council")
    with pytest.raises(TokenInvalid):
        service("optional").check("garbage", 7, 0, "static:council")
    with pytest.raises(TokenMissing) as missing:
        service("required").check("", 7, 0, "static:council")
    assert missing.value.message == "'x-api-key' header required"


async def test_without_tokens_none_is_given() -> None:
    with pytest.raises(UploadAuthDisabled):
        await service("off").create(VECTOR, VECTOR_SIGNATURE)


async def test_a_wrong_signature_is_refused() -> None:
    with pytest.raises(UploadSignatureInvalid) as refused:
        await service().create(VECTOR.replace(":7,", ":8,"), VECTOR_SIGNATURE)
    assert refused.value.message == "Invalid upload token request signature."


async def test_wrapped_bytes_are_not_accepted() -> None:
    with pytest.raises((UploadSignatureInvalid, TokenRequestInvalid)):
        await service().create(f"<Bytes>{VECTOR}</Bytes>", VECTOR_SIGNATURE)


async def test_the_account_must_be_the_members() -> None:
    tokens = TokenService(KeyedChain({}), auth="required", lifetime=timedelta(seconds=30), account=None)  # type: ignore[arg-type]
    with pytest.raises(MemberAccountMismatch) as refused:
        await tokens.create(VECTOR, VECTOR_SIGNATURE)
    assert refused.value.message == "Provided controller account and member id don't match."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memberId": "0"}, "memberId should be integer"),
        ({"memberId": 1.5}, "memberId should be integer"),
        ({"memberId": True}, "memberId should be integer"),
        ({"dataObjectId": 2**63}, "dataObjectId should be integer"),
        ({"bagId": 1}, "bagId should be string"),
        ({"bagId": None}, "bagId should be string"),
    ],
)
def test_the_requests_types_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.raises(TokenRequestInvalid, match=message):
        TokenRequest.parse(json.dumps(json.loads(VECTOR) | change))


def test_every_member_is_required() -> None:
    for name in json.loads(VECTOR):
        data = json.loads(VECTOR)
        del data[name]
        with pytest.raises(TokenRequestInvalid, match=f"required property '{name}'"):
            TokenRequest.parse(json.dumps(data))


def test_the_uploader_chooses_neither_nonce_nor_time() -> None:
    request = TokenRequest.parse(json.dumps({"nonce": "1", "validUntil": 2**52, "extra": "x"} | json.loads(VECTOR)))
    assert list(token_body(request, "9", 5)) == ["nonce", "validUntil", *json.loads(VECTOR)]
    assert token_body(request, "9", 5)["validUntil"] == 5


def test_checks_of_a_body_without_members() -> None:
    with pytest.raises(TokenInvalid, match="Unexpected dataObjectId"):
        check_token_subject({}, 1, 2, "static:council")
    with pytest.raises(TokenInvalid, match="Token expired"):
        check_token_time({}, 0)


def test_nonces_are_bounded_and_expire_without_a_sweep() -> None:
    time = [0.0]
    nonces = Nonces(timedelta(seconds=30), capacity=2, now=lambda: time[0])
    first, second = nonces.issue(), nonces.issue()
    assert int(second) > int(first)
    with pytest.raises(TokenStoreFull):
        nonces.issue()
    assert nonces.use(first)
    assert not nonces.use(first)
    assert not nonces.use(7)
    time[0] = 30.0
    assert not nonces.use(second)
    nonces.issue()
    nonces.issue()
