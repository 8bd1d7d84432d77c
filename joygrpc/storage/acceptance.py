"""Reporting held objects to the chain, until it is final that the chain knows."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from joygrpc.chain import Chain, ChainDataObject, SignerLocked, SubmitOutcome, TransactionRefused
from joygrpc.chain.calls import accept_pending_data_objects
from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryObject
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.acceptance_plan import (
    AcceptBatch,
    Verdict,
    Waiting,
    choose_bucket,
    judge,
    plan_batches,
    setback,
    setbacks,
)
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.index import ObjectIndex, PendingObject
from joygrpc.storage.metrics import ACCEPT_SECONDS, ACCEPTANCES
from joygrpc.storage.objects import ObjectState, QuarantineReason
from joygrpc.storage.parallel import together

log = structlog.get_logger(__name__)

_PAGE = 1000
_CONCURRENT_BATCHES = 8


class AcceptFailed(JoygrpcError):
    """The chain did not accept the object; it is kept, and reported again later."""

    reason = "ACCEPT_FAILED"


class FinalObjects(Protocol):
    """The part of the directory that knows what is final about an object."""

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        """The object as of the last finalized block, or None."""


class AcceptanceService:
    """A persistent queue: all objects that the index calls pending.

    An object leaves it when a finalized block says that it is accepted (then it is *stored*), or that it exists no more (then it is quarantined). Until
    then it is served, and reported again when the chain is found not to know. Nothing is ever deleted because a transaction fails.
    """

    def __init__(
        self,
        *,
        index: ObjectIndex,
        chain: Chain,
        directory: FinalObjects,
        buckets: OwnBuckets,
        worker_id: int,
        max_batch_size: int,
    ) -> None:
        self._index, self._chain, self._directory, self._buckets = index, chain, directory, buckets
        self._worker_id = worker_id
        self._max_batch_size = max_batch_size
        self._watchers: dict[int, list[asyncio.Future[None]]] = defaultdict(list)

    def __repr__(self) -> str:
        return f"<AcceptanceService watched={len(self._watchers)}>"

    async def run_once(self) -> None:
        """Reports what waits. Raises `ChainUnavailable` when the chain cannot be asked; nothing is lost then."""
        while await self._pass():
            pass

    async def settle(self, object_ids: Iterable[int]) -> None:
        """Takes note that finalized blocks accepted objects: those that waited here are stored now."""
        mine = []
        for object_id in object_ids:
            kept = await self._index.get(object_id)
            if kept is not None and kept.state is ObjectState.PENDING:
                mine.append(object_id)
        await self._stored(mine)

    async def wait_included(self, object_id: int, timeout: timedelta) -> bool:
        """Waits until a block holds the object's acceptance; False when that takes longer than `timeout`. Raises `AcceptFailed`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers[object_id].append(future)
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                # It may have been included before anybody watched.
                if not await self._is_included(object_id):
                    await future
        except TimeoutError:
            return False
        finally:
            watchers = self._watchers.get(object_id, [])
            if future in watchers:
                watchers.remove(future)
            if not watchers:
                self._watchers.pop(object_id, None)
        return True

    async def _is_included(self, object_id: int) -> bool:
        kept = await self._index.get(object_id)
        if kept is None or kept.state is not ObjectState.PENDING:
            return True
        entry = await self._chain.data_object(BagId.parse(kept.bag), object_id)
        return entry is not None and entry.accepted

    async def _pass(self) -> bool:
        """One round over the queue; True when some objects that failed together shall be tried again alone."""
        again, after = False, -1
        while True:
            page = await self._index.pending(now=datetime.now(UTC), after=after, limit=_PAGE)
            if not page:
                return again
            again |= await self._report(page)
            after = page[-1].object_id

    async def _report(self, page: Sequence[PendingObject]) -> bool:
        entries = await self._chain.data_objects([(BagId.parse(each.bag), each.object_id) for each in page])
        open_objects = await self._still_open(page, entries)
        waiting = await self._with_buckets(open_objects)
        gate = asyncio.Semaphore(_CONCURRENT_BATCHES)
        return any(await together(self._send(batch, gate) for batch in plan_batches(waiting, self._max_batch_size)))

    async def _still_open(
        self, page: Sequence[PendingObject], entries: Sequence[ChainDataObject | None]
    ) -> list[PendingObject]:
        """Those that the chain has not accepted; what is final about the others is taken note of."""
        still_open, final, gone = [], [], []
        for each, entry in zip(page, entries, strict=True):
            if entry is not None and not entry.accepted:
                still_open.append(each)
                continue
            if entry is not None:
                self._notify(each.object_id, None)
            known = await self._final(each.object_id)
            if known is not None and known.accepted:
                final.append(each.object_id)
            elif entry is None:
                gone.append(each)
        await self._stored(final)
        await self._missing(gone)
        return still_open

    async def _final(self, object_id: int) -> DirectoryObject | None:
        try:
            return await self._directory.find_object(object_id)
        except Exception as error:
            # Without a picture of what is final, the object simply goes on waiting.
            log.info("the directory does not know yet", object_id=object_id, error=type(error).__name__)
            return None

    async def _missing(self, gone: Sequence[PendingObject]) -> None:
        """Objects that the best block does not have (any more). They wait: only a finalized deletion ends that."""
        now = datetime.now(UTC)
        await self._index.set_back(setback(each.object_id, each.attempts, "OBJECT_NOT_IN_BAG", now) for each in gone)
        for each in gone:
            ACCEPTANCES.labels("not_on_chain").inc()
            self._notify(each.object_id, AcceptFailed(f"Data object {each.object_id} is not on chain"))

    async def deleted(self, object_ids: Iterable[int]) -> None:
        """Takes note that finalized blocks deleted objects: those that waited here are kept out of sight."""
        mine = []
        for object_id in object_ids:
            kept = await self._index.get(object_id)
            if kept is not None and kept.state is ObjectState.PENDING:
                mine.append(object_id)
        if mine:
            await self._index.quarantine(mine, QuarantineReason.NOT_OWED)
            log.info("pending objects were deleted on chain", count=len(mine))

    async def _with_buckets(self, objects: Sequence[PendingObject]) -> list[Waiting]:
        """Objects with the bucket that reports them; those that no bucket of ours can report wait."""
        bags: dict[str, Collection[int]] = {}
        for text in {each.bag for each in objects}:
            bag = await self._chain.bag(BagId.parse(text))
            bags[text] = bag.stored_by if bag is not None else ()
        waiting, stuck = [], []
        for each in objects:
            bucket_id = choose_bucket(each.bucket, bags[each.bag], self._buckets.writable)
            if bucket_id is None:
                stuck.append(each)
            else:
                waiting.append(Waiting(each.object_id, BagId.parse(each.bag), bucket_id, each.attempts))
        now = datetime.now(UTC)
        await self._index.set_back(setback(each.object_id, each.attempts, "BAG_NOT_ASSIGNED", now) for each in stuck)
        for each in stuck:
            ACCEPTANCES.labels("no_bucket").inc()
            self._notify(each.object_id, AcceptFailed("Node failure. Bucket keyring not available."))
        return waiting

    async def _send(self, batch: AcceptBatch, gate: asyncio.Semaphore) -> bool:
        """One transaction; True when some of its objects shall be tried again alone."""
        calls = [
            accept_pending_data_objects(self._worker_id, batch.bucket_id, item.bag_id, item.object_ids)
            for item in batch.items
        ]
        async with gate:
            signer = self._buckets.writable.get(batch.bucket_id)
            if signer is None:
                return False
            started = time.monotonic()
            try:
                outcome = await self._chain.submit(calls, signer, "force_batch", wait_for="included")
            except (SignerLocked, TransactionRefused) as error:
                await self._refused(batch, error)
                return False
            ACCEPT_SECONDS.observe(time.monotonic() - started)
        return await self._conclude(batch, outcome)

    async def _refused(self, batch: AcceptBatch, error: SignerLocked | TransactionRefused) -> None:
        now = datetime.now(UTC)
        log.warning(
            "acceptance refused",
            bucket=batch.bucket_id,
            reason=error.reason,
            message=error.message,
            objects=len(batch.object_ids),
        )
        await self._index.set_back(
            setback(each.object_id, each.attempts, error.reason, now) for item in batch.items for each in item.objects
        )
        ACCEPTANCES.labels("refused").inc(len(batch.object_ids))
        for object_id in batch.object_ids:
            self._notify(object_id, AcceptFailed(f"Cannot send the extrinsic: {error.message}"))

    async def _conclude(self, batch: AcceptBatch, outcome: SubmitOutcome) -> bool:
        verdict = judge(batch, outcome)
        await self._index.set_back(setbacks(verdict, datetime.now(UTC)))
        _count(verdict)
        if verdict.accepted:
            log.info(
                "objects accepted",
                bucket=batch.bucket_id,
                count=len(verdict.accepted),
                block=outcome.block and outcome.block.number,
            )
        for each, error in verdict.failed:
            log.warning(
                "object not accepted",
                object_id=each.object_id,
                bucket=batch.bucket_id,
                error=error,
                attempts=each.attempts + 1,
            )
            self._notify(each.object_id, AcceptFailed(f"Extrinsic execution error: {error}"))
        for object_id in verdict.accepted:
            self._notify(object_id, None)
        if outcome.status == "finalized":
            await self._stored(verdict.accepted)
        else:
            # Finality may have come while the transaction was followed; else the directory's news will end the wait.
            await self._stored(
                [i for i in verdict.accepted if (known := await self._final(i)) is not None and known.accepted]
            )
        return bool(verdict.split)

    async def _stored(self, object_ids: Sequence[int]) -> None:
        if object_ids:
            await self._index.set_state(object_ids, ObjectState.STORED)
            for object_id in object_ids:
                self._notify(object_id, None)

    def _notify(self, object_id: int, error: AcceptFailed | None) -> None:
        for future in self._watchers.pop(object_id, ()):
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


def _count(verdict: Verdict) -> None:
    for outcome, objects in (
        ("accepted", verdict.accepted), ("split", verdict.split), ("failed", verdict.failed), ("unsettled", verdict.unsettled),
    ):  # fmt: skip
        ACCEPTANCES.labels(outcome).inc(len(objects))
