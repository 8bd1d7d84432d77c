"""Fetching what the node's buckets owe and the node does not have."""

import asyncio
import contextlib
import random
from collections.abc import Collection, Sequence
from typing import Protocol

import structlog

from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.index import IndexFailed, ObjectIndex
from joygrpc.storage.metrics import SYNC_BYTES, SYNC_DOWNLOADS, SYNC_MISSING
from joygrpc.storage.objects import KeptObject, ObjectState, present
from joygrpc.storage.parallel import together
from joygrpc.storage.peer_sources import PeerSource, PeerSources
from joygrpc.storage.store import DiskFull, ObjectStore, ObjectWriter, StoreFailed
from joygrpc.storage.upload_checks import MultihashMismatch, SizeMismatch

log = structlog.get_logger(__name__)


class SyncIncomplete(JoygrpcError):
    """Some objects that are owed could not be fetched."""

    reason = "NO_SOURCE"


class Obligations(Protocol):
    """The part of the directory that knows what is owed, and who else has it."""

    async def obligations(
        self, storage_buckets: Collection[int], after: int = -1, limit: int = 1000
    ) -> Sequence[DirectoryObject]:
        """Accepted objects of the buckets' bags, ascending by id."""

    async def storage_peers(self, bag_id: BagId, exclude_worker: int | None = None) -> Sequence[StoragePeer]:
        """Active buckets of the bag with a known address."""


class SyncService:
    """Compares obligations with the index and downloads the difference, verified against the chain's hash while it streams."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        index: ObjectIndex,
        directory: Obligations,
        buckets: OwnBuckets,
        claims: Claims,
        sources: PeerSources,
        worker_id: int,
        downloads: int = 20,
        page_size: int = 10_000,
    ) -> None:
        self._store, self._index, self._directory = store, index, directory
        self._buckets, self._claims, self._sources = buckets, claims, sources
        self._worker_id = worker_id
        self._downloads = downloads
        self._page_size = page_size

    async def run_once(self) -> None:
        """Fetches all that is missing. Raises `SyncIncomplete` when something still is, and what directory and index raise."""
        served = self._buckets.served
        missing, after = 0, -1
        while served:
            page = await self._directory.obligations(served, after, self._page_size)
            if not page:
                break
            after = page[-1].object_id
            absent = set(await self._index.unserved([wanted.object_id for wanted in page]))
            missing += await self._fetch_all([wanted for wanted in page if wanted.object_id in absent])
        SYNC_MISSING.set(missing)
        if missing:
            raise SyncIncomplete(f"{missing} objects could not be fetched")

    async def _fetch_all(self, objects: Sequence[DirectoryObject]) -> int:
        """Fetches objects, a few at a time; the number of those that failed."""
        queue = iter(objects)

        async def work() -> int:
            # The workers share the iterator, so each object goes to one of them.
            return sum([not await self._fetch(wanted) for wanted in queue])

        return sum(await together(work() for _ in range(min(self._downloads, len(objects)))))

    async def _fetch(self, wanted: DirectoryObject) -> bool:
        """Whether the object is here now, or about to be by somebody else's work. Raises `DiskFull` and what the index raises."""
        try:
            with self._claims.hold(wanted.object_id):
                if not await self._index.unserved([wanted.object_id]):
                    return True
                peers = list(await self._directory.storage_peers(wanted.bag_id, exclude_worker=self._worker_id))
                random.shuffle(peers)
                for source in self._sources.of(peers):
                    if await self._fetch_from(source, wanted):
                        return True
        except UploadInProgress:
            return True
        log.info(
            "object has no source that works", object_id=wanted.object_id, bag=str(wanted.bag_id), peers=len(peers)
        )
        return False

    async def _fetch_from(self, source: PeerSource, wanted: DirectoryObject) -> bool:
        writer = await self._store.create(wanted.object_id, wanted.size)
        reason = "OK"
        try:
            await self._download(source, wanted, writer)
        except (DiskFull, StoreFailed, IndexFailed):
            raise
        except JoygrpcError as error:
            reason = error.reason
            log.warning(
                "source failed", object_id=wanted.object_id, source=source, reason=reason, message=error.message
            )
            return False
        except asyncio.CancelledError:
            reason = "CANCELLED"
            raise
        finally:
            await writer.discard()
            SYNC_DOWNLOADS.labels(source.kind, reason).inc()
        log.info("object replicated", object_id=wanted.object_id, size=wanted.size, source=source)
        return True

    async def _download(self, source: PeerSource, wanted: DirectoryObject, writer: ObjectWriter) -> None:
        async with contextlib.aclosing(source.read(wanted)) as chunks:
            async for data in chunks:
                if writer.size + len(data) > wanted.size:
                    raise SizeMismatch(wanted.object_id)
                await writer.write(data)
                SYNC_BYTES.labels(source.kind).inc(len(data))
        content = await writer.finish()
        if content.size != wanted.size:
            raise SizeMismatch(wanted.object_id)
        if content.multihash != wanted.multihash:
            raise MultihashMismatch(wanted.object_id)
        await writer.commit()
        now = present()
        await self._index.put(KeptObject(
            wanted.object_id, content.size, content.multihash, ObjectState.STORED, str(wanted.bag_id),
            media_type=content.media_type, has_tree=True, stored_at=now, verified_at=now,
        ))  # fmt: skip
