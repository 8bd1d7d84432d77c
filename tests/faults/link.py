"""The line between a node and what it depends on: slow, cut, silent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Link:
    """A TCP relay to `127.0.0.1:port`. Set `delay_s` for each piece of data and direction; `silent` takes connections and data and passes nothing on."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.delay_s = 0.0
        self.silent = False
        self.port = 0
        self.connections = 0

    async def open(self, port: int = 0) -> None:
        """Listens, on the port that it had before if it had one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuses connections from now on, and cuts those that there are."""
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._serving:
            await asyncio.wait(self._serving)

    def cut(self) -> None:
        """Ends all connections at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            with contextlib.suppress(OSError):
                back, other = await asyncio.open_connection("127.0.0.1", self._target)
                self._writers.add(other)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._pass(reader, other))
                    tasks.create_task(self._pass(back, writer))
        finally:
            for each in (writer, other):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()
            self._serving.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        # Either side's end is the end of both.
        writer.transport.abort()


@contextlib.asynccontextmanager
async def link(port: int) -> AsyncIterator[Link]:
    """An open link."""
    relay = Link(port)
    await relay.open()
    try:
        yield relay
    finally:
        await relay.close()
