"""The aiohttp application of one API: routing, request ids, CORS, errors, log and metrics around its handlers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog
from aiohttp import hdrs, web

from gateway.bodies import waits_for_continue
from gateway.client_address import ClientFinder
from gateway.client_limits import ClientLimits
from gateway.errors import CLIENT_CLOSED_REQUEST, Dialect, RequestRefused
from gateway.exchange import Exchange, begin_exchange, current_exchange
from gateway.metrics import ABORTED, FIRST_BYTE_SECONDS, IN_FLIGHT, REQUESTS
from gateway.protocol import EdgeProtocol
from gateway.responses import EXPOSED_HEADERS, error_response, preflight
from gateway.routing import Route, RouteTable
from gateway.sendfile import ClientStalled
from joygrpc.telemetry import REQUEST_ID_HEADER, bind_request_id, current_request_id

log = structlog.get_logger("joygrpc.gateway")
access_log = structlog.get_logger("joygrpc.gateway.access")

Handler = Callable[[web.Request, Mapping[str, str]], Awaitable[web.StreamResponse]]
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(
    api: str,
    routes: Iterable[Route[Handler]],
    dialect: Dialect,
    finder: ClientFinder,
    clients: ClientLimits,
    *,
    max_body_bytes: int,
) -> web.Application:
    """An application that serves these routes; `api` names it in logs and metrics, `max_body_bytes` bounds JSON bodies.

    `finder` tells whose requests come, `clients` how many of theirs are served.
    """
    table = RouteTable(routes)
    in_flight = IN_FLIGHT.labels(api)

    @web.middleware
    async def observe(request: web.Request, handler: Next) -> web.StreamResponse:
        exchange = begin_exchange()
        bind_request_id(request.headers.get(REQUEST_ID_HEADER))
        connection = _connection(request)
        exchange.client = finder.of_request(connection.client, request.headers)
        status = CLIENT_CLOSED_REQUEST
        in_flight.inc()
        try:
            response = await handler(request)
            status = response.status
            if connection.refusal:
                response.force_close()
            return response
        finally:
            in_flight.dec()
            _note_end(api, request, exchange, status)

    @web.middleware
    async def answer_errors(request: web.Request, handler: Next) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionError:
            ABORTED.labels(api, "client").inc()
            raise
        except Exception as error:
            return _answer_error(api, request, dialect, error)

    @web.middleware
    async def bound(request: web.Request, handler: Next) -> web.StreamResponse:
        connection = _connection(request)
        if connection.refusal:
            raise RequestRefused(connection.refusal, "Too many connections at the moment")
        exchange = current_exchange()
        with clients.request(exchange.client) as exchange.pace:
            return await handler(request)

    async def dispatch(request: web.Request) -> web.StreamResponse:
        if request.method == hdrs.METH_OPTIONS:
            return preflight(request)
        match = table.match(request.method, request.rel_url.raw_path)
        exchange = current_exchange()
        exchange.route, exchange.failure_type = match.route.name, match.route.failure_type
        return await match.route.handler(request, match.parameters)

    app = web.Application(middlewares=[observe, answer_errors, bound], client_max_size=max_body_bytes)
    app.router.add_route("*", r"/{path:[\s\S]*}", dispatch, expect_handler=_expect_later)
    app.on_response_prepare.append(_add_common_headers)
    app.on_response_prepare.append(_first_byte_observer(api))
    return app


def _connection(request: web.Request) -> EdgeProtocol:
    protocol = request.protocol
    assert isinstance(protocol, EdgeProtocol)
    return protocol


def _answer_error(api: str, request: web.Request, dialect: Dialect, error: Exception) -> web.StreamResponse:
    exchange = current_exchange()
    if isinstance(error, web.HTTPException):
        error = _of_aiohttp(error, request)
    answer = dialect.answer(error, path=request.path, failure_type=exchange.failure_type)
    exchange.reason = answer.reason
    if answer.reason == "INTERNAL":
        log.error("request failed", route=exchange.route, exc_info=error)
    if exchange.prepared:
        side = "client" if isinstance(error, ClientStalled) else "node"
        ABORTED.labels(api, side).inc()
        log.warning("answer cut in its body", route=exchange.route, reason=answer.reason, side=side)
        if request.transport is not None and side == "client":
            request.transport.abort()
        # Closing tells the client that the announced length is not met; what it has received stays right.
        raise ConnectionResetError("the answer cannot be completed") from error
    response = error_response(request.method, answer, exchange.refusal_headers)
    if not request.content.is_eof():
        # Whoever still sends this body shall not be taken to send the next request.
        response.force_close()
        if waits_for_continue(request):
            # No body will come, so there is none to wait for.
            request.content.feed_eof()
    return response


def _of_aiohttp(error: web.HTTPException, request: web.Request) -> RequestRefused:
    match error.status:
        case 404:
            return RequestRefused("ROUTE_NOT_FOUND")
        case 405:
            return RequestRefused("METHOD_NOT_ALLOWED", f"{request.method} method not allowed")
        case 413:
            return RequestRefused("BODY_TOO_LARGE", "request entity too large")
        case status if status < 500:
            return RequestRefused("REQUEST_INVALID", error.reason)
        case _:
            return RequestRefused("INTERNAL")


async def _expect_later(request: web.Request) -> None:
    """`100 Continue` is sent by whoever reads the body, so that a refusal comes before it (`gateway.bodies`)."""


async def _add_common_headers(_: web.Request, response: web.StreamResponse) -> None:
    headers = response.headers
    headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
    headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS
    headers["Timing-Allow-Origin"] = "*"
    headers[REQUEST_ID_HEADER] = current_request_id()
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.pop(hdrs.SERVER, None)


def _first_byte_observer(api: str) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    async def observe(_: web.Request, __: web.StreamResponse) -> None:
        exchange = current_exchange()
        exchange.prepared = True
        FIRST_BYTE_SECONDS.labels(api, exchange.route).observe(time.perf_counter() - exchange.started)

    return observe


def _note_end(api: str, request: web.Request, exchange: Exchange, status: int) -> None:
    REQUESTS.labels(api, exchange.route, str(status), exchange.reason).inc()
    access_log.info(
        "request",
        api=api,
        method=request.method,
        path=request.path,
        status=status,
        reason=exchange.reason or None,
        seconds=round(time.perf_counter() - exchange.started, 6),
        remote=exchange.client.address,
    )
