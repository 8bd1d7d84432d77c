"""One client's connection: aiohttp's protocol, with our answers to what is not HTTP, bounds on connections, and time-outs.

This module alone leans on what aiohttp keeps to itself: `RequestHandler._waiter` and `_request_count`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web
from prometheus_client import Gauge

from gateway.client_address import NOBODY, ClientFinder
from gateway.client_limits import CLIENT_BUSY, EDGE_FULL, ClientLimits
from gateway.errors import Dialect, RequestRefused
from gateway.responses import error_response

log = structlog.get_logger("joygrpc.gateway")

SERVER_NAME = "joygrpc"


REFUSED_BESIDES = 64
"""Connections beyond the bound that are kept to be told why their request is refused; further ones are closed at once."""
REFUSED_FOR_S = 5.0
"""How long such a connection may take to send its request."""


@dataclass(frozen=True, slots=True)
class ConnectionTimes:
    """Longest times in seconds: for a request's headers to arrive, between two requests, and without progress of what is sent."""

    headers_s: float
    idle_s: float
    stall_s: float


@dataclass(slots=True)
class Connections:
    """The open connections of one API in this worker, `limit` of them at most; `finder` tells whose they are, `clients` counts them by client."""

    limit: int
    gauge: Gauge
    finder: ClientFinder
    clients: ClientLimits
    open: set[EdgeProtocol] = field(default_factory=set)
    _none_open: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, connection: EdgeProtocol) -> bool:
        """Takes a connection in, and notes in its `refusal` what its request shall be told if there are too many; False when there are far too many."""
        if len(self.open) >= self.limit + REFUSED_BESIDES:
            return False
        if not self.clients.connect(connection.client):
            connection.refusal = CLIENT_BUSY
        if len(self.open) >= self.limit:
            connection.refusal = EDGE_FULL
        self.open.add(connection)
        self._none_open.clear()
        self.gauge.inc()
        return True

    def remove(self, connection: EdgeProtocol) -> None:
        """Lets a connection go; harmless when it was not taken in."""
        if connection in self.open:
            self.open.remove(connection)
            self.clients.disconnect(connection.client)
            self.gauge.dec()
        if not self.open:
            self._none_open.set()

    def close_idle(self) -> None:
        """Closes connections between two requests now, the others after the request that they are at."""
        for connection in list(self.open):
            connection.close()

    async def all_closed(self) -> None:
        """Waits until there are none."""
        if self.open:
            await self._none_open.wait()


class EdgeProtocol(web.RequestHandler):
    """Serves HTTP/1.1 on one connection. `client` is the other side; `refusal` the reason for which its request shall be refused, if not empty."""

    __slots__ = ("_connections", "_dialect", "_headers_timer", "_stall_timer", "_times", "client", "refusal")

    def __init__(
        self,
        manager: web.Server,
        connections: Connections,
        dialect: Dialect,
        *,
        loop: asyncio.AbstractEventLoop,
        times: ConnectionTimes,
        max_line_size: int,
        max_field_size: int,
        read_bufsize: int,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=times.idle_s,
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp's own runner turns it off
            max_line_size=max_line_size,
            max_field_size=max_field_size,
            read_bufsize=read_bufsize,
            auto_decompress=False,
        )
        self._connections = connections
        self._dialect = dialect
        self._times = times
        self._headers_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self.client = NOBODY
        self.refusal = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to serve, unless there are too many connections."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.client = self._connections.finder.of_connection(peer[0] if isinstance(peer, tuple) else "")
        if not self._connections.add(self):
            log.warning("connection closed: too many", limit=self._connections.limit)
            self.force_close()
            return
        self._await_headers(min(self._times.headers_s, REFUSED_FOR_S) if self.refusal else self._times.headers_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends; what runs for this connection is cancelled."""
        for timer in (self._headers_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what arrived; headers must be complete a while after their first byte."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._headers_came()
        elif data and self._headers_timer is None and self._is_idle():
            self._await_headers(self._times.headers_s)

    def pause_writing(self) -> None:
        """The client takes less than it gets; from now on it must take something now and then."""
        super().pause_writing()
        self._watch_progress()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        super().resume_writing()

    def _await_headers(self, within_s: float) -> None:
        self._headers_timer = self._loop.call_later(within_s, self._headers_late)

    def _headers_came(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _headers_late(self) -> None:
        self._headers_timer = None
        if self._is_idle():
            self.force_close()

    def _watch_progress(self) -> None:
        transport = self.transport
        if transport is not None:
            left = transport.get_write_buffer_size()
            self._stall_timer = self._loop.call_later(self._times.stall_s, self._check_progress, left)

    def _check_progress(self, before: int) -> None:
        self._stall_timer = None
        transport = self.transport
        if transport is None or not self.writing_paused:
            return
        if transport.get_write_buffer_size() < before:
            self._watch_progress()
        else:
            log.info("connection cut: the client takes nothing", client=self.client.address)
            transport.abort()

    def _is_idle(self) -> bool:
        """Whether the connection is between two requests."""
        waiter = self._waiter
        return self._request_count == 0 or (waiter is not None and not waiter.done())

    def close(self) -> None:
        """Ends the connection: now if it is between two requests, else after the one that it is at."""
        is_idle = self._is_idle()
        super().close()
        if is_idle:
            # The base class would leave it open and deaf, to be closed by a shutdown of the whole server.
            self.force_close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what is not HTTP (400); other errors have been answered before they come here, or cannot be any more."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionResetError("the connection is of no use any more")
        if status >= 500:
            log.error("request failed outside its handler", exc_info=exc)
            answer = self._dialect.answer(exc or RequestRefused("INTERNAL"))
        else:
            answer = self._dialect.answer(RequestRefused("REQUEST_INVALID", "Malformed HTTP request"), path="")
        response = error_response(request.method, answer)
        response.headers[hdrs.SERVER] = SERVER_NAME
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
        response.force_close()
        return response
