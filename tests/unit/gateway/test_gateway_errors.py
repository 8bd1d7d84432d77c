import pytest

from gateway.errors import DISTRIBUTOR, OPERATOR, STORAGE, Dialect, RequestRefused, Violation
from joygrpc.mesh import ERROR_TABLE, JoygrpcError


class Refused(JoygrpcError):
    def __init__(self, reason: str, message: str = "what happened") -> None:
        super().__init__(message)
        self.reason = reason


@pytest.mark.parametrize(
    ("dialect", "reason", "status", "body"),
    [
        (STORAGE, "OBJECT_NOT_FOUND", 404, {"type": "files", "message": "File not found."}),
        (STORAGE, "ROUTE_NOT_FOUND", 404, {"type": "request_exception", "message": "not found"}),
        (STORAGE, "UPLOAD_AUTH_DISABLED", 404, {"type": "request_exception", "message": "not found"}),
        (STORAGE, "SIZE_MISMATCH", 400, {"type": "upload", "message": "Error: what happened"}),
        (STORAGE, "NO_FILE", 400, {"type": "upload", "message": "Error: No file uploaded"}),
        (STORAGE, "TOO_MANY_FILES", 413, {"type": "request_exception", "message": "Too many files"}),
        (STORAGE, "OBJECT_TOO_LARGE", 413, {"type": "request_exception", "message": "File too large"}),
        (STORAGE, "NODE_UNAVAILABLE", 503, {"type": "unavailable", "message": "what happened"}),
        (STORAGE, "CANCELLED", 503, {"type": "unknown_error", "message": "what happened"}),
        (STORAGE, "NO_SUCH_REASON", 500, {"type": "unknown_error", "message": "Internal error"}),
        (DISTRIBUTOR, "ASSET_NOT_FOUND", 404, {"message": "Data object does not exist"}),
        (DISTRIBUTOR, "OBJECT_NOT_FOUND", 404, {"message": "Data object does not exist"}),
        (DISTRIBUTOR, "ASSET_NOT_SERVED", 421, {"message": "Data object not served by this node"}),
        (DISTRIBUTOR, "NO_SOURCE", 502, {"type": "exception", "message": "what happened"}),
        (DISTRIBUTOR, "NODE_UNAVAILABLE", 503, {"type": "exception", "message": "what happened"}),
        (DISTRIBUTOR, "INTERNAL", 500, {"type": "exception", "message": "Internal error"}),
        (
            DISTRIBUTOR,
            "RANGE_NOT_SATISFIABLE",
            416,
            {"type": "sendstream_error", "message": "RangeNotSatisfiableError: Range Not Satisfiable"},
        ),
        (
            DISTRIBUTOR,
            "METHOD_NOT_ALLOWED",
            405,
            {
                "type": "request_validation",
                "message": "what happened",
                "errors": [{"path": "/p", "message": "what happened"}],
            },
        ),
        (OPERATOR, "API_ALREADY_STOPPED", 409, {"message": "Already stopped"}),
        (OPERATOR, "NODE_SHUTTING_DOWN", 409, {"message": "Already shutting down"}),
    ],
)
def test_table(dialect: Dialect, reason: str, status: int, body: dict[str, object]) -> None:
    answer = dialect.answer(Refused(reason), path="/p")
    assert (answer.status, answer.body) == (status, body)


def test_violations_are_listed() -> None:
    refusal = RequestRefused.invalid(Violation(".body.a", "a is bad", "type"), Violation(".body.b", "b is bad"))
    assert STORAGE.answer(refusal).body == {"type": "request_exception", "message": "a is bad, b is bad"}
    assert DISTRIBUTOR.answer(refusal).body["errors"] == [
        {"path": ".body.a", "message": "a is bad", "errorCode": "type.openapi.validation"},
        {"path": ".body.b", "message": "b is bad"},
    ]


def test_unexplained_failures_tell_nothing_and_have_the_routes_type() -> None:
    answer = STORAGE.answer(OSError("/secret/path"), failure_type="all_data_objects")
    assert answer.body == {"type": "all_data_objects", "message": "Internal error"}
    assert answer.status == 500


def test_the_prefix_is_not_doubled() -> None:
    assert STORAGE.answer(Refused("SIZE_MISMATCH", "Error: x")).body["message"] == "Error: x"


def test_retry_after() -> None:
    assert STORAGE.answer(Refused("NODE_UNAVAILABLE")).headers == {"Retry-After": "2"}
    assert OPERATOR.answer(Refused("NODE_SHUTTING_DOWN")).headers == {}


def test_headers_of_a_refusal_go_along() -> None:
    assert STORAGE.answer(RequestRefused("METHOD_NOT_ALLOWED", "x", headers={"Allow": "GET"})).headers == {
        "Allow": "GET"
    }


@pytest.mark.parametrize("dialect", [STORAGE, DISTRIBUTOR, OPERATOR])
@pytest.mark.parametrize("reason", ERROR_TABLE)
def test_every_reason_has_an_answer(dialect: Dialect, reason: str) -> None:
    answer = dialect.answer(Refused(reason))
    assert 400 <= answer.status < 600
    assert answer.status != 499
    assert answer.body["message"]
