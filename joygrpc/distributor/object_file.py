"""The sparse file of one cached object, and files that are unlinked but still open somewhere."""

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

from joygrpc.distributor.errors import CacheFull, DeliveryFailed

T = TypeVar("T")

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class CacheUnreadable(DeliveryFailed):
    """The file system failed."""

    told = "The cache could not be read or written"
    reason = "INTERNAL"


class DiskThreads:
    """Threads for work on files; use as a context manager."""

    def __init__(self, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="cache-disk")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work; raises `CacheFull` for a full disk, and `CacheUnreadable` for other errors of the file system.

        Work that began goes on when the wait is cancelled.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except OSError as error:
            failure = CacheFull if error.errno in _NO_ROOM else CacheUnreadable
            raise failure from error


class ObjectFile:
    """A sparse file of the object's size; what was not written reads as zeros.

    All who use it at a time share one descriptor, which stays good when the file is unlinked.
    """

    def __init__(self, path: Path, size: int, device: int, inode: int, threads: DiskThreads) -> None:
        self.path = path
        self.size = size
        self.device = device
        self.inode = inode
        self._threads = threads
        self._users = 0
        self._fd = -1
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<ObjectFile {self.path.name} users={self._users}>"

    @property
    def in_use(self) -> bool:
        """Whether somebody in this process reads or writes it."""
        return self._users > 0

    @classmethod
    async def create(cls, path: Path, size: int, threads: DiskThreads) -> "ObjectFile":
        """Make the file, which must not exist, readable by its owner alone."""

        def create() -> os.stat_result:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.truncate(fd, size)
                return os.fstat(fd)
            finally:
                os.close(fd)

        found = await threads.run(create)
        return cls(path, size, found.st_dev, found.st_ino, threads)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["ObjectFile"]:
        """Keep the descriptor open for the length of an `async with` block."""
        self._users += 1
        try:
            async with self._opening:
                if self._fd < 0:
                    self._fd = await self._threads.run(lambda: os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
            yield self
        finally:
            self._users -= 1
            if self._users == 0 and self._fd >= 0:
                fd, self._fd = self._fd, -1
                os.close(fd)

    async def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes; only while it is opened."""
        return await self.work(lambda fd: read_all(fd, offset, length))

    async def work(self, work: Callable[[int], T]) -> T:
        """Do blocking work with the descriptor; only while it is opened. Work that began keeps a descriptor of its own to the end."""
        fd = os.dup(self._fd)

        def with_descriptor() -> T:
            try:
                return work(fd)
            finally:
                os.close(fd)

        return await self._threads.run(with_descriptor)

    async def sync(self) -> None:
        """Wait until what was written is on the disk; only while it is opened."""
        await self.work(os.fdatasync)


def read_all(fd: int, offset: int, length: int) -> bytes:
    """Exactly `length` bytes at `offset`. Blocks; raises OSError, also when the file is shorter."""
    data = os.pread(fd, length, offset)
    while len(data) < length:
        more = os.pread(fd, length - len(data), offset + len(data))
        if not more:
            raise OSError(errno.EIO, "the file is shorter than the object")
        data += more
    return data


def write_all(fd: int, offset: int, data: bytes | memoryview) -> None:
    """Write all of `data` at `offset`. Blocks; raises OSError."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written


class Remains:
    """Unlinked files that others may still have open, whose bytes therefore still count.

    Whether one is open elsewhere is asked of the kernel, which gives a write lease (fcntl F_SETLEASE) only on a file that nobody else has open.
    File systems without such leases: a file counts until the time up to which it was lent out.
    """

    def __init__(self, threads: DiskThreads) -> None:
        self._threads = threads
        self._files: dict[int, tuple[int, float]] = {}
        self.bytes = 0

    def __repr__(self) -> str:
        return f"<Remains {len(self._files)} files, {self.bytes} bytes>"

    def __len__(self) -> int:
        return len(self._files)

    async def unlink(self, file: ObjectFile, size: int, lent_until: float) -> None:
        """Unlink a file of `size` allocated bytes; it counts until nobody has it open. `lent_until` is a time of the event loop."""

        def unlink() -> int | None:
            try:
                fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            file.path.unlink(missing_ok=True)
            return fd

        # Counted before the unlink, so that a cancelled wait errs on the side of too much.
        self.bytes += size
        fd = await self._threads.run(unlink)
        if fd is None:
            self.bytes -= size
            return
        self._files[fd] = (size, lent_until)
        await self.settle()

    async def settle(self) -> None:
        """Let go of the files that nobody has open any more."""
        now = asyncio.get_running_loop().time()
        for fd, (size, lent_until) in list(self._files.items()):
            if not _open_elsewhere(fd, assume=now < lent_until) and self._files.pop(fd, None) is not None:
                # Closing the last descriptor frees the blocks, which takes a while for a large file.
                await self._threads.run(lambda fd=fd: os.close(fd))  # type: ignore[misc]
                self.bytes -= size

    def close(self) -> None:
        """Let go of everything; for the end of the process."""
        for fd in self._files:
            os.close(fd)
        self._files.clear()


def _open_elsewhere(fd: int, *, assume: bool) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except BlockingIOError:
        return True
    except OSError:
        return assume
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
