"""Filling the cache: one fill per object, shared by all requests for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import structlog

from joygrpc.content import GROUP_SIZE, BagId
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.distributor.cache import Cache, CachedObject, Reservation
from joygrpc.distributor.demands import NextRun, choose_run, shall_turn
from joygrpc.distributor.errors import DeliveryFailed, NodeShuttingDown, NoSource, QueueFull, SourceStalled
from joygrpc.distributor.fetch import Fetch
from joygrpc.distributor.fill import Fill
from joygrpc.distributor.groups import GroupMap, GroupRun, groups_of_range
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.metrics import FILLS, FILLS_IN_PROGRESS
from joygrpc.distributor.object_file import CacheUnreadable, write_all
from joygrpc.distributor.proofs import Proofs, covered
from joygrpc.mesh import reason_of

log = structlog.get_logger(__name__)

CHECKPOINT_BYTES = 64 << 20
"""Bytes after which what arrived is made durable, so that a crash loses no more."""

PeersOf = Callable[[BagId], Awaitable[Sequence[StoragePeer]]]


@dataclass(frozen=True, slots=True)
class FillLimits:
    """How many fills may run, how many more may wait, and for how long."""

    most_running: int
    most_waiting: int
    longest_wait: timedelta


class FillService:
    """Runs fills; use as an async context manager, which ends them and keeps what they brought.

    A fill brings what readers wait for first, and then the rest of the object, whether or not anybody still waits.
    """

    def __init__(self, cache: Cache, links: PeerLinks, peers_of: PeersOf, limits: FillLimits) -> None:
        self._cache = cache
        self._links = links
        self._peers_of = peers_of
        self._limits = limits
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

    def ensure(self, wanted: DirectoryObject, start: GroupRun) -> tuple[Fill, bool]:
        """The object's fill, and whether it is a new one, which begins with the groups of `start`.

        Raises `QueueFull` and `NodeShuttingDown`.
        """
        fill = self._fills.get(wanted.object_id)
        if fill is not None:
            return fill, False
        if self._closed:
            raise NodeShuttingDown
        if len(self._fills) >= self._limits.most_running + self._limits.most_waiting:
            raise QueueFull
        fill = self._fills[wanted.object_id] = Fill(wanted, start)
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
            outcome = "complete" if error is None else reason_of(error)
            FILLS.labels(outcome).inc()
            FILLS_IN_PROGRESS.set(len(self._fills))
            log.info("fill ended", object_id=fill.wanted.object_id, outcome=outcome, received=fill.received)

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._limits.longest_wait.total_seconds()):
                await self._slots.acquire()
        except TimeoutError:
            raise SourceStalled from None

    async def _fill(self, fill: Fill) -> None:
        wanted = fill.wanted
        sources = self._links.ranked(tuple(await self._peers_of(wanted.bag_id)))
        if not sources:
            raise NoSource
        fetch = Fetch(wanted, sources, self._links)
        proofs = Proofs(fetch)
        old = self._cache.get(wanted.object_id)
        groups = old.groups if old is not None and old.size == wanted.size else GroupMap(wanted.size)
        first = choose_run(groups, [fill.start], 0)
        if first is not None:
            # Before there is room made for the object: sources may have none of it.
            await proofs.of(first.run)
        entry = await self._cache.begin(wanted.object_id, wanted.size, wanted.multihash, str(wanted.bag_id))
        try:
            missing = entry.size - entry.groups.present_bytes
            with await self._cache.reserve(missing) as room:
                async with entry.file.opened():
                    fill.attach(entry)
                    try:
                        await _Filling(fill, entry, fetch, proofs, room, self._cache).bring_all()
                    finally:
                        await self._cache.checkpoint(entry)
        finally:
            await self._cache.end(entry)


@dataclass(slots=True)
class _Filling:
    """A fill that has sources, a place and room."""

    fill: Fill
    entry: CachedObject
    fetch: Fetch
    proofs: Proofs
    room: Reservation
    cache: Cache
    not_durable: int = 0

    async def bring_all(self) -> None:
        """Bring every missing group, those that readers wait for first."""
        groups, after = self.entry.groups, self.fill.start.first
        while (chosen := choose_run(groups, self.fill.waiting(), after)) is not None:
            proof = await self.proofs.of(chosen.run)
            if proof is None:
                await self._bring_unproven()
                return
            chosen = NextRun(covered(chosen.run, proof), chosen.demand)
            async with aclosing(self.fetch.blocks(chosen.run, proof)) as blocks:
                async for block in blocks:
                    await self._write(block.run.first * GROUP_SIZE, block.data)
                    before = groups.present_bytes
                    self.fill.verified(block.run, block.data)
                    await self._arrived(groups.present_bytes - before)
                    after = block.run.end
                    if shall_turn(chosen, after, self.fill.waiting(), groups):
                        break

    async def _bring_unproven(self) -> None:
        """Bring the whole object from sources without a tree; nothing is present before all of it is right."""
        groups = self.entry.groups
        async with aclosing(self.fetch.pieces()) as pieces:
            async for piece in pieces:
                # Groups that are present already may be in use, and are not touched.
                for run in groups.missing_runs(groups_of_range(piece.offset, len(piece.data), groups.size)):
                    start = max(piece.offset, run.first * GROUP_SIZE)
                    end = min(piece.offset + len(piece.data), run.end * GROUP_SIZE)
                    await self._write(start, memoryview(piece.data)[start - piece.offset : end - piece.offset])
                self.fill.unproven(piece.offset, piece.data)
        before = groups.present_bytes
        self.fill.proven()
        await self._arrived(groups.present_bytes - before)

    async def _write(self, offset: int, data: bytes | memoryview) -> None:
        await self.entry.file.work(lambda fd: write_all(fd, offset, data))

    async def _arrived(self, size: int) -> None:
        self.room.turn_into_content(size)
        self.not_durable += size
        if self.not_durable >= CHECKPOINT_BYTES:
            self.not_durable = 0
            await self.cache.checkpoint(self.entry)
