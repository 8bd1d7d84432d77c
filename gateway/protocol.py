"""One client's connection: aiohttp's protocol, with our answers to what is not HTTP and a bound on connections.

This module alone leans on what aiohttp keeps to itself: `RequestHandler._waiter` and `_request_count`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web
from prometheus_client import Gauge

from gateway.errors import Dialect, RequestRefused
from gateway.responses import error_response

log = structlog.get_logger("joygrpc.gateway")

SERVER_NAME = "joygrpc"


@dataclass(slots=True)
class Connections:
    """The open connections of one API in this worker."""

    limit: int
    gauge: Gauge
    open: set[EdgeProtocol] = field(default_factory=set)
    _none_open: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, connection: EdgeProtocol) -> bool:
        """Takes a connection in; False when there are too many."""
        if len(self.open) >= self.limit:
            return False
        self.open.add(connection)
        self._none_open.clear()
        self.gauge.inc()
        return True

    def remove(self, connection: EdgeProtocol) -> None:
        """Lets a connection go; harmless when it was not taken in."""
        if connection in self.open:
            self.open.remove(connection)
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
    """Serves HTTP/1.1 on one connection."""

    __slots__ = ("_connections", "_dialect")

    def __init__(
        self,
        manager: web.Server,
        connections: Connections,
        dialect: Dialect,
        *,
        loop: asyncio.AbstractEventLoop,
        keepalive_timeout: float,
        max_line_size: int,
        max_field_size: int,
        read_bufsize: int,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            keepalive_timeout=keepalive_timeout,
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp's own runner turns it off
            max_line_size=max_line_size,
            max_field_size=max_field_size,
            read_bufsize=read_bufsize,
            auto_decompress=False,
        )
        self._connections = connections
        self._dialect = dialect

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to serve, unless there are too many connections."""
        super().connection_made(transport)
        if not self._connections.add(self):
            log.warning("connection refused: too many", limit=self._connections.limit)
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Ends; what runs for this connection is cancelled."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def close(self) -> None:
        """Ends the connection: now if it is between two requests, else after the one that it is at."""
        waiter = self._waiter
        is_idle = self._request_count == 0 or (waiter is not None and not waiter.done())
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
        response = error_response(answer)
        response.headers[hdrs.SERVER] = SERVER_NAME
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
        response.force_close()
        return response
