"""Tokens of the operator API: JSON Web Tokens that sign one request's path and body. Pure."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeGuard

from jwt import InvalidAlgorithmError, InvalidSignatureError, PyJWTError
from jwt.api_jws import PyJWS

from gateway.errors import RequestRefused

MAX_AGE = timedelta(minutes=5)
ALGORITHMS = ("HS256", "HS384", "HS512")

_SIGNATURES = PyJWS(algorithms=ALGORITHMS)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a token must speak of: path and query as sent, and the parsed body (`{}` for none)."""

    url: str
    body: object


def check_operator_token(authorization: str | None, secret: bytes, request: SignedRequest, now: float) -> None:
    """Checks the `Authorization` header of a request; `now` is Unix time in seconds.

    Raises `RequestRefused` with OPERATOR_TOKEN_INVALID; the messages are those that operators' tools know.
    """
    claims = _verified_claims(_bearer_token(authorization), secret)
    _check_times(claims, now)
    if not _same_body(claims.get("reqBody"), request.body):
        raise _refusal("Invalid token: Request body does not match")
    if claims.get("reqUrl") != request.url:
        raise _refusal("Invalid token: Request url does not match")


def _bearer_token(authorization: str | None) -> str:
    if not authorization:
        raise _refusal("Authorization header required")
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise _refusal("Authorization header with scheme 'Bearer' required")
    if not token.strip():
        raise _refusal("Bearer token missing")
    return token.strip()


def _verified_claims(token: str, secret: bytes) -> Mapping[str, object]:
    try:
        with warnings.catch_warnings():
            # The library warns of short secrets with every token; the operator chose it, and hears of it from the configuration.
            warnings.simplefilter("ignore")
            payload = _SIGNATURES.decode_complete(token, secret, algorithms=list(ALGORITHMS))["payload"]
        claims = json.loads(payload)
    except InvalidSignatureError:
        raise _refusal("invalid signature") from None
    except InvalidAlgorithmError:
        raise _refusal("invalid algorithm") from None
    except (PyJWTError, ValueError, RecursionError):
        raise _refusal("jwt malformed") from None
    if not isinstance(claims, dict):
        raise _refusal("jwt malformed")
    return claims


def _check_times(claims: Mapping[str, object], now: float) -> None:
    not_before, expires, issued = claims.get("nbf"), claims.get("exp"), claims.get("iat")
    if not_before is not None:
        if not _is_number(not_before):
            raise _refusal("invalid nbf value")
        if not_before > now:
            raise _refusal("jwt not active")
    if expires is not None:
        if not _is_number(expires):
            raise _refusal("invalid exp value")
        if now >= expires:
            raise _refusal("jwt expired")
    if not _is_number(issued):
        raise _refusal("iat required when maxAge is specified")
    # A token from far in the future would outlive its maximum age.
    if abs(now - issued) > MAX_AGE.total_seconds():
        raise _refusal("maxAge exceeded")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_body(left: object, right: object) -> bool:
    try:
        return _equal_json(left, right)
    except RecursionError:
        return False


def _equal_json(left: object, right: object) -> bool:
    """Whether two parsed JSON values are the same; unlike in Python, `true` is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal_json, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _refusal(message: str) -> RequestRefused:
    return RequestRefused("OPERATOR_TOKEN_INVALID", message)
