"""Where objects' bytes lie: the port that the rest of the node uses."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from joygrpc.mesh import JoygrpcError


class ObjectMissing(JoygrpcError):
    """File not found."""

    reason = "OBJECT_NOT_FOUND"


class TreeMissing(JoygrpcError):
    """The object's tree is not here."""

    reason = "TREE_NOT_FOUND"


class DiskFull(JoygrpcError):
    """There is not enough free space to take the object."""

    reason = "DISK_FULL"


class StoreFailed(JoygrpcError):
    """The object store cannot be read or written."""

    reason = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Content:
    """What a finished object turned out to be; `tree` is serialised, and empty for an object of one group."""

    size: int
    multihash: str
    media_type: str
    tree: bytes


@dataclass(frozen=True, slots=True)
class FileLocation:
    """Where an object lies on this machine's disk, for those who may open it; `size` in bytes."""

    path: str
    device: int
    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in the store, as a scan finds it; `size` in bytes."""

    object_id: int
    size: int


class ObjectWriter(Protocol):
    """One object on its way in. Methods are awaited one after the other."""

    @property
    def size(self) -> int:
        """Bytes taken so far."""

    @property
    def committed_size(self) -> int:
        """Bytes handed to the disk so far."""

    async def write(self, data: bytes) -> None:
        """Takes the next bytes; they may wait in memory until a batch is full. Raises `DiskFull` and `StoreFailed`."""

    async def flush(self) -> None:
        """Hands all bytes to the disk."""

    async def finish(self) -> Content:
        """Says what the bytes are; afterwards only `commit` and `discard` make sense."""

    async def commit(self) -> None:
        """Puts the object in its place, together with its tree, so that both survive a power cut."""

    async def discard(self) -> None:
        """Forgets the bytes; harmless after `commit`."""


class ObjectReader(Protocol):
    """An open object."""

    @property
    def size(self) -> int:
        """Its bytes."""

    async def read(self, offset: int, length: int) -> bytes:
        """Bytes from `offset` on; fewer than `length` only at the end. Raises `StoreFailed`."""


class ObjectStore(Protocol):
    """Keeps objects' bytes and trees by id. Callers hold the object's claim while they change it."""

    async def create(self, object_id: int, expected_size: int) -> ObjectWriter:
        """Begins to take an object in. Raises `DiskFull` when its size would not leave the reserve free."""

    def open(self, object_id: int) -> AbstractAsyncContextManager[ObjectReader]:
        """The object for reading; stays whole while open, even if it is removed meanwhile. Raises `ObjectMissing`."""

    async def location(self, object_id: int) -> FileLocation | None:
        """Its file on this machine, or None when there is none."""

    async def tree(self, object_id: int) -> bytes:
        """Its serialised tree. Raises `TreeMissing`."""

    async def examine(self, object_id: int) -> Content:
        """Reads the whole object and says what it is. Raises `ObjectMissing`."""

    async def put_tree(self, object_id: int, tree: bytes) -> None:
        """Puts a serialised tree beside an object that has none."""

    async def remove(self, object_id: int) -> None:
        """Deletes object and tree; harmless when they are not there."""

    async def sizes(self, object_ids: Sequence[int]) -> list[int | None]:
        """The sizes of objects in bytes, in the order given; None for those that are not there."""

    def scan(self) -> AsyncIterator[list[FoundFile]]:
        """All objects, in pages of no particular order."""

    async def free_bytes(self) -> int:
        """Bytes that may still be taken in: free space without the reserve and without what running writers will need."""

    @property
    def receiving(self) -> tuple[int, int]:
        """Objects on their way in, and their bytes so far."""
