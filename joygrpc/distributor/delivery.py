"""Reading a range of an object: from the cache, from a running fill, or past the cache."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from time import monotonic

from joygrpc.content import GROUP_SIZE
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.distributor.demands import Demand
from joygrpc.distributor.errors import CacheFull, QueueFull, SourceFailed, SourceStalled
from joygrpc.distributor.fill import Fill
from joygrpc.distributor.fills import FillService
from joygrpc.distributor.groups import GroupRun, groups_of_range
from joygrpc.distributor.read_ahead import ReadAhead, Trails
from joygrpc.distributor.through import PassThrough
from joygrpc.distributor.verification import STEP_GROUPS, Verification
from joygrpc.mesh import MAX_DATA_BYTES

MOST_FILLS = 3
"""How often one reader has an object filled without getting on."""

READ_AHEAD_BYTES = 16 << 20


class Delivery:
    """Reads objects. `patience` bounds the time in which a reader does not get on; `most_ahead` is how far it is read ahead at most, in bytes."""

    def __init__(
        self,
        cache: Cache,
        fills: FillService,
        through: PassThrough,
        patience: timedelta,
        verification: Verification,
        *,
        most_ahead: int = READ_AHEAD_BYTES,
    ) -> None:
        self.verification = verification
        self._cache = cache
        self._fills = fills
        self._through = through
        self._patience = patience
        self._most_ahead = most_ahead // GROUP_SIZE
        self._trails = Trails()

    def entry_of(self, wanted: DirectoryObject) -> CachedObject | None:
        """What the cache holds of just this object: an entry of another size or hash is none."""
        entry = self._cache.get(wanted.object_id)
        if entry is not None and (entry.size, entry.multihash) == (wanted.size, wanted.multihash):
            return entry
        return None

    async def read(
        self, wanted: DirectoryObject, offset: int, end: int, *, rest: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` to before `end`, at most 1 MiB at a time, as soon as they are verified.

        Where bytes are missing the object is filled, with `rest` all of it. Only a reader of the whole object gets bytes before the hash is known, when no
        source has a tree, and never the last group; if the hash turns out wrong the reading ends with `SourceFailed`. Raises what stopped the fill,
        `SourceStalled`, or `QueueFull` when the fill did not begin in time. Ending early leaves the fill alone.
        """
        earlier = self._trails.follow(wanted.object_id, offset)
        ahead = ReadAhead(offset, end, wanted.size, self._most_ahead, earlier, earlier > 0)
        async with AsyncExitStack() as stack:
            reading = _Reading(self, stack, wanted, ahead, end)
            try:
                async with aclosing(self._from_cache(reading, rest=rest)) as pieces:
                    async for data in pieces:
                        yield data
                if ahead.position < end:
                    async with aclosing(self._through.read(wanted, ahead.position, end)) as pieces:
                        async for data in pieces:
                            yield data
            finally:
                if ahead.position > offset:
                    self._trails.leave(wanted.object_id, ahead.position, ahead.in_sequence)

    async def _from_cache(self, reading: "_Reading", *, rest: bool) -> AsyncGenerator[bytes, None]:
        """As much as can be had with the help of the cache; all of it unless the cache has no room."""
        ahead = reading.ahead
        fill = self._fills.get(reading.wanted.object_id)
        fills = 0
        demand = ahead.demand(monotonic())
        async with AsyncExitStack() as demands:
            if fill is not None and fill.failing is None:
                reading.begin_to_wait(fill)
                demands.enter_context(fill.demanding(demand))
            else:
                fill = None
            while ahead.position < ahead.end:
                reading.check(fill)
                if await reading.advance(fill):
                    if fill is not None:
                        reading.move(fill, demand)
                    fills = 0
                    yield reading.data
                    continue
                if fill is None:
                    await self._fills.settled(reading.wanted.object_id, self._patience)
                    fill, _ = self._fills.ensure(reading.wanted, GroupRun(demand.needed.first, 0), rest=rest)
                    fills += 1
                    reading.begin_to_wait(fill)
                    ahead.update(demand, monotonic())
                    demands.enter_context(fill.demanding(demand))
                    continue
                error = fill.error or (fill.failing if fill.hopeless(ahead.position // GROUP_SIZE) else None)
                if isinstance(error, CacheFull) and not reading.unproven:
                    return
                if error is not None:
                    raise error
                if fill.finished and (fills > MOST_FILLS or reading.unproven):
                    raise SourceFailed
                if fill.finished:
                    # It ended for lack of wishes, or its bytes had to leave again before they were read here.
                    await demands.aclose()
                    fill = None
                    continue
                await reading.wait(fill, self._patience)
            if ahead.continued and fill is not None:
                fill.leave(GroupRun(demand.needed.first, max(0, demand.ahead_end - demand.needed.first)))


class _Reading:
    """How far one reader has come."""

    def __init__(
        self, delivery: Delivery, stack: AsyncExitStack, wanted: DirectoryObject, ahead: ReadAhead, end: int
    ) -> None:
        self.wanted = wanted
        self.ahead = ahead
        self.data = b""
        self.unproven = False
        """Whether bytes went out whose hash was not known."""
        self._whole = ahead.position == 0 and end == wanted.size
        self._epoch = 0
        self._delivery = delivery
        self._stack = stack
        self._entry: CachedObject | None = None
        self._stopped_since = 0.0
        self._received = -1

    def check(self, fill: Fill | None) -> None:
        """Raises `SourceFailed` when bytes that went out were taken back."""
        if self.unproven and fill is not None and fill.epoch != self._epoch:
            raise SourceFailed

    def move(self, fill: Fill, demand: Demand) -> None:
        """The reader got on."""
        self.begin_to_wait(fill)
        if self.ahead.position < self.ahead.end:
            self.ahead.update(demand, self._stopped_since)
            fill.wishes.notify()

    def begin_to_wait(self, fill: Fill) -> None:
        """The reader's patience is whole again."""
        self._stopped_since = monotonic()
        self._received = fill.received

    async def wait(self, fill: Fill, patience: timedelta) -> None:
        """Wait for something to change; raises `SourceStalled` or `QueueFull` when the reader does not get on for so long."""
        if fill.unproven_bytes and fill.received != self._received:
            # Nothing is verified before all of it is here, so each byte counts.
            self.begin_to_wait(fill)
        # Groups that were here may have turned out wrong.
        fill.wishes.notify()
        left = self._stopped_since + patience.total_seconds() - monotonic()
        try:
            async with asyncio.timeout(max(0.0, left)):
                await fill.progress.wait()
        except TimeoutError:
            raise (SourceStalled() if fill.begun else QueueFull()) from None

    async def advance(self, fill: Fill | None) -> bool:
        """Read the next bytes into `data`; False, without having waited since it was found out, if there are none now."""
        entry = self._delivery.entry_of(self.wanted)
        if entry is None:
            return False
        if self._entry is not entry:
            # Opened before there is anything to read, so that the entry cannot leave the cache meanwhile.
            await self._stack.enter_async_context(entry.file.opened())
            self._entry = entry
        position = self.ahead.position
        group = min(position // GROUP_SIZE, entry.groups.count - 1)
        while True:
            if not entry.unchecked.empty:
                ahead = GroupRun(group, min(STEP_GROUPS, entry.groups.count - group))
                await self._delivery.verification.check(entry, ahead)
            stop = min(entry.groups.readable_end(position), (group + STEP_GROUPS) * GROUP_SIZE)
            if stop > position:
                data = await self._read(entry, position, stop)
            elif self._whole and fill is not None and fill.entry is entry and fill.releasable_end() > position:
                data = await self._read_unproven(entry, fill, position)
            else:
                return False
            if data:
                self.data = data
                self.ahead.advance(len(data))
                return True

    def _length(self, position: int, stop: int) -> int:
        return min(stop, self.ahead.end, position + MAX_DATA_BYTES) - position

    async def _read(self, entry: CachedObject, position: int, stop: int) -> bytes:
        """Bytes of groups that are right; none when a sample of them was not."""
        length = self._length(position, stop)
        verification = self._delivery.verification
        if verification.draw():
            sample = groups_of_range(position, length, entry.size)
            if not await verification.spot_check(entry, sample):
                return b""
        return await entry.file.read(position, length)

    async def _read_unproven(self, entry: CachedObject, fill: Fill, position: int) -> bytes:
        """Bytes that nobody vouches for; none when they were taken back, and may have been overwritten, while they were read."""
        epoch = fill.epoch
        data = await entry.file.read(position, self._length(position, fill.releasable_end()))
        if fill.epoch != epoch:
            return b""
        self.unproven, self._epoch = True, epoch
        return data
