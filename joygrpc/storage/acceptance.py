"""Reporting held objects to the chain, until it is final that the chain knows."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from joygrpc.chain import Call, CallInvalid, Chain, SignerLocked, SubmitOutcome, TransactionRefused
from joygrpc.chain.calls import accept_pending_data_objects
from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryObject
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.acceptance_finality import FinalityWatch, entries_at_a_block
from joygrpc.storage.acceptance_funds import FundsWatch, judge_funds
from joygrpc.storage.acceptance_plan import (
    UNSETTLED_PAUSE,
    AcceptBatch,
    Verdict,
    Waiting,
    choose_bucket,
    judge,
    pause_after,
    plan_batches,
    postponed,
    setback,
    setbacks,
)
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.index import ObjectIndex, PendingObject, Setback
from joygrpc.storage.metrics import ACCEPT_SECONDS, ACCEPTANCES
from joygrpc.storage.objects import ObjectState, QuarantineReason
from joygrpc.storage.parallel import together

log = structlog.get_logger(__name__)

_PAGE = 1000
_CONCURRENT_BATCHES = 8
_NO_KEY = "KEY_NOT_AVAILABLE"
_NO_KEY_PAUSE = timedelta(minutes=1)


class AcceptFailed(JoygrpcError):
    """The chain did not accept the object; it is kept, and reported again later."""

    reason = "ACCEPT_FAILED"


class BagsOfObjects(Protocol):
    """The part of the directory that knows in which bag an object is."""

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        """The object, or None."""


class AcceptanceService:
    """A persistent queue: all objects that the index calls pending.

    An object leaves it when the chain has it as accepted in a block that is final (then it is *stored*), or when a finalized block deleted it (then it
    is quarantined). Until then it is served, and reported again when the chain is found not to know. Nothing is ever deleted because a transaction
    fails. Nobody waits for finality: what was included is looked at again in the next rounds.
    """

    def __init__(
        self,
        *,
        index: ObjectIndex,
        chain: Chain,
        directory: BagsOfObjects,
        buckets: OwnBuckets,
        worker_id: int,
        max_batch_size: int,
    ) -> None:
        self._index, self._chain, self._directory, self._buckets = index, chain, directory, buckets
        self._worker_id = worker_id
        self._max_batch_size = max_batch_size
        self._watchers: dict[int, list[asyncio.Future[None]]] = defaultdict(list)
        self._finality = FinalityWatch(chain)
        self._refusals: Counter[int] = Counter()
        self.funds = FundsWatch()

    def __repr__(self) -> str:
        return f"<AcceptanceService watched={len(self._watchers)}>"

    async def run_once(self) -> None:
        """Reports what waits. Raises `ChainUnavailable` when the chain cannot be asked; nothing is lost then."""
        while await self._pass():
            pass

    async def settle(self, object_ids: Iterable[int]) -> bool:
        """Takes note that others say of objects that they are accepted; True when some of them wait here, so that a round is worth while."""
        mine = await self._index.pending_of(object_ids)
        if mine:
            await self._index.retry_now(mine)
        return bool(mine)

    async def keys_changed(self) -> None:
        """Takes note that other buckets can be reported for than before."""
        await self._index.retry_all_with(_NO_KEY)

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
        open_objects = await self._still_open(page)
        waiting = await self._with_buckets(open_objects)
        gate = asyncio.Semaphore(_CONCURRENT_BATCHES)
        batches = plan_batches(waiting, self._max_batch_size)
        counts = Counter(batch.bucket_id for batch in batches)
        return any(await together(self._send(batch, gate, counts[batch.bucket_id]) for batch in batches))

    async def _still_open(self, page: Sequence[PendingObject]) -> list[PendingObject]:
        """Those that the chain has not accepted; what is final about the others is taken note of."""
        entries, head = await entries_at_a_block(
            self._chain, [(BagId.parse(each.bag), each.object_id) for each in page]
        )
        accepted = [each.object_id for each, entry in zip(page, entries, strict=True) if entry and entry.accepted]
        still_open = [each for each, entry in zip(page, entries, strict=True) if entry and not entry.accepted]
        gone = [each for each, entry in zip(page, entries, strict=True) if entry is None]
        self._finality.forget(each.object_id for each in (*still_open, *gone))
        if head is not None:
            self._finality.saw(accepted, head)
        for object_id in accepted:
            self._notify(object_id, None)
        await self._stored(await self._finality.final(accepted))
        await self._missing(gone)
        return still_open

    async def _missing(self, gone: Sequence[PendingObject]) -> None:
        """Objects that the best block does not have in their bags. They wait, unless they are found in others: only a finalized deletion ends that."""
        now = datetime.now(UTC)
        lost = []
        for each in gone:
            known = await self._known(each.object_id)
            if known is not None and str(known.bag_id) != each.bag:
                await self._index.set_bag([each.object_id], str(known.bag_id))
            else:
                lost.append(each)
        await self._index.set_back(setback(each.object_id, each.attempts, "OBJECT_NOT_IN_BAG", now) for each in lost)
        for each in lost:
            ACCEPTANCES.labels("not_on_chain").inc()
            self._notify(each.object_id, AcceptFailed(f"Data object {each.object_id} is not on chain"))

    async def _known(self, object_id: int) -> DirectoryObject | None:
        try:
            return await self._directory.find_object(object_id)
        except Exception as error:
            log.info("the directory does not know yet", object_id=object_id, error=type(error).__name__)
            return None

    async def deleted(self, object_ids: Iterable[int]) -> None:
        """Takes note that finalized blocks deleted objects: those that waited here, and that the chain does not have, are kept out of sight."""
        mine = [
            kept for i in await self._index.pending_of(object_ids) if (kept := await self._index.get(i)) is not None
        ]
        entries = await self._chain.data_objects([(BagId.parse(kept.bag), kept.object_id) for kept in mine])
        gone = [kept.object_id for kept, entry in zip(mine, entries, strict=True) if entry is None]
        if gone:
            self._finality.forget(gone)
            await self._index.quarantine(gone, QuarantineReason.NOT_OWED)
            log.info("pending objects were deleted on chain", count=len(gone))

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
        lacking = {each.object_id for each in stuck if self._buckets.served.intersection(bags[each.bag])}
        await self._index.set_back(
            # The key is the operator's to bring; what is not assigned to us any more is asked about ever more rarely.
            Setback(each.object_id, each.attempts, now + _NO_KEY_PAUSE, _NO_KEY)
            if each.object_id in lacking
            else setback(each.object_id, each.attempts, "BAG_NOT_ASSIGNED", now)
            for each in stuck
        )
        for each in stuck:
            ACCEPTANCES.labels("no_bucket").inc()
            self._notify(each.object_id, AcceptFailed("Node failure. Bucket keyring not available."))
        return waiting

    async def _send(self, batch: AcceptBatch, gate: asyncio.Semaphore, transactions: int) -> bool:
        """One of the bucket's `transactions`; True when some of its objects shall be tried again alone."""
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
                if not await self._payable(batch.bucket_id, signer, calls, transactions):
                    await self._refused(batch, "LOW_BALANCE", "the transactor account cannot pay")
                    return False
                outcome = await self._chain.submit(calls, signer, "force_batch", wait_for="included")
            except (SignerLocked, TransactionRefused, CallInvalid) as error:
                await self._refused(batch, error.reason, error.message)
                return False
            ACCEPT_SECONDS.observe(time.monotonic() - started)
        self._refusals.pop(batch.bucket_id, None)
        return await self._conclude(batch, outcome)

    async def _payable(self, bucket_id: int, signer: str, calls: Sequence[Call], transactions: int) -> bool:
        fee, balance = await asyncio.gather(
            self._chain.estimate_fee(calls, signer, "force_batch"), self._chain.free_balance(signer)
        )
        funds = judge_funds(bucket_id, signer, balance, fee, transactions)
        self.funds.note(funds)
        return funds.payable

    async def _refused(self, batch: AcceptBatch, reason: str, message: str) -> None:
        """The whole transaction is not taken, which is not its objects' fault: the bucket waits, ever longer."""
        self._refusals[batch.bucket_id] += 1
        pause = pause_after(self._refusals[batch.bucket_id])
        log.warning(
            "acceptance refused",
            bucket=batch.bucket_id,
            reason=reason,
            message=message,
            objects=len(batch.object_ids),
            again_in_s=pause.total_seconds(),
        )
        objects = [each for item in batch.items for each in item.objects]
        await self._index.set_back(postponed(objects, reason, datetime.now(UTC) + pause))
        ACCEPTANCES.labels("refused").inc(len(batch.object_ids))
        for object_id in batch.object_ids:
            self._notify(object_id, AcceptFailed(f"Cannot send the extrinsic: {message}"))

    async def _conclude(self, batch: AcceptBatch, outcome: SubmitOutcome) -> bool:
        verdict = judge(batch, outcome)
        now = datetime.now(UTC)
        unsettled = set(verdict.unsettled)
        open_ones = [each for item in batch.items for each in item.objects if each.object_id in unsettled]
        again_at = now if outcome.status == "dropped" else now + UNSETTLED_PAUSE
        await self._index.set_back([*setbacks(verdict, now), *postponed(open_ones, "OUTCOME_UNKNOWN", again_at)])
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
        if outcome.block is not None:
            self._finality.forget(verdict.accepted)
            self._finality.saw(verdict.accepted, outcome.block)
            await self._stored(await self._finality.final(verdict.accepted))
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
