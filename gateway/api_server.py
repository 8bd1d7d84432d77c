"""One API on its listening socket: application, connections and listener."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import web

from gateway.app import Handler, build_app
from gateway.client_address import ClientFinder
from gateway.client_limits import ClientLimits
from gateway.documents import documentation_routes
from gateway.errors import Dialect
from gateway.listener import Listener
from gateway.metrics import CONNECTIONS
from gateway.protocol import Connections, ConnectionTimes, EdgeProtocol
from gateway.routing import Route
from joygrpc.config.gateway import GatewayConfig

READ_BUFFER_BYTES = 256 << 10
CUT_S = 0.2
"""Time for requests to notice that they are cut, once the time to end by themselves is over."""


@asynccontextmanager
async def api_server(
    api: str,
    routes: Sequence[Route[Handler]],
    dialect: Dialect,
    shared: socket.socket,
    config: GatewayConfig,
) -> AsyncIterator[Listener]:
    """The listener of an API, not open yet; `api` is storage, distributor or operator.

    Leaving the block accepts no more, lets running requests end within the time for that, and cuts the rest.
    """
    limits = config.limits
    finder = ClientFinder(config.trusted_proxies, config.forwarded_header, limits.unlimited_clients)
    clients = ClientLimits(limits)
    app = build_app(
        api,
        [*routes, *documentation_routes(api)],
        dialect,
        finder,
        clients,
        max_body_bytes=limits.max_json_body_bytes,
    )
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=CUT_S
    )
    await runner.setup()
    try:
        server = runner.server
        if server is None:
            raise RuntimeError("a runner has a server after its set-up")
        connections = Connections(limits.max_connections, CONNECTIONS.labels(api), finder, clients)
        times = ConnectionTimes(limits.header_timeout_s, limits.keepalive_timeout_s, limits.stall_timeout_s)
        loop = asyncio.get_running_loop()

        def connection() -> EdgeProtocol:
            return EdgeProtocol(
                server,
                connections,
                dialect,
                loop=loop,
                times=times,
                max_line_size=limits.max_request_line_bytes,
                max_field_size=limits.max_header_bytes,
                read_bufsize=READ_BUFFER_BYTES,
            )

        listener = Listener(shared, connection, connections)
        try:
            yield listener
        finally:
            listener.close(refuse=False)
            await _ended(connections, timedelta(seconds=config.shutdown.drain_s))
    finally:
        await runner.cleanup()


async def _ended(connections: Connections, within: timedelta) -> None:
    try:
        async with asyncio.timeout(within.total_seconds()):
            await connections.all_closed()
    except TimeoutError:
        return
