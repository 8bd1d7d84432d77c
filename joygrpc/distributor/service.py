"""What a distributor node offers to the edge: facts and bytes of objects, and what it knows of itself."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta

from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.admission import Admission
from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.distributor.completion import Completion
from joygrpc.distributor.delivery import Delivery
from joygrpc.distributor.demands import Demand
from joygrpc.distributor.errors import (
    CacheFull,
    FillNotFound,
    NodeShuttingDown,
    QueueFull,
    RangeNotSatisfiable,
    SourceStalled,
)
from joygrpc.distributor.fill import Fill
from joygrpc.distributor.fills import FillService
from joygrpc.distributor.groups import GroupMap, GroupRun, groups_of_range
from joygrpc.distributor.leases import LeaseBook
from joygrpc.distributor.metrics import DELIVERED_BYTES, REQUESTS
from joygrpc.distributor.playbacks import Playbacks
from joygrpc.distributor.read_ahead import FIRST_GROUPS
from joygrpc.distributor.resolver import Resolver
from joygrpc.distributor.through import PassThrough
from joygrpc.distributor.verification import Verification
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb


@dataclass(frozen=True, slots=True)
class Asked:
    """A range of an object: `length` bytes from `offset` on, up to the end for None."""

    offset: int = 0
    length: int | None = None

    def end(self, size: int) -> int:
        """The byte after the range's last one."""
        return size if self.length is None else min(self.offset + self.length, size)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the edge needs to answer."""

    wanted: DirectoryObject
    media_type: str
    """Empty when it is not known and was not to be found out."""
    state: "pb.CacheState.ValueType"
    source: "pb.DataSource.ValueType"
    entry: CachedObject | None
    rest: bool = False
    """Whether the whole object shall be brought in the end."""


class AssetService:
    """Opens and reads objects.

    `largest_cached` is the size above which objects are passed through even if they fit, `patience` how long a request waits without any progress. `claim` is
    awaited before an object is opened, and may bring it into the cache from elsewhere.
    """

    def __init__(
        self,
        resolver: Resolver,
        cache: Cache,
        fills: FillService,
        through: PassThrough,
        leases: LeaseBook,
        *,
        largest_cached: int | None,
        patience: timedelta,
        admission: Admission,
        playbacks: Playbacks,
        completion: Completion,
        verification: Verification,
        most_ahead: int,
        claim: Callable[[int], Awaitable[None]],
    ) -> None:
        self._resolver = resolver
        self._cache = cache
        self._fills = fills
        self._through = through
        self._delivery = Delivery(cache, fills, through, patience, verification, most_ahead=most_ahead)
        self._leases = leases
        self.largest_cached = largest_cached
        self._patience = patience
        self._admission = admission
        self._playbacks = playbacks
        self._claim = claim
        self._completion = completion
        self._verification = verification

    def __repr__(self) -> str:
        return f"<AssetService {self._cache!r} {self._fills!r}>"

    async def facts(self, object_id: int, asked: Asked) -> Opened:
        """What is known of an object, without any effect. Raises what `Resolver.resolve` raises."""
        wanted = await self._resolver.resolve(object_id)
        entry = self._delivery.entry_of(wanted)
        fill = self._fills.get(object_id)
        state = pb.CACHE_STATE_PENDING if fill else pb.CACHE_STATE_MISS
        if entry is not None and entry.groups.holds(_groups_of(asked, wanted)):
            state = pb.CACHE_STATE_HIT
        media_type = (entry.media_type if entry else "") or (fill.media_type if fill else "")
        return Opened(wanted, media_type, state, self._source_of(wanted), entry)

    async def open(self, object_id: int, asked: Asked, *, reading: bool = False) -> Opened:
        """What is known of an object that shall be delivered now; starts a fill where bytes are missing and the object is admitted to the cache.

        With `reading`, the bytes are read now, which another call may have announced. A range that begins behind the object's end starts nothing.
        Raises what `Resolver.resolve` raises, `QueueFull`, and what stops a fill before the media type is known.
        """
        await self._claim(object_id)
        opened = await self.facts(object_id, asked)
        wanted, needed = opened.wanted, _groups_of(asked, opened.wanted)
        if needed.count == 0:
            return opened
        if opened.state == pb.CACHE_STATE_HIT and opened.entry is not None and not opened.entry.trusted:
            await self._verification.check_for(opened.entry, needed)
            opened = await self.facts(object_id, asked)
        if opened.state == pb.CACHE_STATE_HIT:
            self._complete(opened, asked, reading=reading)
            return await self._with_media_type(opened)
        if self._source_of(wanted) == pb.DATA_SOURCE_EXTERNAL or not self._admits(opened, asked, reading=reading):
            return await self._past_the_cache(opened)
        rest = self._completion.wanted(object_id, _now_ms(), start=asked.offset == 0, reading=reading)
        await self._fills.settled(object_id, self._patience)
        fill, started = self._fills.ensure(wanted, needed, rest=rest)
        state = pb.CACHE_STATE_MISS if started else pb.CACHE_STATE_PENDING
        try:
            # Where the type is known, the reading will tell whether the sources deliver.
            short = needed.count <= FIRST_GROUPS
            media_type = opened.media_type or await self._await_media_type(fill, short=short)
            if short:
                fill.expect()
        except CacheFull:
            return await self._past_the_cache(opened)
        return Opened(wanted, media_type, state, pb.DATA_SOURCE_LOCAL, self._delivery.entry_of(wanted), rest)

    async def read(self, opened: Opened, asked: Asked) -> AsyncGenerator[bytes, None]:
        """The verified bytes of a range, at most 1 MiB at a time. Raises `RangeNotSatisfiable` and what `Delivery.read` raises."""
        size = opened.wanted.size
        if asked.offset >= size and (asked.offset > size or size > 0):
            raise RangeNotSatisfiable
        delivered = DELIVERED_BYTES.labels(state_name(opened.state))
        if opened.state == pb.CACHE_STATE_HIT:
            self._used(opened.wanted.object_id, start=asked.offset == 0)
        if opened.source == pb.DATA_SOURCE_EXTERNAL:
            reading = self._through.read(opened.wanted, asked.offset, asked.end(size))
        else:
            reading = self._delivery.read(opened.wanted, asked.offset, asked.end(size), rest=opened.rest)
        async with aclosing(reading) as pieces:
            async for data in pieces:
                delivered.inc(len(data))
                yield data

    def lease(self, opened: Opened) -> tuple[content.Lease | None, content.Lease | None]:
        """Leases of the whole file, once all of it is verified, and of a growing one; at most one of the two."""
        entry = opened.entry
        if entry is None or self._cache.get(entry.object_id) is not entry:
            return None, None
        if entry.trusted:
            return self._leases.give(entry), None
        fill = self._fills.get(entry.object_id)
        return None, self._leases.give(entry) if fill is not None and fill.entry is entry else None

    def report(self, counts: Sequence[content.AccessCount]) -> None:
        """Take in what gateways sent from leases."""
        for count in counts:
            self._used(count.object_id, start=count.uses > 0, at_ms=count.last_access_at.ToMilliseconds())
            REQUESTS.labels("lease", "hit").inc(count.uses)
            DELIVERED_BYTES.labels("lease").inc(count.bytes)

    async def watch_fill(self, object_id: int) -> AsyncGenerator[tuple[list[GroupRun], bool], None]:
        """Groups that became verified since the last item, and whether all are there now; ends with the fill.

        Raises `FillNotFound` when the object is not being filled, and what stopped the fill.
        """
        fill = self._fills.get(object_id)
        if fill is None:
            raise FillNotFound
        known = GroupMap(fill.wanted.size)
        while True:
            groups = fill.entry.groups if fill.entry else GroupMap(fill.wanted.size)
            fresh = [new for run in groups.runs() for new in known.missing_runs(run)]
            for run in fresh:
                known.add(run.first, run.count)
            if fresh:
                yield fresh, known.complete
            elif fill.finished and fill.error is None:
                return
            elif fill.finished:
                raise fill.error or FillNotFound()
            else:
                await fill.progress.wait()
            if known.complete:
                # The fill ends once all of it is durable.
                while not fill.finished:
                    await fill.progress.wait()
                return

    def _complete(self, opened: Opened, asked: Asked, *, reading: bool) -> None:
        """Have the rest of an object brought of which just the part is here that is asked for."""
        entry, object_id = opened.entry, opened.wanted.object_id
        if entry is None or entry.complete:
            return
        if self._completion.wanted(object_id, _now_ms(), start=asked.offset == 0, reading=reading):
            with suppress(QueueFull, NodeShuttingDown):
                self._fills.ensure(opened.wanted, GroupRun(0, 0), rest=True)

    async def _with_media_type(self, opened: Opened) -> Opened:
        """A hit in the middle of an object whose first bytes are not here must get them for the type."""
        if opened.media_type or opened.entry is None:
            return opened
        await self._fills.settled(opened.wanted.object_id, self._patience)
        fill, _ = self._fills.ensure(opened.wanted, GroupRun(0, 1))
        media_type = await self._await_media_type(fill, short=True)
        return Opened(opened.wanted, media_type, opened.state, opened.source, opened.entry)

    async def _await_media_type(self, fill: Fill, *, short: bool) -> str:
        """The type as soon as the first bytes are here; bytes that nobody vouches for yet do, as a wrong object is not delivered whole."""
        demand = Demand(GroupRun(0, 1), 1, short=short, moved_at=time.monotonic())
        try:
            with fill.demanding(demand):
                async with asyncio.timeout(self._patience.total_seconds()):
                    while not fill.media_type:
                        if error := fill.error or (fill.failing if fill.hopeless(0) else None):
                            raise error
                        if fill.finished:
                            raise SourceStalled
                        await fill.progress.wait()
        except TimeoutError:
            raise (SourceStalled() if fill.begun else QueueFull()) from None
        return fill.media_type

    def _admits(self, opened: Opened, asked: Asked, *, reading: bool) -> bool:
        """Whether the object shall be in the cache: it is, or is on the way there, or is admitted now."""
        object_id = opened.wanted.object_id
        if opened.entry is not None or self._fills.get(object_id) is not None:
            return True
        start = asked.offset == 0
        if not self._admission.admits(object_id, _now_ms(), start=start, reading=reading):
            return False
        # Whoever has the object brought is its first use, which it gets without being counted.
        self._playbacks.count(object_id, _now_ms(), start=True)
        return True

    def _used(self, object_id: int, *, start: bool, at_ms: int = 0) -> None:
        at_ms = min(at_ms, _now_ms()) or _now_ms()
        self._cache.use(object_id, self._playbacks.count(object_id, at_ms, start=start), at_ms)

    async def _past_the_cache(self, opened: Opened) -> Opened:
        media_type = await self._through.media_type(opened.wanted)
        return Opened(opened.wanted, media_type, pb.CACHE_STATE_MISS, pb.DATA_SOURCE_EXTERNAL, None)

    def _source_of(self, wanted: DirectoryObject) -> "pb.DataSource.ValueType":
        largest = self._cache.limit if self.largest_cached is None else min(self.largest_cached, self._cache.limit)
        too_large = wanted.size > largest
        return pb.DATA_SOURCE_EXTERNAL if too_large else pb.DATA_SOURCE_LOCAL


def _groups_of(asked: Asked, wanted: DirectoryObject) -> GroupRun:
    if asked.offset > wanted.size:
        return GroupRun(0, 0)
    return groups_of_range(asked.offset, asked.end(wanted.size) - asked.offset, wanted.size)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def state_name(state: "pb.CacheState.ValueType") -> str:
    """`hit`, `pending` or `miss`."""
    return pb.CacheState.Name(state).removeprefix("CACHE_STATE_").lower()
