"""The directory that one storage node owns: its lock, its parts, and where an object's file lies in it."""

import contextlib
import errno
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

SHARDS = 256
"""Directories that objects are spread over by the lowest byte of their id."""

_TREE_SUFFIX = ".tree"
_INCOMING_NAME = re.compile(r"[0-9]{1,20}-[0-9a-f]{16}\.(part|tree)")
_OBJECT_NAME = re.compile(r"(0|[1-9][0-9]{0,19})(\.tree)?")


class DataDirectoryInUse(RuntimeError):
    """Another process owns the data directory."""


class DataDirectoryUnusable(RuntimeError):
    """The directories cannot be used as they are; the message says why."""


class DataDirectory:
    """Paths of a storage node's data.

    `objects/<shard>/<id>` below `root` is an object, `objects/<shard>/<id>.tree` its tree. `incoming` holds what is being written and may be
    elsewhere on the same file system; `private` holds the index and the lock.
    """

    def __init__(self, root: Path, *, incoming: Path | None = None, private: Path | None = None) -> None:
        self.root = root.absolute()
        self.objects = self.root / "objects"
        self.incoming = (incoming or self.root / "incoming").absolute()
        self.private = (private or self.root / "private").absolute()
        self.index = self.private / "index.sqlite"

    def __repr__(self) -> str:
        return f"<DataDirectory {self.root}>"

    def shard(self, number: int) -> Path:
        """The directory of one shard, 0 to 255."""
        return self.objects / f"{number:02x}"

    def object(self, object_id: int) -> Path:
        """Where the object's bytes lie."""
        return self.shard(object_id % SHARDS) / str(object_id)

    def new_incoming(self, object_id: int) -> Path:
        """A name for bytes of the object that arrive, never used before."""
        return self.incoming / f"{object_id}-{secrets.token_hex(8)}.part"

    def tree(self, object_id: int) -> Path:
        """Where the object's serialised tree lies."""
        return self.shard(object_id % SHARDS) / f"{object_id}{_TREE_SUFFIX}"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Makes the parts, takes the lock and removes what was left half-written; nobody else can own the directory meanwhile.

        Raises `DataDirectoryInUse`, `DataDirectoryUnusable` and OSError. The kernel frees the lock of a process that dies.
        """
        for part in (self.root, self.private, self.incoming):
            part.mkdir(parents=True, exist_ok=True)
        if self.incoming == self.root:
            raise DataDirectoryUnusable("the directory for arriving bytes must not be the data directory itself")
        if self.incoming.stat().st_dev != self.root.stat().st_dev:
            raise DataDirectoryUnusable("the directory for arriving bytes must be on the data directory's file system")
        descriptor = os.open(self.private / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN}:
                    raise DataDirectoryInUse("another process owns the data directory") from error
                raise
            self._prepare()
            yield
        finally:
            os.close(descriptor)

    def _prepare(self) -> None:
        for left in self.incoming.iterdir():
            # The directory may be the operator's own choice: only what bears our names goes.
            if _INCOMING_NAME.fullmatch(left.name):
                left.unlink()
        if not self.shard(SHARDS - 1).exists():
            for number in range(SHARDS):
                self.shard(number).mkdir(parents=True, exist_ok=True)
            sync_directory(self.objects)
            sync_directory(self.root)


def object_of_name(name: str) -> tuple[int, bool] | None:
    """The object that a file below `objects/` belongs to, and whether the file is its tree; None for a stranger's file."""
    match = _OBJECT_NAME.fullmatch(name)
    return None if match is None else (int(match[1]), match[2] is not None)


def sync_directory(path: Path) -> None:
    """Makes renames into a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
