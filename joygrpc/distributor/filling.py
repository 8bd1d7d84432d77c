"""Bringing the groups of one object into its file, by several streams at a time."""

import asyncio
from collections.abc import Collection
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from joygrpc.content import GROUP_SIZE
from joygrpc.distributor.cache import Cache, CachedObject, Reservation
from joygrpc.distributor.demands import TURN_GROUPS, NextRun, Purpose, free_runs, next_run
from joygrpc.distributor.errors import CacheFull, DeliveryFailed
from joygrpc.distributor.fetch import HEDGE_AFTER, Block, Claim, Fetch
from joygrpc.distributor.fill import Fill
from joygrpc.distributor.groups import GroupRun, groups_of_range
from joygrpc.distributor.hedging import HedgeBudget
from joygrpc.distributor.metrics import HEDGES
from joygrpc.distributor.object_file import write_all
from joygrpc.distributor.proofs import Proofs, covered
from joygrpc.distributor.sources import Source

CHECKPOINT_BYTES = 64 << 20
"""Bytes after which what arrived is made durable, so that a crash loses no more."""

REST_PAUSE_S = 0.05
"""After a reader of a few groups has left, the next one has the sources for itself for so long."""

BUSY_S = 0.05
"""A timer that rings so late tells that the process has more to do than it can."""

SHORT_READ_S = 5.0
"""A reader of a few groups that is still there after so long does not hold up the rest of the object."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a fill goes about it."""

    streams: int = 4
    """Streams that readers get at a time; what nobody waits for gets another one."""
    hedge_after: timedelta = HEDGE_AFTER
    """How long a stream may be silent before a second source is asked for what a reader waits for."""
    linger: timedelta = timedelta(seconds=1)
    """How long a fill with nothing to do waits for the next reader."""


class Filling:
    """A fill that has sources and a place."""

    def __init__(
        self,
        fill: Fill,
        entry: CachedObject,
        fetch: Fetch,
        proofs: Proofs,
        cache: Cache,
        pace: Pace,
        hedges: HedgeBudget,
    ) -> None:
        self.fill = fill
        self._entry = entry
        self._groups = entry.groups
        self._fetch = fetch
        self._proofs = proofs
        self._cache = cache
        self._pace = pace
        self._hedge_after_s = pace.hedge_after.total_seconds()
        self._hedges = hedges
        self._streams: dict[Claim, asyncio.Task[None]] = {}
        self._rest_from = fill.start.end
        self._rest_fits = True
        self._treeless = False
        self._crowded = False
        self._not_durable = 0
        self._tasks = asyncio.TaskGroup()
        self._checkpoint: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Bring what is wanted, until nobody has wanted anything for a while. Raises what stops it.

        With sources without a tree alone, the whole object is brought.
        """
        async with self._tasks:
            idle_since: float | None = None
            while not self._over(idle_since):
                self._begin_streams()
                if self._streams or self._wants_rest(monotonic(), later=True):
                    idle_since = None
                elif idle_since is None:
                    idle_since = monotonic()
                    self._make_durable()
                if self._over(idle_since):
                    break
                await self._news(idle_since)
        if self.fill.failing is not None:
            raise self.fill.failing
        if self._treeless and not self._groups.complete:
            await self._bring_unproven()

    def _over(self, idle_since: float | None) -> bool:
        if self._streams:
            return False
        if self.fill.failing is not None or self._treeless or self._groups.complete:
            return True
        return idle_since is not None and monotonic() - idle_since >= self._pace.linger.total_seconds()

    async def _news(self, idle_since: float | None) -> None:
        """Wait until there may be something to decide."""
        now = monotonic()
        waits = [REST_PAUSE_S] if self._wants_rest(now, later=True) else []
        if idle_since is not None:
            waits.append(idle_since + self._pace.linger.total_seconds() - now)
        waits += [
            claim.heard_at + self._hedge_after_s - now
            for claim in self._streams
            if claim.heard_at is not None and not claim.silent(now, self._hedge_after_s)
        ]
        if any(claim.heard_at is None for claim in self._streams):
            # It will begin to ask some time, and may be silent then.
            waits.append(self._hedge_after_s)
        longest = max(0.001, min(waits)) if waits else None
        try:
            async with asyncio.timeout(longest):
                await self.fill.wishes.wait()
        except TimeoutError:
            assert longest is not None
            self._forgive(monotonic() - now - longest)

    def _forgive(self, late_s: float) -> None:
        """While this process was too busy to listen, no source was silent."""
        if late_s >= BUSY_S:
            for claim in self._streams:
                if claim.heard_at is not None:
                    claim.heard_at += late_s + BUSY_S

    def _begin_streams(self) -> None:
        fill = self.fill
        self._crowded = False
        while fill.failing is None and not self._treeless:
            now = monotonic()
            fill.settle_demands()
            self._end_beaten(now)
            delay = self._hedge_after_s if self._hedges.left else float("inf")
            running = [claim.running(now, delay) for claim in self._streams]
            rest_from = self._rest_from if self._wants_rest(now) else None
            chosen = next_run(self._groups, running, fill.demands(), rest_from)
            if chosen is None or not self._has_place(chosen, now):
                return
            self._cut(chosen.run, now, delay)
            claim = Claim(chosen.run, chosen.purpose)
            fill.claims.append(claim)
            self._hedges.earn()
            self._streams[claim] = self._tasks.create_task(
                self._stream(claim), name=f"stream of {fill.wanted.object_id}"
            )

    def _wants_rest(self, now: float, *, later: bool = False) -> bool:
        """Whether the rest of the object is to be brought now, or, with `later`, as soon as readers of a few groups are gone."""
        fill = self.fill
        if not (fill.rest and self._rest_fits) or self._groups.complete:
            return False
        if any(
            claim.purpose is not Purpose.AHEAD and not claim.silent(now, self._hedge_after_s) for claim in self._streams
        ):
            return False
        short = any(demand.short and now - demand.moved_at < SHORT_READ_S for demand in fill.demands())
        return later or not (short or now - fill.short_left_at < REST_PAUSE_S or now < fill.expecting_until)

    def _has_place(self, chosen: NextRun, now: float) -> bool:
        busy = sum(
            claim.purpose is not Purpose.REST and not claim.silent(now, self._hedge_after_s) for claim in self._streams
        )
        self._crowded = chosen.purpose is Purpose.URGENT and busy >= self._pace.streams
        return chosen.purpose is Purpose.REST or busy < self._pace.streams

    def _cut(self, run: GroupRun, now: float, delay: float) -> None:
        """Let other streams end where a new one begins; what a silent one still has to bring is brought by the new one too."""
        for claim in self._streams:
            if not claim.next < run.end or not run.first < claim.end:
                continue
            if claim.silent(now, delay):
                self._hedges.spend()
                HEDGES.inc()
                claim.end = min(claim.end, run.end)
            else:
                claim.end = max(claim.next, min(claim.end, run.first))

    def _end_beaten(self, now: float) -> None:
        """End silent streams whose groups others have brought."""
        for claim, task in self._streams.items():
            if (
                claim.silent(now, self._hedge_after_s)
                and claim.source is not None
                and self._groups.present_end(claim.next) > claim.next
            ):
                self._fetch.outrun(claim.source)
                claim.ask(None)
                task.cancel()

    def _silent_sources(self) -> Collection[Source]:
        now = monotonic()
        return {
            claim.source
            for claim in self._streams
            if claim.source is not None and claim.silent(now, self._hedge_after_s)
        }

    async def _stream(self, claim: Claim) -> None:
        fill = self.fill
        try:
            proof = await self._proofs.of(GroupRun(claim.next, claim.end - claim.next))
            if proof is None:
                self._treeless = True
                return
            claim.end = min(claim.end, covered(GroupRun(claim.next, claim.end - claim.next), proof).end)
            bytes_wanted = self._groups.bytes_in(GroupRun(claim.next, claim.end - claim.next))
            with await self._cache.reserve(bytes_wanted) as room:
                async with aclosing(self._fetch.blocks(claim, proof, self._silent_sources)) as blocks:
                    async for block in blocks:
                        await self._keep(block, room)
                        if self._crowded and block.run.end - claim.first >= TURN_GROUPS:
                            break
        except CacheFull as full:
            if claim.purpose is Purpose.REST:
                self._rest_fits = False
            else:
                fill.failing = full
        except DeliveryFailed as failure:
            fill.failing = failure
        finally:
            del self._streams[claim]
            fill.claims.remove(claim)
            fill.progress.notify()
            fill.wishes.notify()

    async def _keep(self, block: Block, room: Reservation) -> None:
        start = block.run.first * GROUP_SIZE
        view = memoryview(block.data)
        # Of two streams that race, the first one has written a group, which somebody may be reading.
        for run in self._groups.missing_runs(block.run):
            first = run.first * GROUP_SIZE
            await self._write(first, view[first - start : first - start + self._groups.bytes_in(run)])
        before = self._groups.present_bytes
        self.fill.verified(block.run, block.data, block.hashes)
        self._arrived(self._groups.present_bytes - before, room)
        self._rest_from = block.run.end

    async def _bring_unproven(self) -> None:
        """Bring the whole object from sources without a tree; nothing is present before all of it is right."""
        groups = self._groups
        with await self._cache.reserve(groups.size - groups.present_bytes) as room:
            async with aclosing(self._fetch.pieces()) as pieces:
                async for piece in pieces:
                    # Groups that are present already may be in use, and are not touched.
                    touched = groups_of_range(piece.offset, len(piece.data), groups.size)
                    for run in free_runs(groups, touched, ()):
                        start = max(piece.offset, run.first * GROUP_SIZE)
                        end = min(piece.offset + len(piece.data), run.end * GROUP_SIZE)
                        await self._write(start, memoryview(piece.data)[start - piece.offset : end - piece.offset])
                    self.fill.unproven(piece.offset, piece.data)
            before = groups.present_bytes
            assert self._fetch.tree is not None
            self.fill.proven(self._fetch.tree.group_cvs)
            room.turn_into_content(groups.present_bytes - before)

    async def _write(self, offset: int, data: bytes | memoryview) -> None:
        await self._entry.file.work(lambda fd: write_all(fd, offset, data))

    def _arrived(self, size: int, room: Reservation) -> None:
        room.turn_into_content(size)
        self._not_durable += size
        if self._not_durable >= CHECKPOINT_BYTES:
            self._make_durable()

    def _make_durable(self) -> None:
        if self._not_durable and (self._checkpoint is None or self._checkpoint.done()):
            self._not_durable = 0
            self._checkpoint = self._tasks.create_task(self._cache.checkpoint(self._entry), name="checkpoint")
