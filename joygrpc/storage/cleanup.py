"""Moving out what the node's buckets no longer owe; what goes is kept in quarantine for a while."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from joygrpc.chores import reason_of
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.cleanup_facts import CleanupFacts, addresses_of
from joygrpc.storage.cleanup_plan import (
    CleanupRules,
    PlanItem,
    Replica,
    Surroundings,
    Verdict,
    Whereabouts,
    distinct_operators,
    hindrance,
    judge,
)
from joygrpc.storage.cleanup_proof import ReplicaProver
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.maintenance_metrics import CLEANUP_LAST_END, CLEANUP_RUNS, CLEANUP_VERDICTS
from joygrpc.storage.objects import LISTED_STATES, KeptObject, QuarantineReason, present
from joygrpc.storage.parallel import together
from joygrpc.storage.quarantine import QuarantineService

log = structlog.get_logger(__name__)

_AT_ONCE = 250
"""Objects that chain and query node are asked about in one request."""


class CleanupHeld(JoygrpcError):
    """Nothing is moved out now."""

    reason = "CLEANUP_HELD"


@dataclass(slots=True)
class CleanupReport:
    """What a cleanup did; `counts` and `sizes` (bytes) by verdict. `hindrance` says why it did not run to its end."""

    started_at: datetime
    ended_at: datetime | None = None
    examined: int = 0
    quarantined: int = 0
    quarantined_size: int = 0
    counts: Counter[Verdict] = field(default_factory=Counter)
    sizes: Counter[Verdict] = field(default_factory=Counter)
    hindrance: str = ""

    def take_in(self, item: PlanItem) -> None:
        """Counts an object."""
        self.counts[item.verdict] += 1
        self.sizes[item.verdict] += item.kept.size


class CleanupService:
    """Plans and runs cleanups, with the same code up to the last step.

    The index is walked a page at a time beside the obligations, so memory does not grow with either. `page_size` is a page's entries, `workers` how
    many objects' replicas are asked for at a time.
    """

    def __init__(
        self,
        *,
        index: ObjectIndex,
        facts: CleanupFacts,
        prover: ReplicaProver,
        quarantine: QuarantineService,
        claims: Claims,
        worker_id: int,
        rules: CleanupRules,
        page_size: int = 10_000,
        workers: int = 100,
    ) -> None:
        self._index, self._facts, self._prover = index, facts, prover
        self._quarantine, self._claims = quarantine, claims
        self._worker_id = worker_id
        self.rules = rules
        self._page_size, self._workers = page_size, workers
        self._running = asyncio.Lock()
        self.last: CleanupReport | None = None
        """What the last run did; None before the first one ended."""

    async def run_once(self) -> CleanupReport:
        """One cleanup; a second one waits for the first. Raises `CleanupHeld`, and what chain, query node, directory and index raise."""
        async with self._running:
            report = CleanupReport(present())
            try:
                async with contextlib.aclosing(self._plan(report)) as pages:
                    async for items in pages:
                        for item in items:
                            report.take_in(item)
                            CLEANUP_VERDICTS.labels(item.verdict.value).inc()
                        await self._act([item for item in items if item.verdict.goes], report)
            except Exception as error:
                report.hindrance = error.message if isinstance(error, CleanupHeld) else reason_of(error)
                CLEANUP_RUNS.labels(reason_of(error)).inc()
                log.warning("cleanup did not run to its end", hindrance=report.hindrance, moved_out=report.quarantined)
                raise
            finally:
                report.ended_at = present()
                self.last = report
        CLEANUP_RUNS.labels("OK").inc()
        CLEANUP_LAST_END.set(report.ended_at.timestamp())
        log.info(
            "cleanup ended",
            examined=report.examined,
            moved_out=report.quarantined,
            size=report.quarantined_size,
            verdicts={verdict.value: count for verdict, count in report.counts.items()},
        )
        return report

    def plan(self) -> AsyncGenerator[list[PlanItem], None]:
        """What a cleanup would do, a part at a time. Raises what `run_once` raises. Close it (`aclosing`)."""
        return self._plan(CleanupReport(present()))

    async def _plan(self, report: CleanupReport) -> AsyncGenerator[list[PlanItem], None]:
        around = await self._clear_to_go()
        after = -1
        while page := await self._index.page(after=after, limit=self._page_size):
            after = page[-1].object_id
            kept = [entry for entry in page if entry.state in LISTED_STATES]
            report.examined += len(kept)
            owed = await self._facts.owed_among([entry.object_id for entry in kept], around.served)
            candidates = [entry for entry in kept if entry.object_id not in owed]
            for start in range(0, len(candidates), _AT_ONCE):
                # The picture may have changed since: everything is looked at again before anything is concluded from it.
                around = await self._clear_to_go()
                yield await self._judge(candidates[start : start + _AT_ONCE], around)

    async def _clear_to_go(self) -> Surroundings:
        around = await self._facts.surroundings()
        why = hindrance(around, self.rules, datetime.now(UTC))
        if why is not None:
            raise CleanupHeld(f"Nothing is moved out: {why}")
        return around

    async def _judge(self, objects: Sequence[KeptObject], around: Surroundings) -> list[PlanItem]:
        now = datetime.now(UTC)
        told = await self._facts.whereabouts(objects)
        items = [judge(facts, around.served, 0, self.rules, now) for facts in told]
        open_cases = iter([
            position for position, item in enumerate(items) if item.verdict is Verdict.FEW_REPLICAS
        ])  # fmt: skip
        own_addresses = await self._facts.own_addresses()

        async def work() -> None:
            # The workers share the iterator, so each object goes to one of them.
            for position in open_cases:
                facts = told[position]
                replicas = await self._replicas(facts, own_addresses)
                items[position] = judge(facts, around.served, replicas, self.rules, now)

        await together(work() for _ in range(min(self._workers, len(items))))
        return items

    async def _replicas(self, facts: Whereabouts, own_addresses: Collection[str]) -> int:
        """How many other operators prove to have the object; no more are asked than are needed."""
        assert facts.bag is not None
        peers = await self._facts.peers(facts.bag, self._worker_id)
        random.shuffle(peers)
        proven: list[Replica] = []
        count = 0
        for peer in peers:
            with_peer = [*proven, Replica(peer.worker_id, addresses_of(peer.endpoint, peer.grpc_target))]
            more = distinct_operators(with_peer, self._worker_id, own_addresses)
            if more > count and await self._prover.proves(peer, facts.kept, facts.bag.bag_id):
                proven, count = with_peer, more
                if count >= self.rules.min_replicas:
                    break
        return count

    async def _act(self, items: Sequence[PlanItem], report: CleanupReport) -> None:
        """Puts into quarantine what goes, unless it changed since it was judged."""
        for item in items:
            with contextlib.suppress(UploadInProgress), self._claims.hold(item.kept.object_id):
                if await self._index.get(item.kept.object_id) != item.kept:
                    continue
                await self._quarantine.hide([item.kept.object_id], QuarantineReason.NOT_OWED)
                report.quarantined += 1
                report.quarantined_size += item.kept.size
                log.info(
                    "object moved out",
                    object_id=item.kept.object_id,
                    bag=item.bag,
                    verdict=item.verdict.value,
                    replicas=item.replicas,
                )
