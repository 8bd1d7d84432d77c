"""Filling the cache: one fill per object, shared by all requests for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import structlog

from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.errors import DeliveryFailed, NodeShuttingDown, NoSource, QueueFull, SourceStalled
from joygrpc.distributor.fetch import Fetch
from joygrpc.distributor.fill import Fill
from joygrpc.distributor.filling import Filling, Pace
from joygrpc.distributor.groups import GroupMap, GroupRun
from joygrpc.distributor.hedging import HedgeBudget
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.metrics import FILLS, FILLS_IN_PROGRESS
from joygrpc.distributor.object_file import CacheUnreadable
from joygrpc.distributor.proofs import Proofs
from joygrpc.distributor.read_ahead import FIRST_GROUPS
from joygrpc.mesh import reason_of

log = structlog.get_logger(__name__)

HEDGED_SHARE = 0.1

PeersOf = Callable[[BagId], Awaitable[Sequence[StoragePeer]]]


@dataclass(frozen=True, slots=True)
class FillLimits:
    """How many fills may run, how many more may wait, and for how long."""

    most_running: int
    most_waiting: int
    longest_wait: timedelta


class FillService:
    """Runs fills; use as an async context manager, which ends them and keeps what they brought.

    A fill brings what readers wait for first, then what they will read soon, and then the rest of the object where that is wanted, whether or not
    anybody still reads.
    """

    def __init__(
        self,
        cache: Cache,
        links: PeerLinks,
        peers_of: PeersOf,
        limits: FillLimits,
        pace: Pace | None = None,
        hedges: HedgeBudget | None = None,
    ) -> None:
        self._cache = cache
        self._links = links
        self._peers_of = peers_of
        self._limits = limits
        self._pace = pace or Pace()
        self._hedges = hedges or HedgeBudget(HEDGED_SHARE)
        self._fills: dict[int, Fill] = {}
        self._slots = asyncio.Semaphore(limits.most_running)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<FillService {list(self._fills.values())}>"

    def __len__(self) -> int:
        return len(self._fills)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def get(self, object_id: int) -> Fill | None:
        """The fill of an object that runs or waits now."""
        return self._fills.get(object_id)

    async def settled(self, object_id: int, patience: timedelta) -> None:
        """Wait until no failing fill of the object is left, so that `ensure` gives one with hope. Raises what fails it when that takes too long."""
        fill = self._fills.get(object_id)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while fill is not None and fill.failing is not None and not fill.finished:
                    await fill.progress.wait()
        except TimeoutError:
            assert fill is not None
            raise fill.failing or SourceStalled() from None

    def ensure(self, wanted: DirectoryObject, start: GroupRun, *, rest: bool = False) -> tuple[Fill, bool]:
        """The object's fill, and whether it is a new one, which begins with the first groups of `start`.

        With `rest` the whole object is wanted in the end. Raises `QueueFull` and `NodeShuttingDown`.
        """
        fill = self._fills.get(wanted.object_id)
        if fill is not None:
            if rest:
                fill.want_rest()
            return fill, False
        if self._closed:
            raise NodeShuttingDown
        if len(self._fills) >= self._limits.most_running + self._limits.most_waiting:
            raise QueueFull
        first = GroupRun(start.first, min(start.count, FIRST_GROUPS))
        fill = self._fills[wanted.object_id] = Fill(wanted, first, short=start.count <= FIRST_GROUPS, rest=rest)
        FILLS_IN_PROGRESS.set(len(self._fills))
        task = asyncio.create_task(self._run(fill), name=f"fill {wanted.object_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return fill, True

    async def _run(self, fill: Fill) -> None:
        error: DeliveryFailed | None = NodeShuttingDown()
        try:
            await self._wait_for_slot()
            try:
                await self._fill(fill)
            finally:
                self._slots.release()
            error = None
        except DeliveryFailed as failure:
            error = failure
        except Exception:
            log.exception("fill failed", object_id=fill.wanted.object_id)
            error = CacheUnreadable()
        finally:
            del self._fills[fill.wanted.object_id]
            fill.finish(error)
            complete = fill.entry is not None and fill.entry.complete
            outcome = reason_of(error) if error is not None else "complete" if complete else "ended"
            FILLS.labels(outcome).inc()
            FILLS_IN_PROGRESS.set(len(self._fills))
            log.info("fill ended", object_id=fill.wanted.object_id, outcome=outcome, received=fill.received)

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._limits.longest_wait.total_seconds()):
                await self._slots.acquire()
        except TimeoutError:
            raise QueueFull from None

    async def _fill(self, fill: Fill) -> None:
        fill.begun = True
        wanted = fill.wanted
        sources = self._links.ranked(tuple(await self._peers_of(wanted.bag_id)), wanted.object_id)
        if not sources:
            raise NoSource
        fetch = Fetch(
            wanted,
            sources,
            self._links,
            hedge_after=self._pace.hedge_after,
            may_hedge=self._hedges.spend,
        )
        proofs = Proofs(fetch)
        old = self._cache.get(wanted.object_id)
        groups = old.groups if old is not None and old.size == wanted.size else GroupMap(wanted.size)
        missing = [run for demand in fill.demands() for run in groups.missing_runs(demand.needed)[:1]]
        if missing:
            # Before there is a place made for the object: sources may have none of it.
            await proofs.of(missing[0])
        entry = await self._cache.begin(wanted.object_id, wanted.size, wanted.multihash, str(wanted.bag_id))
        try:
            async with entry.file.opened():
                fill.attach(entry)
                try:
                    await Filling(fill, entry, fetch, proofs, self._cache, self._pace, self._hedges).run()
                finally:
                    await self._cache.checkpoint(entry)
        finally:
            await self._cache.end(entry)
