"""Values of requests and answers of the devnet_* methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joygrpc.devnet.accounts import NotAnAccount, parse_account
from joygrpc.devnet.chain.headers import hex0x
from joygrpc.devnet.rpc.errors import invalid_params


def named_account(text: str) -> str:
    """The account that a text names; raises RpcError."""
    try:
        return parse_account(text)
    except NotAnAccount as error:
        raise invalid_params(str(error)) from error


def call_value(value: Any) -> Any:
    """JSON to the form of calls that the codec takes: development URIs become accounts, keys of maps numbers."""
    if isinstance(value, str) and value.startswith("//"):
        return named_account(value)
    if isinstance(value, list):
        return [call_value(item) for item in value]
    if isinstance(value, dict):
        return {int(key) if key.isdecimal() else key: call_value(item) for key, item in value.items()}
    return value


def json_value(value: Any) -> Any:
    """Plain values to JSON: bytes become hex texts."""
    if isinstance(value, bytes):
        return hex0x(value)
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value
