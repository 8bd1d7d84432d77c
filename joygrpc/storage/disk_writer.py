"""Taking one object in on the local disk: hashed, and its tree built, while it is written."""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from joygrpc.content import SNIFF_BYTES, Tree, TreeBuilder, detect_media_type, encode_multihash
from joygrpc.storage.data_directory import sync_directory
from joygrpc.storage.parallel import despite_cancellation
from joygrpc.storage.store import Content, DiskFull, StoreFailed

T = TypeVar("T")

BATCH_BYTES = 1 << 20
"""Bytes that are hashed and written in one go; while one batch is worked on, the next one fills."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def store_error(error: OSError) -> DiskFull | StoreFailed:
    """The refusal that an error of the disk becomes."""
    if error.errno in _FULL:
        return DiskFull()
    return StoreFailed()


def content_of(tree: Tree, head: bytes) -> Content:
    """What an object is, by its tree and its first bytes."""
    return Content(tree.size, encode_multihash(tree.root), detect_media_type(head), tree.serialise())


def write_tree(temporary: Path, target: Path, tree: bytes) -> None:
    """Writes a serialised tree and puts it in its place; the caller syncs the directory. Blocks."""
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, tree)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(target)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class DiskWriter:
    """One object on its way to the local disk (see `ObjectWriter`).

    `gone` is called once, when the writer is done with.
    """

    def __init__(
        self,
        temporary: Path,
        target: Path,
        tree_target: Path,
        threads: ThreadPoolExecutor,
        gone: Callable[["DiskWriter"], None],
    ) -> None:
        self._temporary, self._target, self._tree_target = temporary, target, tree_target
        self._threads = threads
        self._gone = gone
        self._builder = TreeBuilder()
        self._head = bytearray()
        self._batch: list[bytes] = []
        self._batch_size = 0
        self._size = 0
        self._committed_size = 0
        self._descriptor = -1
        self._busy: asyncio.Future[None] | None = None
        self._content: Content | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<DiskWriter {self._target.name} size={self._size}{' closed' if self._closed else ''}>"

    @property
    def size(self) -> int:
        """Bytes taken so far."""
        return self._size

    @property
    def committed_size(self) -> int:
        """Bytes handed to the disk so far."""
        return self._committed_size

    async def open(self) -> None:
        """Makes the temporary file."""

        def work() -> None:
            self._descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

        await self._start(work)
        await self._settle()

    async def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._size += len(data)
        if len(self._head) < SNIFF_BYTES:
            self._head += data[: SNIFF_BYTES - len(self._head)]
        self._batch.append(data)
        self._batch_size += len(data)
        if self._batch_size >= BATCH_BYTES:
            await self._write_batch()

    async def flush(self) -> None:
        """Hands all bytes to the disk."""
        if self._batch:
            await self._write_batch()
        await self._settle()

    async def finish(self) -> Content:
        """Says what the bytes are."""
        await self.flush()
        contents: list[Content] = []

        def work() -> None:
            contents.append(content_of(self._builder.finish(), bytes(self._head)))

        await self._start(work)
        await self._settle()
        self._content = contents[0]
        return contents[0]

    async def commit(self) -> None:
        """Syncs the file and puts it, and its tree, in their places."""
        content = self._content
        if content is None:
            raise RuntimeError("a writer is finished before it is committed")

        def work() -> None:
            os.fsync(self._descriptor)
            if content.tree:
                # The tree goes first: an object without tree is whole, and a tree without object is replaced.
                write_tree(self._temporary.with_suffix(".tree"), self._tree_target, content.tree)
            self._temporary.replace(self._target)
            sync_directory(self._target.parent)

        await self._start(work)
        await self._settle()
        await self._close()

    async def discard(self) -> None:
        """Forgets the bytes; harmless after `commit`. Completes even when it is cancelled."""
        if not self._closed:
            await despite_cancellation(self._discard())

    async def _discard(self) -> None:
        # The thread may still be writing for a caller that was cancelled.
        if self._busy is not None:
            await asyncio.wait([self._busy])
            if not self._busy.cancelled():
                self._busy.exception()
            self._busy = None
        await self._close()

    async def _close(self) -> None:
        self._closed = True
        self._batch.clear()

        def work() -> None:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._temporary.unlink(missing_ok=True)
            self._temporary.with_suffix(".tree").unlink(missing_ok=True)

        self._gone(self)
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _write_batch(self) -> None:
        data = self._batch[0] if len(self._batch) == 1 else b"".join(self._batch)
        self._batch.clear()
        self._batch_size = 0

        def work() -> None:
            self._builder.update(data)
            _write_all(self._descriptor, data)
            self._committed_size += len(data)

        await self._start(work)

    async def _start(self, work: Callable[[], None]) -> None:
        """Gives work to a thread once the previous one is done; the error of that one is raised here."""
        await self._settle()
        if self._closed:
            raise StoreFailed
        self._busy = asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _settle(self) -> None:
        if self._busy is None:
            return
        try:
            await asyncio.shield(self._busy)
        except OSError as error:
            self._busy = None
            raise store_error(error) from error
        self._busy = None
