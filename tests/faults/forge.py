"""Starts storage nodes by forking a process that has loaded everything: a node that is killed all the time must not cost a second of imports each time.

Each node is a process of its own, with the program that a supervisor starts; it dies with the forge, and the forge with the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from joygrpc.config import StorageNodeConfig
from joygrpc.storage.process import main
from joygrpc.supervisor.lifeline import die_with_parent
from tests.faults.crash_points import Crash, CrashPoints
from tests.integration.storage_program import PrintingContext

_MAX_MESSAGE = 1 << 18


class ForkedProcess:
    """A process that somebody else started, by its descriptor: the part of `asyncio.subprocess.Process` that killing needs."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._dead = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, self._ended)

    def _ended(self) -> None:
        if not self._dead.is_set():
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._dead.set()
            # Whether it ended well is the forge's to know; here it counts that it is gone.
            self.returncode = -1

    def send_signal(self, number: int) -> None:
        """Sends a signal; harmless when the process is gone."""
        if not self._dead.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def wait(self) -> int:
        """Waits for the end."""
        await self._dead.wait()
        return self.returncode or 0


@dataclass(frozen=True)
class Started:
    """A node's process, and what it says on its standard output."""

    process: ForkedProcess
    output: asyncio.StreamReader


class Forge:
    """The client's side; made by `forge`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    async def start(
        self, config: StorageNodeConfig, log: Path, *, crash: Crash | None = None, trace: Path | None = None
    ) -> Started:
        """A node that begins now. It says that it is ready, or the point of its end, as a line of JSON."""
        request = {
            "config": config.to_json(), "log": str(log), "crash": crash and asdict(crash), "trace": trace and str(trace),
        }  # fmt: skip
        reading, writing = os.pipe()
        try:
            async with self._lock:
                answer, descriptors = await asyncio.to_thread(self._ask, json.dumps(request).encode(), writing)
        finally:
            os.close(writing)
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(reading, "rb", 0)
        )
        return Started(ForkedProcess(json.loads(answer)["pid"], descriptors[0]), output)

    def _ask(self, request: bytes, writing: int) -> tuple[bytes, list[int]]:
        socket.send_fds(self._connection, [request], [writing])
        answer, descriptors, _, _ = socket.recv_fds(self._connection, _MAX_MESSAGE, 1)
        return answer, descriptors


@contextlib.asynccontextmanager
async def forge() -> AsyncIterator[Forge]:
    """A forge that is warm; everything that it started ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.faults.forge", str(theirs.fileno()), pass_fds=(theirs.fileno(),),
                # Threads that a library starts while it is imported do not survive a fork.
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
        try:
            assert await asyncio.to_thread(ours.recv, 16) == b"warm"
            yield Forge(ours)
        finally:
            process.kill()
            await process.wait()


def _serve(connection: socket.socket) -> None:
    forge_pid = os.getpid()
    connection.send(b"warm")
    while True:
        request, descriptors, _, _ = socket.recv_fds(connection, _MAX_MESSAGE, 1)
        _reap()
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            connection.close()
            _be_node(json.loads(request), descriptors[0], forge_pid)
        pidfd = os.pidfd_open(pid)
        socket.send_fds(connection, [json.dumps({"pid": pid}).encode()], [pidfd])
        os.close(pidfd)
        os.close(descriptors[0])


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def _be_node(request: dict[str, Any], output: int, forge_pid: int) -> None:
    code = 1
    try:
        die_with_parent(forge_pid)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor, number in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (log, 2)):
            os.dup2(descriptor, number)
            os.close(descriptor)
        crash, trace = request["crash"], request["trace"]
        points = CrashPoints(Crash(**crash) if crash else None, _announce, Path(trace) if trace else None)
        points.install()
        code = main(PrintingContext("node", request["config"]))
    finally:
        sys.stdout.flush()
        os._exit(code)


def _announce(point: str) -> None:
    os.write(1, json.dumps({"crash": point}).encode() + b"\n")


if __name__ == "__main__":
    die_with_parent(os.getppid())
    _serve(socket.socket(fileno=int(sys.argv[1])))
