"""What every call passes on the server: request id, metrics, and the mapping of exceptions to statuses."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import structlog
from prometheus_client import Counter, Histogram

from joygrpc.mesh.status import reason_of, status_of
from joygrpc.telemetry import REQUEST_ID_METADATA, bind_request_id

log = structlog.get_logger(__name__)

CALLS = Counter(
    "joygrpc_grpc_server_handled_total",
    "Calls that ended, by outcome.",
    ["grpc_service", "grpc_method", "grpc_code", "reason"],
)
SECONDS = Histogram(
    "joygrpc_grpc_server_handling_seconds",
    "Time from the start of a call to its end, in seconds.",
    ["grpc_service", "grpc_method"],
)

Handler: TypeAlias = Any
"""A `grpc.RpcMethodHandler`, which is generic in its stubs alone."""


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Gives each call a request id, counts it, and turns exceptions of handlers into statuses of the error table.

    Unary handlers must be coroutine functions and streaming ones async generators; other handlers (health, reflection) pass through.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handler of one call."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        service, _, method = handler_call_details.method.lstrip("/").partition("/")
        metadata = handler_call_details.invocation_metadata or ()
        request_id = next((str(value) for key, value in metadata if key == REQUEST_ID_METADATA), None)
        behaviour = _behaviour(handler)
        if handler.response_streaming:
            if not inspect.isasyncgenfunction(behaviour):
                return handler
            wrapped: Callable[..., Any] = _wrap_stream(behaviour, service, method, request_id)
        else:
            if not inspect.iscoroutinefunction(behaviour):
                return handler
            wrapped = _wrap_unary(behaviour, service, method, request_id)
        return _MAKE[handler.request_streaming, handler.response_streaming](
            wrapped,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


_MAKE: dict[tuple[bool, bool], Callable[..., Handler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _behaviour(handler: Handler) -> Any:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


class _Observed:
    """Context of one call: binds its request id, and counts and logs how it ended."""

    def __init__(self, service: str, method: str, request_id: str | None) -> None:
        self.service, self.method, self.request_id = service, method, request_id
        self.started = time.monotonic()

    def begin(self) -> None:
        bind_request_id(self.request_id)

    def end(self, error: BaseException | None) -> None:
        code, reason = "OK", ""
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            code, reason = "CANCELLED", "CANCELLED"
        elif error is not None:
            reason = reason_of(error)
            code = status_of(error)[0].name
            if reason == "INTERNAL":
                log.error("grpc call failed", service=self.service, method=self.method, exc_info=error)
            else:
                log.info("grpc call refused", service=self.service, method=self.method, reason=reason)
        CALLS.labels(self.service, self.method, code, reason).inc()
        SECONDS.labels(self.service, self.method).observe(time.monotonic() - self.started)


async def _abort(context: Any, error: Exception) -> None:
    code, message, trailing = status_of(error)
    await context.abort(code, message, trailing)


def _wrap_unary(
    behaviour: Callable[..., Awaitable[Any]], service: str, method: str, request_id: str | None
) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: Any) -> Any:
        observed = _Observed(service, method, request_id)
        observed.begin()
        try:
            response = await behaviour(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            observed.end(error)
            await _abort(context, error)
            raise
        except BaseException as error:
            observed.end(error)
            raise
        observed.end(None)
        return response

    return call


def _wrap_stream(
    behaviour: Callable[..., AsyncIterator[Any]],
    service: str,
    method: str,
    request_id: str | None,
) -> Callable[..., AsyncIterator[Any]]:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        observed = _Observed(service, method, request_id)
        observed.begin()
        responses = behaviour(request, context)
        try:
            async for response in responses:
                yield response
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            observed.end(error)
            await _abort(context, error)
            raise
        except BaseException as error:
            observed.end(error)
            raise
        else:
            observed.end(None)
        finally:
            # A client that goes away ends this generator early; the inner one must free what it holds now, not when it is collected.
            await responses.aclose()  # type: ignore[attr-defined]

    return call
