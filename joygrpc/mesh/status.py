"""Errors on the wire: exception → gRPC status with `google.rpc.ErrorInfo`, and back."""

from collections.abc import Mapping

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from joygrpc.mesh.errors import ERROR_DOMAIN, ERROR_TABLE, ErrorRow, JoygrpcError, row_of

DETAILS_KEY = "grpc-status-details-bin"

_REASON_OF_CODE: Mapping[grpc.StatusCode, str] = {
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.UNAVAILABLE: "NODE_UNAVAILABLE",
    grpc.StatusCode.UNIMPLEMENTED: "NOT_IMPLEMENTED",
    grpc.StatusCode.PERMISSION_DENIED: "PERMISSION_DENIED",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "RESOURCE_EXHAUSTED",
    grpc.StatusCode.INVALID_ARGUMENT: "REQUEST_INVALID",
    grpc.StatusCode.OUT_OF_RANGE: "RANGE_NOT_SATISFIABLE",
}


class MeshError(JoygrpcError):
    """A call to another program failed; `reason` is the one it gave, or one made from the gRPC code."""

    def __init__(
        self, reason: str, message: str, code: grpc.StatusCode, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code
        self.metadata: Mapping[str, str] = dict(metadata or {})

    @property
    def row(self) -> ErrorRow:
        """How the reason travels further."""
        return row_of(self.reason)

    def __repr__(self) -> str:
        return f"<MeshError {self.reason} {self.code.name}: {self.message}>"


def reason_of(error: BaseException) -> str:
    """The reason token of any exception: its own if the table knows it, else INTERNAL."""
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, str) and reason in ERROR_TABLE else "INTERNAL"


def public_message(error: BaseException) -> str:
    """What may be told of an exception; nothing of those that are not ours."""
    if reason_of(error) == "INTERNAL" and not isinstance(error, JoygrpcError):
        return "Internal error"
    return str(error.args[0]) if error.args else type(error).__name__


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Code, message and trailing metadata that carry an exception."""
    reason, message = reason_of(error), public_message(error)
    code = row_of(reason).grpc_code
    info = ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=getattr(error, "metadata", None) or {})
    detail = AnyMessage()
    detail.Pack(info)
    status = Status(code=code.value[0], message=message, details=[detail])
    return code, message, ((DETAILS_KEY, status.SerializeToString()),)


def error_of(call_error: grpc.aio.AioRpcError) -> MeshError:
    """The error that a failed call carries."""
    code, message = call_error.code(), call_error.details() or ""
    for key, value in call_error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            info = _error_info(value)
            if info is not None:
                return MeshError(info.reason, message, code, info.metadata)
    # Without details the text may come from the transport and name addresses; it stays in the exception chain for the log.
    reason = _REASON_OF_CODE.get(code, "INTERNAL")
    return MeshError(reason, _PLAIN_MESSAGES.get(reason, "Internal error"), code)


_PLAIN_MESSAGES = {
    "NODE_UNAVAILABLE": "The node cannot be reached",
    "DEADLINE_EXCEEDED": "The node did not answer in time",
    "CANCELLED": "The call was cancelled",
    "NOT_IMPLEMENTED": "The node does not offer this",
    "RESOURCE_EXHAUSTED": "The node is at a limit",
}


def _error_info(value: bytes) -> ErrorInfo | None:
    status = Status.FromString(value)
    for detail in status.details:
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == ERROR_DOMAIN:
            return info
    return None
