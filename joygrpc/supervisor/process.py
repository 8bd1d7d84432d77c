"""One running child process, as the supervisor sees it."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from joygrpc.supervisor.spec import ProcessSpec

if TYPE_CHECKING:
    from joygrpc.supervisor.child import Begin, Order

_log = logging.getLogger("joygrpc.supervisor")

_MAX_LINE_BYTES = 1 << 20


class ChildProcess:
    """A child from its start to its end.

    `ready` gives what the child said when it was ready, `exited` its return code (negative: the signal that ended it); both are futures of the running loop.
    When the child has ended, whatever it left in its process group is killed.
    """

    def __init__(self, spec: ProcessSpec, *, on_exit: Callable[["ChildProcess"], None] | None = None) -> None:
        self.spec = spec
        self.ending = False
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[dict[str, object]] = self._loop.create_future()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._buffer = bytearray()
        self._started = time.monotonic()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "joygrpc.supervisor.child",
                    spec.name,
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *(listener.fileno() for listener in spec.sockets.values())],
                # Its own process group: a terminal's Ctrl-C reaches the supervisor alone, which ends the children in order.
                process_group=0,
                env=_environment(),
            )
        self._pidfd = os.pidfd_open(self._process.pid)
        self._channel.setblocking(False)
        self._loop.add_reader(self._channel, self._read)
        self._loop.add_reader(self._pidfd, self._reap)

    def __repr__(self) -> str:
        state = "ended" if self.exited.done() else "ready" if self.ready.done() else "starting"
        return f"<ChildProcess {self.spec.name} pid={self.pid} {state}>"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def uptime(self) -> timedelta:
        """Time since its start."""
        return timedelta(seconds=time.monotonic() - self._started)

    async def prepare(self) -> None:
        """Tells the child what to import; it goes no further until `begin`."""
        order: Order = {
            "target": self.spec.target,
            "path": sys.path,
            "stop_grace_s": self.spec.stop_grace.total_seconds(),
        }
        await self._send(json.dumps(order))

    async def begin(self) -> None:
        """Gives the child its configuration and sockets, and lets it run."""
        begin: Begin = {
            "config": self.spec.config,
            "sockets": {name: listener.fileno() for name, listener in self.spec.sockets.items()},
        }
        await self._send(json.dumps(begin))

    def terminate(self) -> None:
        """Asks the child to end (SIGTERM)."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the child at once (SIGKILL)."""
        self._signal(signal.SIGKILL)

    async def _send(self, line: str) -> None:
        # A child that is dead already shows it by `exited`.
        with contextlib.suppress(OSError):
            await self._loop.sock_sendall(self._channel, line.encode() + b"\n")

    def _signal(self, number: signal.Signals) -> None:
        if not self.exited.done():
            signal.pidfd_send_signal(self._pidfd, number)

    def _read(self) -> None:
        try:
            part = self._channel.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            part = b""
        if not part:
            self._loop.remove_reader(self._channel)
            return
        self._buffer += part
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            self._heard(line)
        if len(self._buffer) > _MAX_LINE_BYTES:
            _log.error("a child talks without end", extra={"child": self.spec.name})
            self.kill()
            self._buffer.clear()

    def _heard(self, line: bytes) -> None:
        message = json.loads(line)
        match message["event"]:
            case "ready" if not self.ready.done():
                self.ready.set_result(message["info"])
            case "ending":
                self.ending = True

    def _reap(self) -> None:
        self._loop.remove_reader(self._pidfd)
        # Its last words may still be in the channel; a few reads, since a grandchild may hold the other end open.
        with contextlib.suppress(OSError):
            while part := self._channel.recv(65536):
                self._buffer += part
        self._loop.remove_reader(self._channel)
        for line in bytes(self._buffer).split(b"\n")[:-1]:
            self._heard(line)
        # Before the child is reaped its process group's number cannot belong to anyone else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        os.close(self._pidfd)
        self._channel.close()
        if self._on_exit is not None:
            self._on_exit(self)
        self.exited.set_result(code)


def _environment() -> dict[str, str]:
    """The environment of a child: as ours, and it finds this package also where that is not installed."""
    environment = dict(os.environ)
    root = Path(__file__).resolve().parents[2]
    if not {"site-packages", "dist-packages"} & set(root.parts):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH"))))
    return environment
