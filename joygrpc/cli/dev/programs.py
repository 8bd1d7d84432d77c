"""Running the programs of a development network."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from joygrpc.supervisor.lifeline import die_with_parent
from joygrpc.supervisor.ready import READY_FD_VARIABLE


class ProgramFailed(Exception):
    """A program of the network ended before it was ready, or was not ready in time."""


class Program:
    """One `joygrpc` command in a process of its own; it dies with this process whatever happens."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self.process, self.log = name, process, log

    def __repr__(self) -> str:
        return f"<Program {self.name} pid={self.process.pid} exit={self.process.returncode}>"

    @classmethod
    async def start(
        cls, name: str, arguments: Sequence[str], *, log: Path, environment: Mapping[str, str], ready_timeout: timedelta
    ) -> tuple["Program", dict[str, Any]]:
        """Start `joygrpc ARGUMENTS` and wait for its line of JSON; its log goes to the file `log`.

        Raises `ProgramFailed` with the end of the log.
        """
        read_end, write_end = os.pipe()
        parent = os.getpid()
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "joygrpc",
                    *arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(write_end,),
                    env={**os.environ, **environment, READY_FD_VARIABLE: str(write_end)},
                    preexec_fn=lambda: die_with_parent(parent),
                    # Ctrl-C in a terminal is for the one who stops the others in order.
                    start_new_session=True,
                )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        program = cls(name, process, log)
        try:
            line = await program._read_line(read_end, ready_timeout)
        except BaseException:
            await program.stop(timedelta(seconds=1))
            raise
        if not line:
            await program.stop(timedelta(seconds=1))
            raise ProgramFailed(f"{name} ended with status {process.returncode}:\n{program.last_lines()}")
        return program, json.loads(line)

    async def _read_line(self, descriptor: int, timeout: timedelta) -> bytes:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
        )
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                return await reader.readline()
        except TimeoutError:
            raise ProgramFailed(
                f"{self.name} was not ready within {timeout.total_seconds():g} s:\n{self.last_lines()}"
            ) from None
        finally:
            transport.close()

    def last_lines(self, count: int = 12) -> str:
        """The end of the program's log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    async def stop(self, grace: timedelta) -> None:
        """SIGTERM, `grace` to end, then SIGKILL."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace.total_seconds()):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
