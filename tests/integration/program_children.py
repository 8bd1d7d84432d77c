"""Processes of the program test: a node that counts, and a gateway that shows the metrics of both."""

import asyncio
import os

from joygrpc.supervisor import READY_FD_VARIABLE, ChildContext, run_async
from joygrpc.telemetry.metrics import counter, exposition, gauge
from joygrpc.telemetry.metrics_directory import MULTIPROCESS_VARIABLE

COUNT = counter("joygrpc_test_program_total", "Starts.")
OPEN = gauge("joygrpc_test_program_open", "By process.", ["process"])
PID = gauge("joygrpc_test_program_pid", "By process id.", ["pid"])


def node(context: ChildContext) -> int:
    async def serve(context: ChildContext, stop: asyncio.Event) -> int:
        COUNT.inc()
        OPEN.labels("node").set(1)
        PID.labels(str(os.getpid())).set(1)
        seen = READY_FD_VARIABLE in os.environ
        metrics = os.environ[MULTIPROCESS_VARIABLE]
        facts = {"grpc": "127.0.0.1:1", "node_pid": os.getpid(), "ready_fd_seen": seen, "metrics": metrics}
        context.notify_ready(facts)
        await stop.wait()
        return 0

    return run_async(context, serve)


def gateway(context: ChildContext) -> int:
    async def serve(context: ChildContext, stop: asyncio.Event) -> int:
        COUNT.inc(2)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(exposition())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, sock=context.sockets["public"]):
            context.notify_ready()
            await stop.wait()
        return 0

    return run_async(context, serve)
