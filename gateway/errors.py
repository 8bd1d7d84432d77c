"""Refusals as the REST APIs tell them: reasons of the one error table, in the JSON shapes that each API's clients know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from joygrpc.mesh import ErrorRow, JoygrpcError, public_message, reason_of, row_of

CLIENT_CLOSED_REQUEST = 499
"""The table's status for calls that were given up; nobody is there to read it, unless it was the node that gave up."""

FIXED_MESSAGES: Mapping[str, str] = {
    "OBJECT_NOT_FOUND": "File not found.",
    "OBJECT_TOO_LARGE": "File too large",
    "TOO_MANY_FILES": "Too many files",
    "NO_FILE": "No file uploaded",
    "BUCKET_NOT_SERVED": "Server is not accepting uploads into this bucket",
    "ROUTE_NOT_FOUND": "not found",
    "UPLOAD_AUTH_DISABLED": "not found",
    "RANGE_NOT_SATISFIABLE": "RangeNotSatisfiableError: Range Not Satisfiable",
    "PRECONDITION_FAILED": "PreconditionFailedError: Precondition Failed",
    "ASSET_NOT_FOUND": "Data object does not exist",
    "ASSET_NOT_SERVED": "Data object not served by this node",
    "ASSET_NOT_ACCEPTED": "Data object has not been uploaded yet",
    "API_ALREADY_STOPPED": "Already stopped",
    "API_ALREADY_STARTED": "Already started",
    "INTERNAL": "Internal error",
}
"""Messages that clients compare, whatever the node's own wording."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a request breaks the documented shape.

    `path` names the place from the request on, such as `.params.objectId`; `code` is the rule, such as `pattern`, empty where there is none.
    """

    path: str
    message: str
    code: str = ""


class RequestRefused(JoygrpcError):
    """The gateway itself refuses a request; `violations` say where it breaks the documented shape, `headers` go with the answer."""

    def __init__(
        self,
        reason: str,
        message: str = "",
        *,
        violations: tuple[Violation, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or FIXED_MESSAGES.get(reason, reason))
        self.reason = reason
        self.violations = violations
        self.headers: Mapping[str, str] = headers or {}

    @classmethod
    def invalid(cls, *violations: Violation) -> RequestRefused:
        """The refusal of a request that breaks its schema in these ways."""
        return cls("REQUEST_INVALID", ", ".join(violation.message for violation in violations), violations=violations)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """Status, JSON body and headers of an error."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one API words the table's rows.

    `types` replaces values of the table's `type`; `statuses` and `aliases` change the status of a reason, or take one reason for another.
    Bodies of the type `request_validation` carry a list of `errors`.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, int] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    typeless: frozenset[str] = frozenset()

    def answer(self, error: BaseException, *, path: str = "", failure_type: str = "") -> ErrorAnswer:
        """The answer to a request that ended in an exception.

        `path` is the request's, for the list of violations; `failure_type` is the `type` that the route gives its unexplained failures.
        """
        named = reason_of(error)
        reason = self.aliases.get(named, named)
        row = row_of(reason)
        status = self.statuses.get(reason, 503 if row.http_status == CLIENT_CLOSED_REQUEST else row.http_status)
        message = self._message(error, reason, row)
        body: dict[str, object] = {}
        rest_type = self._type(reason, row, failure_type)
        if rest_type:
            body["type"] = rest_type
        body["message"] = message
        if rest_type == "request_validation":
            body["errors"] = _listed(error, path, message)
        headers = {"Retry-After": str(row.retry_after_s)} if row.retry_after_s and status == row.http_status else {}
        return ErrorAnswer(status, body, {**headers, **getattr(error, "headers", {})}, reason)

    def _type(self, reason: str, row: ErrorRow, failure_type: str) -> str:
        if reason in self.typeless:
            return ""
        if failure_type and row.rest_type == "unknown_error":
            return failure_type
        return self.types.get(row.rest_type, row.rest_type)

    def _message(self, error: BaseException, reason: str, row: ErrorRow) -> str:
        fixed = self.messages.get(reason) or FIXED_MESSAGES.get(reason)
        message = fixed if fixed is not None else public_message(error)
        return f"Error: {message.removeprefix('Error: ')}" if row.prefixed else message


def _listed(error: BaseException, path: str, message: str) -> list[dict[str, str]]:
    violations: tuple[Violation, ...] = getattr(error, "violations", ()) or (Violation(path, message),)
    return [
        {"path": violation.path, "message": violation.message}
        | ({"errorCode": f"{violation.code}.openapi.validation"} if violation.code else {})
        for violation in violations
    ]


STORAGE = Dialect()

_DISTRIBUTOR_TYPES = {
    "request_exception": "request_validation",
    "files": "sendstream_error",
    "unknown_error": "exception",
    "unavailable": "exception",
    "upload": "exception",
}

DISTRIBUTOR = Dialect(types=_DISTRIBUTOR_TYPES, aliases={"OBJECT_NOT_FOUND": "ASSET_NOT_FOUND"})

OPERATOR = Dialect(
    types=_DISTRIBUTOR_TYPES,
    statuses={"NODE_SHUTTING_DOWN": 409},
    messages={"NODE_SHUTTING_DOWN": "Already shutting down"},
    typeless=frozenset({"NODE_SHUTTING_DOWN"}),
)
