"""Running an asyncio program as a supervised child."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable

from joygrpc.supervisor.context import ChildContext


def run_async(context: ChildContext, main: Callable[[ChildContext, asyncio.Event], Awaitable[int]]) -> int:
    """Runs `main` on a new event loop and gives its exit code.

    SIGTERM and SIGINT set the event that `main` is given; it then drains and returns. Logging is set up from the configuration's `log` section, which a
    distributor has below `joygrpc`.
    """
    from joygrpc.config.log import LogSettings
    from joygrpc.telemetry.logs import configure_logging

    config = json.loads(context.config_json)
    section = config.get("log") or config.get("joygrpc", {}).get("log") or {}
    configure_logging(LogSettings.model_validate(section), process=context.name)
    return asyncio.run(_run(context, main))


async def _run(context: ChildContext, main: Callable[[ChildContext, asyncio.Event], Awaitable[int]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await main(context, stop)
