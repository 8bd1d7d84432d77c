"""Hexadecimal texts in requests."""

from __future__ import annotations

from joygrpc.devnet.rpc.errors import invalid_params


def unhex(text: object) -> bytes:
    """The bytes of a `0x` text; raises RpcError."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise invalid_params("hexadecimal text with 0x wanted")
    try:
        return bytes.fromhex(text[2:])
    except ValueError as error:
        raise invalid_params("hexadecimal text with 0x wanted") from error


def whole_number(value: object) -> int:
    """A block number as JSON number or hexadecimal text; raises RpcError."""
    try:
        if isinstance(value, str):
            return int(value, 16)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    except ValueError:
        pass
    raise invalid_params("a block number wanted")
