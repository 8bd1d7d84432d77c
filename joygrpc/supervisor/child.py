"""Start of a supervised process: `python -m joygrpc.supervisor.child NAME CHANNEL PARENT_PID`.

The supervisor sends two lines of JSON through the channel, a socket. The first names the target, whose module is imported at once, so that slow imports run beside
the start of the processes before it. The second, with the configuration and the sockets, starts the target.
"""

import importlib
import json
import socket
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypedDict, cast

from joygrpc.supervisor.context import ChildContext
from joygrpc.supervisor.lifeline import ORPHANED_EXIT_CODE, die_with_parent, watch_parent


class Order(TypedDict):
    """The first line: what to run, where modules are found, and how long the process may take to end (seconds)."""

    target: str
    path: list[str]
    stop_grace_s: float


class Begin(TypedDict):
    """The second line: the configuration's JSON text and the descriptors of the sockets."""

    config: str
    sockets: dict[str, int]


class _Lines:
    """Lines from a socket, read without a lock that a thread could hold at the interpreter's end."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._buffer = bytearray()

    def next(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            part = self._channel.recv(65536)
            if not part:
                sys.exit(ORPHANED_EXIT_CODE)
            self._buffer += part
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def load_target(target: str) -> Callable[[ChildContext], int]:
    """The function that `package.module:function` names. Raises ImportError or AttributeError."""
    module, _, function = target.partition(":")
    return cast("Callable[[ChildContext], int]", getattr(importlib.import_module(module), function))


def main(argv: Sequence[str]) -> int:
    """Runs the child; the exit code is what the target returns."""
    name, channel_fd, parent_pid = argv
    channel = socket.socket(fileno=int(channel_fd))
    channel.set_inheritable(False)
    die_with_parent(int(parent_pid))
    lines = _Lines(channel)
    order: Order = json.loads(lines.next())
    sys.path.extend(entry for entry in order["path"] if entry not in sys.path)
    target = load_target(order["target"])
    begin: Begin = json.loads(lines.next())
    sockets = {key: socket.socket(fileno=fd) for key, fd in begin["sockets"].items()}
    for listener in sockets.values():
        listener.set_inheritable(False)
        listener.setblocking(False)
    watch_parent(channel, timedelta(seconds=order["stop_grace_s"]))
    return target(ChildContext(name, begin["config"], sockets, channel))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
