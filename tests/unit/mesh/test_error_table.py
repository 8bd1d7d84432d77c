"""The one error table, and how errors travel."""

import importlib
import pkgutil

import grpc
import pytest

import joygrpc
from joygrpc.mesh import ERROR_TABLE, JoygrpcError, MeshError, reason_of, row_of, status_of
from joygrpc.mesh.status import DETAILS_KEY, error_of

NOT_IMPORTED = ("joygrpc.pb", "joygrpc.__main__", "joygrpc.supervisor.child", "joygrpc.chain.worker.__main__")


def all_error_classes() -> list[type]:
    for module in pkgutil.walk_packages(joygrpc.__path__, "joygrpc."):
        if not module.name.startswith(NOT_IMPORTED):
            importlib.import_module(module.name)
    found: list[type] = []
    queue: list[type] = [Exception]
    while queue:
        for cls in queue.pop().__subclasses__():
            queue.append(cls)
            if cls.__module__.startswith("joygrpc.") and isinstance(getattr(cls, "reason", None), str):
                found.append(cls)
    return found


def test_every_error_class_names_a_reason_of_the_table() -> None:
    classes = all_error_classes()
    assert len(classes) > 10
    missing = {f"{cls.__module__}.{cls.__name__}": cls.reason for cls in classes if cls.reason not in ERROR_TABLE}  # type: ignore[attr-defined]
    assert missing == {}


@pytest.mark.parametrize("reason", sorted(ERROR_TABLE))
def test_rows_have_a_status_that_means_an_error(reason: str) -> None:
    row = ERROR_TABLE[reason]
    assert 400 <= row.http_status < 600
    assert row.grpc_code is not grpc.StatusCode.OK


def test_an_unknown_reason_travels_as_internal() -> None:
    assert row_of("OF_A_NEWER_PEER") == ERROR_TABLE["INTERNAL"]


class Refused(JoygrpcError):
    """The object is not here."""

    reason = "OBJECT_NOT_FOUND"


def call_error(error: BaseException) -> grpc.aio.AioRpcError:
    code, message, trailing = status_of(error)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=message)


def test_an_error_arrives_as_it_was_raised() -> None:
    arrived = error_of(call_error(Refused("File not found.")))
    assert (arrived.reason, arrived.message, arrived.code) == (
        "OBJECT_NOT_FOUND",
        "File not found.",
        grpc.StatusCode.NOT_FOUND,
    )


def test_metadata_of_an_error_arrives() -> None:
    original = MeshError("SOURCE_FAILED", "no", grpc.StatusCode.UNAVAILABLE, {"peer": "3"})
    assert error_of(call_error(original)).metadata == {"peer": "3"}


def test_the_text_of_a_foreign_exception_stays_at_home() -> None:
    error = OSError(2, "No such file", "/var/lib/secret")
    code, message, _ = status_of(error)
    assert code is grpc.StatusCode.INTERNAL
    assert "secret" not in message
    assert reason_of(error) == "INTERNAL"


def test_a_call_without_details_gets_a_reason_from_its_code_and_a_plain_text() -> None:
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), details="failed to connect to 10.0.0.1:5"
    )
    arrived = error_of(error)
    assert arrived.reason == "NODE_UNAVAILABLE"
    assert "10.0.0.1" not in arrived.message


def test_details_of_another_domain_are_not_taken_for_ours() -> None:
    from google.protobuf.any_pb2 import Any as AnyMessage
    from google.rpc.error_details_pb2 import ErrorInfo
    from google.rpc.status_pb2 import Status

    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason="OBJECT_NOT_FOUND", domain="elsewhere.example"))
    trailing = grpc.aio.Metadata((DETAILS_KEY, Status(code=5, details=[detail]).SerializeToString()))
    arrived = error_of(grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailing, details="x"))
    assert arrived.reason == "INTERNAL"
