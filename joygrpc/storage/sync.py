"""Fetching what the node's buckets owe and the node does not have."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Protocol

import structlog

from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryBag, DirectoryObject, DirectoryStorageBucket, StoragePeer
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.metrics import SYNC_MISSING, SYNC_QUEUED
from joygrpc.storage.objects import KeptObject, ObjectState, present
from joygrpc.storage.parallel import despite_cancellation, together
from joygrpc.storage.peer_health import PeerHealth
from joygrpc.storage.peer_sources import PeerSources
from joygrpc.storage.store import Content, ObjectWriter
from joygrpc.storage.transfers import NoSource, Transfers

log = structlog.get_logger(__name__)

MAX_QUEUED = 100_000
"""New obligations that are remembered; when more come, everything is walked instead."""

_CHECKPOINT = "sync-after"


class SyncIncomplete(JoygrpcError):
    """Some objects that are owed could not be fetched."""

    reason = "NO_SOURCE"


class Obligations(Protocol):
    """The part of the directory that knows what is owed, and who else has it."""

    async def obligations(
        self, storage_buckets: Collection[int], after: int = -1, limit: int = 1000
    ) -> Sequence[DirectoryObject]:
        """Accepted objects of the buckets' bags, ascending by id."""

    async def objects_of_bag(
        self, bag_id: BagId, accepted_only: bool = False, after: int | None = None, limit: int = 1000
    ) -> Sequence[DirectoryObject]:
        """Objects of a bag, ascending by id."""

    async def bag(self, bag_id: BagId) -> DirectoryBag | None:
        """The bag and its buckets."""

    async def storage_bucket(self, bucket_id: int) -> DirectoryStorageBucket | None:
        """A bucket and where its operator's node is."""

    async def storage_peers(self, bag_id: BagId, exclude_worker: int | None = None) -> Sequence[StoragePeer]:
        """Active buckets of the bag with a known address."""


async def _nothing(_: int) -> KeptObject | None:
    return None


class SyncService:
    """Compares obligations with the index and downloads the difference, verified against the chain's hash.

    What is new is looked at when the directory tells of it (`note_…`, then `run_new`); everything is walked now and then (`run_once`), from where the
    last walk of this directory was interrupted. Both share `downloads`. `late` may know of objects that are still to be taken over.
    """

    def __init__(
        self,
        *,
        index: ObjectIndex,
        directory: Obligations,
        buckets: OwnBuckets,
        claims: Claims,
        sources: PeerSources,
        transfers: Transfers,
        health: PeerHealth,
        worker_id: int,
        downloads: int = 20,
        page_size: int = 10_000,
        late: Callable[[int], Awaitable[KeptObject | None]] = _nothing,
    ) -> None:
        self._index, self._directory = index, directory
        self._buckets, self._claims, self._sources = buckets, claims, sources
        self._transfers, self._health = transfers, health
        self._worker_id = worker_id
        self._downloads = downloads
        self._gate = asyncio.Semaphore(downloads)
        self._page_size = page_size
        self._late = late
        self._new: dict[int, None] = {}
        self._bags: dict[BagId, None] = {}
        self.walk_wanted = False
        """Whether more became new than was remembered, so that everything should be walked."""

    def __repr__(self) -> str:
        return f"<SyncService new={len(self._new)} bags={len(self._bags)}>"

    def note_objects(self, object_ids: Iterable[int]) -> None:
        """Objects may be owed from now on."""
        self._new.update(dict.fromkeys(object_ids))
        if len(self._new) > MAX_QUEUED:
            self._new.clear()
            self.walk_wanted = True
        SYNC_QUEUED.set(len(self._new))

    def note_bag(self, bag_id: BagId) -> None:
        """A bag may be owed from now on."""
        self._bags[bag_id] = None

    async def run_once(self) -> None:
        """Fetches all that is missing. Raises `SyncIncomplete` when something still is, and what directory and index raise."""
        self.walk_wanted = False
        after = await self._index.note(_CHECKPOINT, -1)
        walk = _Walk(after)
        missing = await self._fetch_all(self._missing(self._owed(walk)), walk)
        if after >= 0:
            # What came before the place where an earlier walk was cut off may have changed since.
            walk = _Walk(-1, until=after)
            missing += await self._fetch_all(self._missing(self._owed(walk)), walk)
        await self._index.set_note(_CHECKPOINT, -1)
        SYNC_MISSING.set(missing)
        if missing:
            raise SyncIncomplete(f"{missing} objects could not be fetched")

    async def run_new(self) -> None:
        """Fetches what was told to be new. Raises as `run_once`; what could not be fetched is tried again in the next run."""
        missing = 0
        while self._new or self._bags:
            new, self._new = self._new, {}
            bags, self._bags = self._bags, {}
            SYNC_QUEUED.set(0)
            failed: list[int] = []
            try:
                missing += await self._fetch_all(self._missing(self._named(list(new), list(bags))), None, failed)
            except BaseException:
                # Nothing that was noted is lost by an error.
                self.note_objects(new)
                self._bags.update(bags)
                raise
            if failed:
                self.note_objects(failed)
                raise SyncIncomplete(f"{missing} objects could not be fetched")

    async def _owed(self, walk: "_Walk") -> AsyncGenerator[Sequence[DirectoryObject], None]:
        served = self._buckets.served
        while served and (page := await self._directory.obligations(served, walk.after, self._page_size)):
            if walk.until is not None:
                page = [wanted for wanted in page if wanted.object_id <= walk.until]
            if not page:
                return
            yield page
            walk.after = page[-1].object_id
            if walk.until is None:
                await self._index.set_note(_CHECKPOINT, walk.done)

    async def _named(
        self, object_ids: Sequence[int], bags: Sequence[BagId]
    ) -> AsyncGenerator[Sequence[DirectoryObject], None]:
        served = self._buckets.served
        for object_id in object_ids:
            page = await self._directory.obligations(served, object_id - 1, 1) if served else ()
            yield [wanted for wanted in page if wanted.object_id == object_id]
        for bag_id in bags:
            bag = await self._directory.bag(bag_id)
            if bag is None or served.isdisjoint(bag.storage_buckets):
                continue
            after = -1
            while page := await self._directory.objects_of_bag(bag_id, True, after, self._page_size):
                yield page
                after = page[-1].object_id

    async def _missing(
        self, pages: AsyncGenerator[Sequence[DirectoryObject], None]
    ) -> AsyncGenerator[DirectoryObject, None]:
        async with contextlib.aclosing(pages):
            async for page in pages:
                absent = set(await self._index.unserved([wanted.object_id for wanted in page]))
                for wanted in page:
                    if wanted.object_id in absent:
                        yield wanted

    async def _fetch_all(
        self,
        objects: AsyncGenerator[DirectoryObject, None],
        walk: "_Walk | None",
        failed: list[int] | None = None,
    ) -> int:
        """Fetches objects, a few at a time and as they are found; the number of those that failed."""
        turn = asyncio.Lock()

        async def work() -> int:
            count = 0
            # The workers share the iterator, so each object goes to one of them.
            while (wanted := await _next(objects, turn)) is not None:
                with walk.working(wanted.object_id) if walk is not None else contextlib.nullcontext():
                    async with self._gate:
                        if await self._fetch(wanted):
                            continue
                count += 1
                if failed is not None:
                    failed.append(wanted.object_id)
            return count

        async with contextlib.aclosing(objects):
            return sum(await together(work() for _ in range(self._downloads)))

    async def _fetch(self, wanted: DirectoryObject) -> bool:
        """Whether the object is here now, or about to be by somebody else's work. Raises `DiskFull` and what the index raises."""
        try:
            with self._claims.hold(wanted.object_id):
                if not await self._index.unserved([wanted.object_id]):
                    return True
                if await self._late(wanted.object_id) is not None:
                    return True
                sources = self._health.ranked(self._sources.of(await self._peers(wanted.bag_id)))
                async with self._transfers.fetched(wanted, sources) as (writer, content):
                    await despite_cancellation(self._keep(wanted, writer, content))
        except UploadInProgress:
            return True
        except NoSource:
            log.info(
                "object has no source that works",
                object_id=wanted.object_id,
                bag=str(wanted.bag_id),
                sources=len(sources),
            )
            return False
        log.info("object replicated", object_id=wanted.object_id, size=wanted.size)
        return True

    async def _peers(self, bag_id: BagId) -> list[StoragePeer]:
        """Nodes of other operators that are not this one under another name."""
        own = {
            bucket.endpoint.rstrip("/")
            for bucket_id in self._buckets.served
            if (bucket := await self._directory.storage_bucket(bucket_id)) is not None and bucket.endpoint
        }
        peers = await self._directory.storage_peers(bag_id, exclude_worker=self._worker_id)
        return [peer for peer in peers if peer.endpoint.rstrip("/") not in own]

    async def _keep(self, wanted: DirectoryObject, writer: ObjectWriter, content: Content) -> None:
        await writer.commit()
        now = present()
        await self._index.put(KeptObject(
            wanted.object_id, content.size, content.multihash, ObjectState.STORED, str(wanted.bag_id),
            media_type=content.media_type, has_tree=True, stored_at=now, verified_at=now,
        ))  # fmt: skip


class _Walk:
    """How far a walk over all obligations is."""

    def __init__(self, after: int, until: int | None = None) -> None:
        self.after, self.until = after, until
        self._running: set[int] = set()

    @contextlib.contextmanager
    def working(self, object_id: int) -> Iterator[None]:
        """The object is being fetched for the length of the block."""
        self._running.add(object_id)
        try:
            yield
        finally:
            self._running.discard(object_id)

    @property
    def done(self) -> int:
        """All up to this id were dealt with."""
        return min([self.after, *(object_id - 1 for object_id in self._running)])


async def _next(objects: AsyncIterator[DirectoryObject], turn: asyncio.Lock) -> DirectoryObject | None:
    async with turn:
        return await anext(objects, None)
