"""Objects on the local disk."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from joygrpc.content import SNIFF_BYTES, build_tree_of_file
from joygrpc.storage.data_directory import SHARDS, DataDirectory, object_of_name, sync_directory
from joygrpc.storage.disk_writer import DiskWriter, content_of, store_error, write_tree
from joygrpc.storage.store import Content, DiskFull, FileLocation, FoundFile, ObjectMissing, ObjectReader, TreeMissing

T = TypeVar("T")

_THREADS = 8


class DiskStore:
    """Objects below a data directory that this process owns (see `ObjectStore`); use as an async context manager.

    `reserve` is the free space, in bytes, that is left to others. All file work runs in threads of its own.
    """

    def __init__(self, directory: DataDirectory, *, reserve: int = 0) -> None:
        self._directory = directory
        self._reserve = reserve
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")
        self._writers: dict[DiskWriter, int] = {}

    def __repr__(self) -> str:
        return f"<DiskStore writers={len(self._writers)}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in list(self._writers):
            await writer.discard()
        self._threads.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except FileNotFoundError:
            raise ObjectMissing from None
        except OSError as error:
            raise store_error(error) from error

    async def create(self, object_id: int, expected_size: int) -> DiskWriter:
        """Begins to take an object in."""
        if await self.free_bytes() < expected_size:
            raise DiskFull
        directory = self._directory
        temporary = directory.new_incoming(object_id)
        writer = DiskWriter(
            temporary, directory.object(object_id), directory.tree(object_id), self._threads, self._forget_writer
        )
        self._writers[writer] = expected_size
        try:
            await writer.open()
        except BaseException:
            await writer.discard()
            raise
        return writer

    def _forget_writer(self, writer: DiskWriter) -> None:
        self._writers.pop(writer, None)

    @asynccontextmanager
    async def open(self, object_id: int) -> AsyncIterator[ObjectReader]:
        """The object for reading."""
        path = self._directory.object(object_id)

        def work() -> tuple[int, int]:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            return descriptor, os.fstat(descriptor).st_size

        opening = self._threads.submit(work)
        try:
            descriptor, size = await asyncio.wrap_future(opening)
        except FileNotFoundError:
            raise ObjectMissing from None
        except OSError as error:
            raise store_error(error) from error
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)
            raise
        reader = _DiskReader(descriptor, size, self._threads)
        try:
            yield reader
        finally:
            reader.close()

    async def location(self, object_id: int) -> FileLocation | None:
        """Its file, or None when there is none."""
        path = self._directory.object(object_id)
        try:
            status = await self._run(lambda: path.stat(follow_symlinks=False))
        except ObjectMissing:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return FileLocation(str(path), status.st_dev, status.st_ino, status.st_size)

    async def tree(self, object_id: int) -> bytes:
        """Its serialised tree."""
        try:
            return await self._run(self._directory.tree(object_id).read_bytes)
        except ObjectMissing:
            raise TreeMissing from None

    async def examine(self, object_id: int) -> Content:
        """Reads the whole object and says what it is."""
        path = self._directory.object(object_id)

        def work() -> Content:
            with path.open("rb", buffering=0) as file:
                head = os.pread(file.fileno(), SNIFF_BYTES, 0)
                return content_of(build_tree_of_file(file.fileno()), head)

        return await self._run(work)

    async def put_tree(self, object_id: int, tree: bytes) -> None:
        """Puts a serialised tree beside its object."""
        directory = self._directory
        target = directory.tree(object_id)

        def work() -> None:
            if tree:
                write_tree(directory.new_incoming(object_id).with_suffix(".tree"), target, tree)
                sync_directory(target.parent)

        await self._run(work)

    async def remove(self, object_id: int) -> None:
        """Deletes object and tree."""
        directory = self._directory

        def work() -> None:
            directory.object(object_id).unlink(missing_ok=True)
            directory.tree(object_id).unlink(missing_ok=True)

        await self._run(work)

    async def sizes(self, object_ids: Sequence[int]) -> list[int | None]:
        """The sizes of objects, None for those that are not there."""
        return await self._run(lambda: [self._size(object_id) for object_id in object_ids])

    def _size(self, object_id: int) -> int | None:
        try:
            return self._directory.object(object_id).stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    async def scan(self) -> AsyncIterator[list[FoundFile]]:
        """All objects, one shard at a time."""
        for number in range(SHARDS):
            found = await self._run(lambda number=number: self._scan_shard(number))  # type: ignore[misc]
            if found:
                yield found

    def _scan_shard(self, number: int) -> list[FoundFile]:
        found = []
        with os.scandir(self._directory.shard(number)) as entries:
            for entry in entries:
                named = object_of_name(entry.name)
                if named is None or named[1] or named[0] % SHARDS != number or not entry.is_file(follow_symlinks=False):
                    continue
                found.append(FoundFile(named[0], entry.stat(follow_symlinks=False).st_size))
        return found

    async def free_bytes(self) -> int:
        """Bytes that may still be taken in."""
        status = await self._run(lambda: os.statvfs(self._directory.incoming))
        owed = sum(max(0, expected - writer.committed_size) for writer, expected in self._writers.items())
        return status.f_bavail * status.f_frsize - self._reserve - owed

    @property
    def receiving(self) -> tuple[int, int]:
        """Objects on their way in, and their bytes so far."""
        return len(self._writers), sum(writer.size for writer in self._writers)


def _close_opened(opening: Future[tuple[int, int]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result()[0])


class _DiskReader:
    def __init__(self, descriptor: int, size: int, threads: ThreadPoolExecutor) -> None:
        self._descriptor = descriptor
        self._size = size
        self._threads = threads
        self._reading: Future[bytes] | None = None

    @property
    def size(self) -> int:
        return self._size

    async def read(self, offset: int, length: int) -> bytes:
        self._reading = self._threads.submit(os.pread, self._descriptor, length, offset)
        try:
            return await asyncio.wrap_future(self._reading)
        except OSError as error:
            raise store_error(error) from error

    def close(self) -> None:
        if self._reading is None:
            os.close(self._descriptor)
        else:
            # A cancelled read may still be at it: the descriptor's number must not name another file by then.
            self._reading.add_done_callback(lambda _: os.close(self._descriptor))
