"""The HTTP side of the admin listener: metrics and health, to which a program may add its own routes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from joygrpc.telemetry.metrics import CONTENT_TYPE, exposition

Check = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Readiness:
    """Whether a program can do its work: every named check holds, and it is not draining."""

    checks: Mapping[str, Check] = field(default_factory=dict)
    timeout_s: float = 5.0
    draining: bool = False

    async def outcomes(self) -> dict[str, bool]:
        """Each check's outcome; one that fails or takes longer than `timeout_s` counts as not holding."""
        holds = await asyncio.gather(*(self._holds(check) for check in self.checks.values()))
        return {"running": not self.draining, **dict(zip(self.checks, holds, strict=True))}

    async def _holds(self, check: Check) -> bool:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await check()
        except Exception:
            return False


def admin_app(readiness: Readiness | None = None) -> web.Application:
    """`/metrics` (Prometheus), `/livez` (200 while the process answers), `/readyz` (200 or 503, with each check's outcome)."""
    ready = readiness or Readiness()

    async def metrics(_: web.Request) -> web.Response:
        body = await asyncio.to_thread(exposition)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_: web.Request) -> web.Response:
        outcomes = await ready.outcomes()
        good = all(outcomes.values())
        return web.json_response({"ready": good, "checks": outcomes}, status=200 if good else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/livez", livez), web.get("/readyz", readyz)])
    return app


@contextlib.asynccontextmanager
async def serving(app: web.Application, listener: socket.socket) -> AsyncIterator[str]:
    """Serves an application on a listening socket for the length of an `async with` block; gives its URL.

    Leaving the block closes the socket's server and waits up to 2 s for requests under way.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.SockSite(runner, listener)
        await site.start()
        host, port = listener.getsockname()[:2]
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        await runner.cleanup()
