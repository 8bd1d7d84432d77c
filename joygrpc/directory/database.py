"""The directory's SQLite file behind threads: one writes, a few read."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from joygrpc.directory.errors import DirectoryUnusable
from joygrpc.directory.schema import open_directory, open_reader

T = TypeVar("T")

_READERS = 2


class DirectoryDatabase:
    """Runs functions on connections; nothing here blocks the event loop.

    `write` runs one function at a time, in a transaction that its exception rolls back. Cancelling a wait does not stop the function. What SQLite
    raises becomes `DirectoryUnusable`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="directory-write")
        self._reader_threads = ThreadPoolExecutor(_READERS, thread_name_prefix="directory-read")
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._writer: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open or make the file; raises `DirectoryUnusable`."""
        self._writer = await self._run(self._writer_thread, lambda: open_directory(self.path))

    async def close(self) -> None:
        """Close all connections, after what is being done."""
        await asyncio.to_thread(self._shut)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have something read; it sees one state of the file if it asks within one statement or transaction."""
        return await self._run(self._reader_threads, lambda: work(self._reader()))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have something written, wholly or not at all."""

        def transaction() -> T:
            connection = self._writing()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return result

        return await self._run(self._writer_thread, transaction)

    async def maintain(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have something done on the writing connection outside of a transaction."""
        return await self._run(self._writer_thread, lambda: work(self._writing()))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except sqlite3.Error as error:
            raise DirectoryUnusable(f"The directory's file cannot be used: {type(error).__name__}") from error

    def _writing(self) -> sqlite3.Connection:
        assert self._writer is not None
        return self._writer

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_reader(self.path)
            self._local.connection = connection
            self._readers.append(connection)
        return connection

    def _shut(self) -> None:
        self._reader_threads.shutdown()
        self._writer_thread.shutdown()
        for connection in self._readers:
            connection.close()
        if self._writer is not None:
            self._writer.close()
