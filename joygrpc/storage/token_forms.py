"""Upload tokens as text: what an uploader signs, and what the node signs for it. Pure."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from joygrpc.mesh import JoygrpcError

INT64_LOWEST, INT64_HIGHEST = -(2**63), 2**63 - 1

_KINDS: Mapping[str, type] = {
    "memberId": int,
    "accountId": str,
    "dataObjectId": int,
    "storageBucketId": int,
    "bagId": str,
}


class TokenRequestInvalid(JoygrpcError):
    """The token request is malformed."""

    reason = "TOKEN_REQUEST_INVALID"


class TokenMissing(JoygrpcError):
    """The upload brings no token."""

    reason = "TOKEN_MISSING"


class TokenInvalid(JoygrpcError):
    """The upload token does not fit the upload."""

    reason = "TOKEN_INVALID"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a member asks a token for. `fields` are the five members of `data` in the order that was signed."""

    fields: Mapping[str, int | str]

    @classmethod
    def parse(cls, signed_data: str) -> Self:
        """The request in a JSON text. Raises `TokenRequestInvalid`; members that nobody knows are left out."""
        try:
            data = json.loads(signed_data)
        except ValueError:
            raise TokenRequestInvalid("The request's data is not JSON") from None
        if not isinstance(data, dict):
            raise TokenRequestInvalid("request.body.data should be object")
        for name, kind in _KINDS.items():
            if name not in data:
                raise TokenRequestInvalid(f"request.body.data should have required property '{name}'")
            value = data[name]
            if kind is str and not isinstance(value, str):
                raise TokenRequestInvalid(f"request.body.data.{name} should be string")
            if kind is int and not _is_int64(value):
                raise TokenRequestInvalid(f"request.body.data.{name} should be integer")
        return cls({name: value for name, value in data.items() if name in _KINDS})

    @property
    def member_id(self) -> int:
        """The member who wants to upload."""
        return int(self.fields["memberId"])

    @property
    def account(self) -> str:
        """The member's controller account, SS58 text."""
        return str(self.fields["accountId"])


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was taken apart. `body` is its signed part; nothing in it was checked yet."""

    body: Mapping[str, object]
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """The token in base64 text, with or without padding, URL-safe or not. Raises `TokenInvalid` with the parser's words."""
        try:
            # Alphabets mix in practice, and b64decode drops neither padding nor strangers by itself.
            raw = base64.urlsafe_b64decode(
                text.replace("+", "-").replace("/", "_").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
            )
            decoded = raw.decode()
            token = json.loads(decoded)
        except json.JSONDecodeError as error:
            raise TokenInvalid(_parse_error(error)) from None
        except ValueError:
            raise TokenInvalid("Unexpected token in JSON at position 0") from None
        except RecursionError:
            raise TokenInvalid("Unexpected token in JSON") from None
        if not isinstance(token, dict) or not isinstance(token.get("data"), dict):
            raise TokenInvalid("Invalid signature")
        return cls(token["data"], _signature_bytes(token.get("signature")))

    @property
    def signed_bytes(self) -> bytes:
        """What the node signed."""
        return compact_json(self.body).encode()


def compact_json(value: object) -> str:
    """JSON without spaces, non-ASCII as it is: what both sides sign."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def token_body(request: TokenRequest, nonce: str, valid_until_ms: int) -> dict[str, object]:
    """What the node signs: its own members first, then the request's in the order that was signed."""
    return {"nonce": nonce, "validUntil": valid_until_ms, **request.fields}


def token_text(body: Mapping[str, object], signature: bytes) -> str:
    """The token as it travels."""
    text = compact_json({"data": body, "signature": "0x" + signature.hex()})
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def signature_of_hex(text: str) -> bytes:
    """The bytes of `0x` and hex digits. Raises `TokenRequestInvalid`."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise TokenRequestInvalid("The signature is not hex") from None


def check_token_subject(body: Mapping[str, object], object_id: int, bucket_id: int, bag: str) -> None:
    """Whether the token is for this upload. Raises `TokenInvalid`; the first difference is named."""
    for name, expected in (("dataObjectId", object_id), ("storageBucketId", bucket_id), ("bagId", bag)):
        if body.get(name) != expected:
            raise TokenInvalid(f"Unexpected {name}")


def check_token_time(body: Mapping[str, object], now_ms: int) -> None:
    """Whether the token is still valid. Raises `TokenInvalid`."""
    valid_until = body.get("validUntil")
    if not isinstance(valid_until, int) or valid_until < now_ms:
        raise TokenInvalid("Token expired")


def _is_int64(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and INT64_LOWEST <= value <= INT64_HIGHEST


def _signature_bytes(value: object) -> bytes:
    if not isinstance(value, str):
        return b""
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        return b""


def _parse_error(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc):
        return "Unexpected end of JSON input"
    return f"Unexpected token {error.doc[error.pos]} in JSON at position {error.pos}"
