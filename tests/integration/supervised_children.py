"""Child programs for the supervisor's tests: they tell a witness (a Unix socket) what they do; the end of its connection is their end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

from joygrpc.supervisor import ChildContext, Infos, ProcessSpec, Supervisor, run_async


class Witness:
    def __init__(self, context: ChildContext) -> None:
        self._name = context.name
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(json.loads(context.config_json)["witness"])

    def say(self, event: str, **facts: object) -> None:
        line = json.dumps({"child": self._name, "event": event, "pid": os.getpid(), **facts})
        self._socket.sendall(line.encode() + b"\n")


def main(context: ChildContext) -> int:
    config = json.loads(context.config_json)
    witness = Witness(context)
    witness.say("started", ppid=os.getppid(), argv=sys.orig_argv)
    if "fail" in config:
        return int(config["fail"])
    if config.get("grandchild"):
        # It ignores SIGTERM and its parent's end.
        code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
        grandchild = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert grandchild.stdout is not None
        grandchild.stdout.readline()
        witness.say("grandchild", grandchild=grandchild.pid)
    if config.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not config.get("silent"):
            context.notify_ready({})
        while True:
            time.sleep(3600)

    async def serve(context: ChildContext, stop: asyncio.Event) -> int:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            command = await reader.readline()
            writer.write(f"{os.getpid()}\n".encode())
            await writer.drain()
            if command == b"end\n":
                context.notify_ending()
                stop.set()
            if command == b"return\n":
                stop.set()
            writer.close()

        for listener in context.sockets.values():
            await asyncio.start_server(answer, sock=listener)
        context.notify_ready({"pid": os.getpid(), "name": context.name})
        await stop.wait()
        witness.say("stopping")
        return 0

    return run_async(context, serve)


def other_main(context: ChildContext) -> int:
    """The same under another name, so that it is a stage of its own."""
    return main(context)


def program() -> int:
    """A whole program: `supervised_children.py WITNESS`; its children are `node` and two workers."""
    config = json.dumps({"witness": sys.argv[1], "log": {"level": "error"}})
    target = "supervised_children:"
    specs = [
        ProcessSpec("node", target + "main", config),
        ProcessSpec("gateway-0", target + "other_main", config),
        ProcessSpec("gateway-1", target + "other_main", config),
    ]

    def announce(infos: Infos) -> None:
        sys.stdout.write(json.dumps(infos) + "\n")
        sys.stdout.flush()

    return Supervisor(specs, on_ready=announce).run()


if __name__ == "__main__":
    sys.exit(program())
