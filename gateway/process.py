"""The program of one gateway worker, as the supervisor starts it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from gateway.worker import running_worker
from joygrpc.config.gateway import GatewayConfig
from joygrpc.supervisor import ChildContext, run_async, url_of
from joygrpc.telemetry.admin import Readiness, admin_app, serving


def main(context: ChildContext) -> int:
    """Runs a worker until SIGTERM; its configuration is a `GatewayConfig`, its sockets as that says. Gives the exit code."""
    return run_async(context, _serve)


async def _serve(context: ChildContext, stop: asyncio.Event) -> int:
    config = GatewayConfig.from_json(context.config_json)
    readiness = Readiness()
    async with AsyncExitStack() as stack:
        info: dict[str, object] = {}
        if "admin" in context.sockets:
            info["admin"] = await stack.enter_async_context(serving(admin_app(readiness), context.sockets["admin"]))
        await stack.enter_async_context(running_worker(config, context.sockets))
        info["rest"] = url_of(context.sockets["public"])
        if config.operator is not None:
            info["operator"] = url_of(context.sockets["operator"])
        context.notify_ready(info)
        await stop.wait()
        readiness.draining = True
    return 0
