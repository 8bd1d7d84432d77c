"""Objects that are kept out of sight: put there, taken back, and deleted for good after a retention time.

The file stays where it is: what serves an object goes by its state in the index, so one transaction hides it whole and one shows it again, whatever
happens in between. Deleting unlinks, so that a download under way ends well.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from joygrpc.chain import Chain
from joygrpc.content import BagId
from joygrpc.directory import DirectoryBag, DirectoryError, DirectoryObject, DirectoryStatus
from joygrpc.mesh import JoygrpcError
from joygrpc.query_node import QueryNodeError
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.maintenance_metrics import (
    QUARANTINE_PURGED,
    QUARANTINE_PURGED_BYTES,
    QUARANTINE_RESTORED,
    QUARANTINED,
)
from joygrpc.storage.objects import KeptObject, ObjectState, QuarantineReason, present
from joygrpc.storage.quarantine_index import QuarantinedObject, QuarantineIndex
from joygrpc.storage.store import Content, ObjectMissing, ObjectStore

log = structlog.get_logger(__name__)

Revoke = Callable[[Collection[int]], Awaitable[None]]
"""Ends the leases of objects that are not served any more."""


class NotQuarantined(JoygrpcError):
    """The object is not in quarantine."""

    reason = "NOT_QUARANTINED"


class ObjectRotten(JoygrpcError):
    """The bytes are not what they should be."""

    reason = "OBJECT_ROTTEN"


class PurgeHeld(JoygrpcError):
    """Nothing is deleted without a complete picture of what is owed."""

    reason = "DIRECTORY_NOT_READY"


class OwedObjects(Protocol):
    """The part of the directory that knows what is owed."""

    async def status(self) -> DirectoryStatus:
        """Whether the picture is complete."""

    async def object(self, object_id: int) -> DirectoryObject | None:
        """The object, if it is held."""

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        """The object, wherever it is."""

    async def bag(self, bag_id: BagId) -> DirectoryBag | None:
        """The bag and its buckets."""


def state_of_restored(
    held: QuarantinedObject, content: Content, known: DirectoryObject | None
) -> ObjectState | JoygrpcError:
    """The state in which an object in quarantine may be served again, or why it may not.

    `content` is what its file turned out to be, `known` what is told of the object, if anybody does.
    """
    if known is not None:
        if (content.size, content.multihash) != (known.size, known.multihash):
            return ObjectRotten(f"The file of data object {held.object_id} is not what the chain knows under this id")
        return ObjectState.STORED if known.accepted else ObjectState.PENDING
    if held.reason is QuarantineReason.UNKNOWN:
        # Its multihash is its own, so there is nothing to compare with.
        return ObjectMissing(f"Nobody knows a data object {held.object_id}")
    if (content.size, content.multihash) != (held.size, held.multihash):
        return ObjectRotten(f"The file of data object {held.object_id} is not what it was")
    return ObjectState.STORED


class QuarantineService:
    """Hides, restores and purges. `retention` is how long a hidden object is kept at least."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        index: ObjectIndex,
        directory: OwedObjects,
        chain: Chain,
        buckets: OwnBuckets,
        claims: Claims,
        revoke: Revoke,
        retention: timedelta,
    ) -> None:
        self._store, self._index, self._directory = store, index, directory
        self._chain, self._buckets, self._claims = chain, buckets, claims
        self._revoke = revoke
        self.retention = retention
        self.records = QuarantineIndex(index)

    async def hide(self, object_ids: Collection[int], reason: QuarantineReason) -> None:
        """Puts objects into quarantine and ends their leases. The caller holds their claims."""
        await self._index.quarantine(object_ids, reason)
        await self._revoke(object_ids)
        QUARANTINED.labels(reason.value).inc(len(object_ids))

    async def restore(self, object_id: int) -> KeptObject:
        """Serves an object again, once its bytes are found right.

        It counts as new, so that the next cleanup leaves it alone for a while. Raises `NotQuarantined`, `ObjectRotten`, `ObjectMissing` and
        `UploadInProgress`.
        """
        with self._claims.hold(object_id):
            held, kept = await self._held(object_id)
            content = await self._store.examine(object_id)
            known = await self._known(object_id)
            state = state_of_restored(held, content, known)
            if isinstance(state, JoygrpcError):
                if isinstance(state, ObjectRotten):
                    await self._index.quarantine([object_id], QuarantineReason.ROTTEN)
                raise state
            await self._store.put_tree(object_id, content.tree)
            now = present()
            restored = replace(
                kept, size=content.size, multihash=content.multihash, state=state, media_type=content.media_type,
                bag=kept.bag if known is None else str(known.bag_id), has_tree=True, stored_at=now, verified_at=now,
            )  # fmt: skip
            await self._index.put(restored)
        QUARANTINE_RESTORED.inc()
        log.info("object restored from quarantine", object_id=object_id, state=state.value, reason=held.reason.value)
        return restored

    async def purge(self, object_id: int) -> int:
        """Deletes an object in quarantine for good; gives the bytes freed. Raises `NotQuarantined` and `UploadInProgress`."""
        with self._claims.hold(object_id):
            held, _ = await self._held(object_id)
            # The entry goes last: if only the file is gone, reconciliation drops the entry; the other way round it would adopt the file.
            await self._store.remove(object_id)
            await self._index.remove([object_id])
        QUARANTINE_PURGED.inc()
        QUARANTINE_PURGED_BYTES.inc(held.size)
        log.info("object purged from quarantine", object_id=object_id, size=held.size, reason=held.reason.value)
        return held.size

    async def tend(self) -> None:
        """Restores what is owed again, and purges what has been here for the retention time and is not owed.

        What is rotten and still owed stays until it was fetched anew. Raises `PurgeHeld` when something is due and the picture is not complete, and
        what chain and index raise.
        """
        if await self.records.page(limit=1):
            # What is owed goes by the node's buckets, and deleting cannot be undone.
            await self._buckets.refresh()
        after, held_back = -1, 0
        while page := await self.records.page(after=after):
            after = page[-1].object_id
            for held in page:
                held_back += not await self._tend(held)
        if held_back:
            raise PurgeHeld(f"{held_back} objects wait for a complete picture of what is owed")

    async def _tend(self, held: QuarantinedObject) -> bool:
        """False when it cannot be told yet what is to become of the object."""
        due = held.since + self.retention <= datetime.now(UTC)
        try:
            if await self._is_owed(held.object_id):
                if held.reason is not QuarantineReason.ROTTEN:
                    await self.restore(held.object_id)
            elif due:
                if not self._buckets.served or not (await self._directory.status()).complete:
                    return False
                if not await self._chain_owes(held):
                    await self.purge(held.object_id)
        except (ObjectRotten, ObjectMissing, NotQuarantined, UploadInProgress) as error:
            log.info("object stays in quarantine", object_id=held.object_id, reason=error.reason)
        return True

    async def _is_owed(self, object_id: int) -> bool:
        known = await self._directory.object(object_id)
        bag = None if known is None else await self._directory.bag(known.bag_id)
        return bag is not None and not self._buckets.served.isdisjoint(bag.storage_buckets)

    async def _chain_owes(self, held: QuarantinedObject) -> bool:
        """Whether the chain itself asks for the object, in the bag where it was last."""
        if not held.bag:
            return False
        bag_id = BagId.parse(held.bag)
        if await self._chain.data_object(bag_id, held.object_id) is None:
            return False
        bag = await self._chain.bag(bag_id)
        return bag is not None and not self._buckets.served.isdisjoint(bag.stored_by)

    async def _held(self, object_id: int) -> tuple[QuarantinedObject, KeptObject]:
        held, kept = await self.records.get(object_id), await self._index.get(object_id)
        if held is None or kept is None:
            raise NotQuarantined(f"Data object {object_id} is not in quarantine")
        return held, kept

    async def _known(self, object_id: int) -> DirectoryObject | None:
        try:
            return await self._directory.find_object(object_id)
        except (DirectoryError, QueryNodeError):
            # The multihash on record must do.
            return None
