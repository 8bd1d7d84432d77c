"""The one error table: reason token, gRPC code, HTTP status and REST type of every refusal.

A domain error is an exception class that knows its reason token and nothing of gRPC or HTTP; this table says how the reason travels. Nodes turn
exceptions into gRPC statuses with `google.rpc.ErrorInfo` (`joygrpc.mesh.status`), and the gateway turns those into JSON answers. The same token is
metric label and log field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from grpc import StatusCode

ERROR_DOMAIN = "joystream.org"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How one reason travels.

    `rest_type` is the `type` of the JSON body; an empty text leaves the key out. `prefixed` messages get `Error: ` in front on REST, as the
    reference's controllers send them. `retry_after_s` above 0 is sent as `Retry-After`.
    """

    grpc_code: StatusCode
    http_status: int
    rest_type: str
    prefixed: bool = False
    retry_after_s: int = 0


class JoygrpcError(Exception):
    """Base of every refusal and failure that may leave a package.

    The message is public: it never names paths, addresses or other internals of the node. `reason` must stand in `ERROR_TABLE`.
    """

    reason: str = "INTERNAL"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or type(self).__doc__ or self.reason)

    @property
    def message(self) -> str:
        """The public message."""
        return str(self.args[0])


def _upload(status: int, code: StatusCode, retry_after_s: int = 0) -> ErrorRow:
    return ErrorRow(code, status, "upload", prefixed=True, retry_after_s=retry_after_s)


def _request(status: int, code: StatusCode) -> ErrorRow:
    return ErrorRow(code, status, "request_exception")


_S = StatusCode

# Statuses, types and messages: behaviour of the reference nodes (both eras) and, where it answered 500 for a refusal, the status of RFC 9110.
ERROR_TABLE: Mapping[str, ErrorRow] = MappingProxyType(
    {
        "INTERNAL": ErrorRow(_S.INTERNAL, 500, "unknown_error"),
        "CANCELLED": ErrorRow(_S.CANCELLED, 499, "unknown_error"),
        "DEADLINE_EXCEEDED": ErrorRow(_S.DEADLINE_EXCEEDED, 504, "unknown_error"),
        "NODE_UNAVAILABLE": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=2),
        "NODE_SHUTTING_DOWN": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=5),
        "NOT_IMPLEMENTED": ErrorRow(_S.UNIMPLEMENTED, 501, "unknown_error"),
        "PERMISSION_DENIED": ErrorRow(_S.PERMISSION_DENIED, 403, "request_exception"),
        "RESOURCE_EXHAUSTED": ErrorRow(_S.RESOURCE_EXHAUSTED, 503, "unavailable", retry_after_s=5),
        # The edge's bounds, of one client and of all together.
        "CLIENT_BUSY": ErrorRow(_S.RESOURCE_EXHAUSTED, 429, "unavailable", retry_after_s=1),
        "CLIENT_TOO_FAST": ErrorRow(_S.RESOURCE_EXHAUSTED, 429, "unavailable", retry_after_s=1),
        "EDGE_FULL": ErrorRow(_S.RESOURCE_EXHAUSTED, 503, "unavailable", retry_after_s=2),
        # Requests that break the documented shape.
        "REQUEST_INVALID": _request(400, _S.INVALID_ARGUMENT),
        "OBJECT_ID_INVALID": _request(400, _S.INVALID_ARGUMENT),
        "ROUTE_NOT_FOUND": _request(404, _S.NOT_FOUND),
        "METHOD_NOT_ALLOWED": _request(405, _S.INVALID_ARGUMENT),
        "BODY_TOO_LARGE": _request(413, _S.RESOURCE_EXHAUSTED),
        "TOO_MANY_FILES": _request(413, _S.INVALID_ARGUMENT),
        "MEDIA_TYPE_UNSUPPORTED": _request(415, _S.INVALID_ARGUMENT),
        "BAG_ID_INVALID": ErrorRow(_S.INVALID_ARGUMENT, 400, "data_objects_by_bag", prefixed=True),
        # Reading.
        "OBJECT_NOT_FOUND": ErrorRow(_S.NOT_FOUND, 404, "files"),
        "TREE_NOT_FOUND": ErrorRow(_S.NOT_FOUND, 404, "files"),
        "RANGE_NOT_SATISFIABLE": ErrorRow(_S.OUT_OF_RANGE, 416, "files"),
        "PRECONDITION_FAILED": ErrorRow(_S.FAILED_PRECONDITION, 412, "files"),
        # Uploading.
        "BUCKET_NOT_SERVED": _upload(503, _S.FAILED_PRECONDITION),
        "BUCKET_NOT_OPERATED": _upload(400, _S.FAILED_PRECONDITION),
        "UPLOAD_BAG_ID_INVALID": _upload(400, _S.INVALID_ARGUMENT),
        "BAG_NOT_ASSIGNED": _upload(400, _S.FAILED_PRECONDITION),
        "OBJECT_NOT_IN_BAG": _upload(400, _S.NOT_FOUND),
        "OBJECT_ALREADY_PENDING": _upload(400, _S.ALREADY_EXISTS),
        "OBJECT_ALREADY_STORED": _upload(400, _S.ALREADY_EXISTS),
        "UPLOAD_IN_PROGRESS": _upload(409, _S.ABORTED),
        "NO_FILE": _upload(400, _S.INVALID_ARGUMENT),
        "UPLOAD_TRUNCATED": _upload(400, _S.INVALID_ARGUMENT),
        "SIZE_MISMATCH": _upload(400, _S.INVALID_ARGUMENT),
        "MULTIHASH_MISMATCH": _upload(400, _S.INVALID_ARGUMENT),
        "OFFSET_MISMATCH": _upload(409, _S.ABORTED),
        "OBJECT_TOO_LARGE": _request(413, _S.RESOURCE_EXHAUSTED),
        "KEY_NOT_AVAILABLE": _upload(500, _S.FAILED_PRECONDITION),
        "ACCEPT_FAILED": _upload(500, _S.INTERNAL),
        "TOO_MANY_UPLOADS": _upload(503, _S.RESOURCE_EXHAUSTED, retry_after_s=5),
        "DISK_FULL": _upload(503, _S.RESOURCE_EXHAUSTED, retry_after_s=60),
        "UPLOAD_STALLED": _upload(408, _S.DEADLINE_EXCEEDED),
        # Upload tokens: messages are the reference's.
        "TOKEN_MISSING": _request(401, _S.UNAUTHENTICATED),
        "TOKEN_INVALID": _request(401, _S.UNAUTHENTICATED),
        "UPLOAD_SIGNATURE_INVALID": ErrorRow(_S.UNAUTHENTICATED, 401, "authtoken", prefixed=True),
        "MEMBER_ACCOUNT_MISMATCH": ErrorRow(_S.UNAUTHENTICATED, 401, "authtoken", prefixed=True),
        "TOKEN_REQUEST_INVALID": ErrorRow(_S.INVALID_ARGUMENT, 400, "authtoken", prefixed=True),
        "TOKEN_STORE_FULL": ErrorRow(_S.RESOURCE_EXHAUSTED, 503, "authtoken", prefixed=True, retry_after_s=30),
        "UPLOAD_AUTH_DISABLED": _request(404, _S.UNIMPLEMENTED),
        # Delivering. These bodies have no `type` on the reference.
        "ASSET_NOT_FOUND": ErrorRow(_S.NOT_FOUND, 404, ""),
        "ASSET_NOT_ACCEPTED": ErrorRow(_S.NOT_FOUND, 404, ""),
        "ASSET_NOT_SERVED": ErrorRow(_S.FAILED_PRECONDITION, 421, ""),
        "FILL_NOT_FOUND": ErrorRow(_S.NOT_FOUND, 404, "exception"),
        "NO_SOURCE": ErrorRow(_S.UNAVAILABLE, 502, "exception", retry_after_s=5),
        "SOURCE_FAILED": ErrorRow(_S.UNAVAILABLE, 502, "exception", retry_after_s=5),
        "SOURCE_STALLED": ErrorRow(_S.DEADLINE_EXCEEDED, 504, "exception", retry_after_s=5),
        "CACHE_FULL": ErrorRow(_S.RESOURCE_EXHAUSTED, 503, "exception", retry_after_s=10),
        "QUEUE_FULL": ErrorRow(_S.RESOURCE_EXHAUSTED, 503, "exception", retry_after_s=5),
        # Chain and query node.
        "CHAIN_UNAVAILABLE": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "QUERY_NODE_UNAVAILABLE": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "QUERY_NODE_ERROR": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "QUERY_NODE_MALFORMED": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "QUERY_NODE_BEHIND": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "CHAIN_BEHIND": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "TRANSACTION_REFUSED": ErrorRow(_S.FAILED_PRECONDITION, 500, "unknown_error"),
        "CALL_INVALID": ErrorRow(_S.INTERNAL, 500, "unknown_error"),
        "SNAPSHOT_FAILED": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=10),
        "DIRECTORY_UNUSABLE": ErrorRow(_S.INTERNAL, 500, "unknown_error"),
        "DIRECTORY_NOT_READY": ErrorRow(_S.UNAVAILABLE, 503, "unavailable", retry_after_s=5),
        # Operator.
        "NOT_QUARANTINED": ErrorRow(_S.NOT_FOUND, 404, "files"),
        "OBJECT_ROTTEN": ErrorRow(_S.FAILED_PRECONDITION, 409, "files"),
        "CLEANUP_HELD": ErrorRow(_S.FAILED_PRECONDITION, 503, "unavailable", retry_after_s=60),
        "API_ALREADY_STOPPED": ErrorRow(_S.FAILED_PRECONDITION, 409, ""),
        "API_ALREADY_STARTED": ErrorRow(_S.FAILED_PRECONDITION, 409, ""),
        "BUCKET_ID_INVALID": ErrorRow(_S.INVALID_ARGUMENT, 400, "request_validation"),
        "CHORE_STOPPED": ErrorRow(_S.ABORTED, 503, "unavailable", retry_after_s=5),
        "CHORE_NOT_FOUND": ErrorRow(_S.NOT_FOUND, 404, "request_validation"),
        "OPERATOR_TOKEN_INVALID": ErrorRow(_S.UNAUTHENTICATED, 401, "request_validation"),
    }
)


def row_of(reason: str) -> ErrorRow:
    """The row of a reason; an unknown reason (of a newer peer) travels as INTERNAL."""
    return ERROR_TABLE.get(reason, ERROR_TABLE["INTERNAL"])
