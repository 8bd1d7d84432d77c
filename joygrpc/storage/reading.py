"""Giving out objects and their trees."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from joygrpc.content import GROUP_SIZE, InvalidTree, Tree, decode_multihash, group_count
from joygrpc.mesh import MAX_DATA_BYTES, JoygrpcError
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.metrics import READ_BYTES
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.store import FileLocation, ObjectMissing, ObjectReader, ObjectStore, TreeMissing
from joygrpc.storage.verification import SMALL_BYTES, Verifier, hashed_stream

log = structlog.get_logger(__name__)

_NODE_BYTES = 64


class RangeNotSatisfiable(JoygrpcError):
    """The range begins after the object's end."""

    reason = "RANGE_NOT_SATISFIABLE"


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """Bytes `start` up to, not including, `stop`."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Proof:
    """Inner nodes, in pre-order, that prove the groups of a span."""

    span: ByteSpan
    nodes: bytes


def span_of(offset: int, limit: int, size: int) -> ByteSpan:
    """The part of an object of `size` bytes that a request asks for; `limit` 0 means up to the end. Raises `RangeNotSatisfiable`."""
    if offset > size:
        raise RangeNotSatisfiable(f"The object has {size} bytes")
    return ByteSpan(offset, size if limit == 0 else min(size, offset + limit))


@dataclass(slots=True)
class OpenObject:
    """An object whose file is open for reading."""

    kept: KeptObject
    _reader: ObjectReader
    _verifier: Verifier
    _bandwidth: Bandwidth

    async def chunks(self, span: ByteSpan) -> AsyncGenerator[bytes, None]:
        """The bytes of a span, in messages of up to 1 MiB.

        Bytes that nobody has verified yet are verified first or, when all of a large object is asked for, on their way. Raises `ObjectMissing` when
        the object turns out rotten.
        """
        async with contextlib.aclosing(self._chunks(span)) as chunks:
            async for data in chunks:
                READ_BYTES.inc(len(data))
                self._bandwidth.used(len(data))
                yield data

    async def _chunks(self, span: ByteSpan) -> AsyncGenerator[bytes, None]:
        if self.kept.state is ObjectState.UNVERIFIED:
            if self.kept.size > SMALL_BYTES and span == ByteSpan(0, self.kept.size):
                async with contextlib.aclosing(hashed_stream(self.kept, self._reader, self._verifier)) as checked:
                    async for data in checked:
                        yield data
                return
            await self._verifier.ensure(self.kept.object_id)
        offset = span.start
        while offset < span.stop:
            data = await self._reader.read(offset, min(MAX_DATA_BYTES, span.stop - offset))
            if not data:
                raise ObjectMissing("File not found.")
            offset += len(data)
            yield data


async def _never(_: int) -> KeptObject | None:
    return None


class ReadService:
    """Looks objects up in the index and reads them from the store.

    `drifted` is called when the disk does not hold what the index says; `late` may know of objects that are still to be taken over.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        index: ObjectIndex,
        verifier: Verifier,
        bandwidth: Bandwidth,
        drifted: Callable[[], None],
        late: Callable[[int], Awaitable[KeptObject | None]] = _never,
    ) -> None:
        self._store, self._index, self._verifier = store, index, verifier
        self._bandwidth = bandwidth
        self._drifted, self._late = drifted, late

    async def find(self, object_id: int) -> KeptObject:
        """Facts about an object that is served. Raises `ObjectMissing`."""
        kept = await self._index.get(object_id) or await self._late(object_id)
        if kept is None or not kept.served:
            raise ObjectMissing("File not found.")
        return kept

    @contextlib.asynccontextmanager
    async def open(self, object_id: int) -> AsyncIterator[OpenObject]:
        """The object for reading. Raises `ObjectMissing`."""
        kept = await self.find(object_id)
        async with contextlib.AsyncExitStack() as stack:
            try:
                reader = await stack.enter_async_context(self._store.open(object_id))
            except ObjectMissing:
                self._report_drift(kept, None)
                raise ObjectMissing("File not found.") from None
            if reader.size != kept.size:
                self._report_drift(kept, reader.size)
                raise ObjectMissing("File not found.")
            yield OpenObject(kept, reader, self._verifier, self._bandwidth)

    async def find_verified(self, object_id: int) -> KeptObject:
        """The same, verified now if it is small enough to be waited for. Raises `ObjectMissing`."""
        kept = await self.find(object_id)
        if kept.state is ObjectState.UNVERIFIED and kept.size <= SMALL_BYTES:
            return await self._verifier.ensure(object_id)
        return kept

    async def locate(self, kept: KeptObject) -> FileLocation | None:
        """Where a gateway on this machine may read the object itself; None when it must ask for the bytes.

        Raises `ObjectMissing` when the file is not what the index says.
        """
        location = await self._store.location(kept.object_id)
        if location is None or location.size != kept.size:
            self._report_drift(kept, None if location is None else location.size)
            raise ObjectMissing("File not found.")
        # Bytes that nobody has checked yet must not leave the node unchecked.
        return None if kept.state is ObjectState.UNVERIFIED else location

    async def prove(self, object_id: int, offset: int, limit: int) -> tuple[KeptObject, Proof]:
        """What proves a range of an object. Raises `ObjectMissing`, `TreeMissing` and `RangeNotSatisfiable`."""
        kept = await self.find(object_id)
        span = span_of(offset, limit, kept.size)
        if kept.size <= GROUP_SIZE:
            return kept, Proof(span, b"")
        if not kept.has_tree:
            raise TreeMissing("The object's tree is not here yet")
        try:
            return kept, Proof(span, await self._nodes(kept, span))
        except (TreeMissing, InvalidTree) as error:
            log.warning("tree is lost", object_id=object_id, error=type(error).__name__)
            await self._index.tree_lost(object_id)
            raise TreeMissing("The object's tree is not here yet") from None

    async def _nodes(self, kept: KeptObject, span: ByteSpan) -> bytes:
        serialised = await self._store.tree(kept.object_id)
        if span == ByteSpan(0, kept.size):
            if len(serialised) != _NODE_BYTES * (group_count(kept.size) - 1):
                raise TreeMissing
            return serialised
        return await asyncio.to_thread(_prove, serialised, kept, span)

    def _report_drift(self, kept: KeptObject, found: int | None) -> None:
        log.error("object is not as the index says", object_id=kept.object_id, expected=kept.size, found=found)
        self._drifted()


def _prove(serialised: bytes, kept: KeptObject, span: ByteSpan) -> bytes:
    tree = Tree.parse(serialised, kept.size, decode_multihash(kept.multihash))
    return tree.prove(span.start, span.stop - span.start)
