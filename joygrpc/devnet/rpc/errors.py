"""Errors of the JSON-RPC interface."""

from __future__ import annotations

from typing import Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
UNKNOWN_BLOCK: Final = 4003
DISPATCH_FAILED: Final = 9001
CHAIN_STALLED: Final = 9002
NOT_FORKABLE: Final = 9003


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def as_json(self) -> dict[str, object]:
        """The error object of the answer."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


def invalid_params(why: str) -> RpcError:
    """The error for arguments that a method cannot take."""
    return RpcError(INVALID_PARAMS, f"Invalid params: {why}")


def not_supported(method: str) -> RpcError:
    """The error for a method that does not exist here."""
    return RpcError(METHOD_NOT_FOUND, f"Method not found: {method} is not supported on the devnet")
