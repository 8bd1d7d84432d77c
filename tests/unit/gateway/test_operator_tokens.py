import json
from base64 import urlsafe_b64encode

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRefused
from gateway.operator_tokens import SignedRequest, check_operator_token

SECRET = b"x" * 64
NOW = 1_700_000_000.0
URL = "/api/v1/set-worker"
BODY = {"workerId": 1}
REQUEST = SignedRequest(URL, BODY)


def token(algorithm: str = "HS256", secret: bytes = SECRET, **claims: object) -> str:
    payload = {"reqUrl": URL, "reqBody": BODY, "iat": int(NOW), "exp": int(NOW) + 60, **claims}
    kept = {key: value for key, value in payload.items() if value is not None}
    # Unix times of another kind are what some tests are about; the library checks them only when it is asked to.
    return jwt.api_jws.encode(json.dumps(kept).encode(), secret, algorithm)


def unsigned(header: object, claims: object) -> str:
    parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_good_tokens(algorithm: str, scheme: str) -> None:
    check_operator_token(f"{scheme} {token(algorithm)}", SECRET, REQUEST, NOW)
    check_operator_token(f"{scheme} {token(algorithm, exp=None)}", SECRET, REQUEST, NOW + 299)


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Authorization header required"),
        ("", "Authorization header required"),
        ("Token x", "Authorization header with scheme 'Bearer' required"),
        (token(), "Authorization header with scheme 'Bearer' required"),
        ("Bearer", "Bearer token missing"),
        ("Bearer   ", "Bearer token missing"),
        ("Bearer x", "jwt malformed"),
        ("Bearer x.y.z", "jwt malformed"),
        ("Bearer ü.ü.ü", "jwt malformed"),
        (f"Bearer {token(secret=b'y' * 64)}", "invalid signature"),
        (f"Bearer {token()[:-4]}AAAA", "invalid signature"),
        (f"Bearer {unsigned({'alg': 'none'}, {})}", "invalid algorithm"),
        (f"Bearer {unsigned({'alg': 'RS256'}, {})}", "invalid algorithm"),
        (f"Bearer {unsigned({'alg': 'HS256'}, {})}", "invalid signature"),
        (f"Bearer {jwt.api_jws.encode(b'[]', SECRET)}", "jwt malformed"),
        (f"Bearer {jwt.api_jws.encode(b'nonsense', SECRET)}", "jwt malformed"),
        (f"Bearer {token(exp=NOW)}", "jwt expired"),
        (f"Bearer {token(exp='soon')}", "invalid exp value"),
        (f"Bearer {token(nbf=NOW + 5)}", "jwt not active"),
        (f"Bearer {token(nbf='soon')}", "invalid nbf value"),
        (f"Bearer {token(iat=None)}", "iat required when maxAge is specified"),
        (f"Bearer {token(iat=True)}", "iat required when maxAge is specified"),
        (f"Bearer {token(iat=NOW - 301)}", "maxAge exceeded"),
        (f"Bearer {token(iat=NOW + 301)}", "maxAge exceeded"),
        (f"Bearer {token(reqBody={'workerId': 2})}", "Invalid token: Request body does not match"),
        (f"Bearer {token(reqBody=None)}", "Invalid token: Request body does not match"),
        (f"Bearer {token(reqUrl=URL + '?x')}", "Invalid token: Request url does not match"),
        (f"Bearer {token(reqUrl=None)}", "Invalid token: Request url does not match"),
    ],
)
def test_refusals(authorization: str | None, message: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        check_operator_token(authorization, SECRET, REQUEST, NOW)
    assert (caught.value.reason, caught.value.message) == ("OPERATOR_TOKEN_INVALID", message)


@pytest.mark.parametrize(
    ("signed", "sent", "same"),
    [
        ({}, {}, True),
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": {}}, {"a": []}, False),
    ],
)
def test_bodies_are_compared_as_json(signed: object, sent: object, same: bool) -> None:
    request = SignedRequest(URL, sent)
    if same:
        check_operator_token(f"Bearer {token(reqBody=signed)}", SECRET, request, NOW)
    else:
        with pytest.raises(RequestRefused, match="body does not match"):
            check_operator_token(f"Bearer {token(reqBody=signed)}", SECRET, request, NOW)


@given(st.text())
def test_no_header_breaks_it(text: str) -> None:
    for authorization in (text, f"Bearer {text}"):
        with pytest.raises(RequestRefused):
            check_operator_token(authorization, SECRET, REQUEST, NOW)
