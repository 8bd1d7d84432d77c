"""Reading a range of an object: from the cache, from a running fill, or past the cache."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta

from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.distributor.errors import CacheFull, SourceFailed
from joygrpc.distributor.fill import Fill
from joygrpc.distributor.fills import FillService
from joygrpc.distributor.groups import GroupRun, groups_of_range
from joygrpc.distributor.through import PassThrough
from joygrpc.mesh import MAX_DATA_BYTES

MOST_FILLS = 3
"""How often one reader has an object filled."""


class Delivery:
    """Reads objects. `patience` bounds the time without any progress of a fill."""

    def __init__(self, cache: Cache, fills: FillService, through: PassThrough, patience: timedelta) -> None:
        self._cache = cache
        self._fills = fills
        self._through = through
        self._patience = patience

    def entry_of(self, wanted: DirectoryObject) -> CachedObject | None:
        """What the cache holds of just this object: an entry of another size or hash is none."""
        entry = self._cache.get(wanted.object_id)
        if entry is not None and (entry.size, entry.multihash) == (wanted.size, wanted.multihash):
            return entry
        return None

    async def read(self, wanted: DirectoryObject, offset: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` to before `end`, at most 1 MiB at a time, as soon as they are verified.

        Only a reader of the whole object gets bytes before the hash is known, when no source has a tree, and never the last group; if the hash turns
        out wrong the reading ends with `SourceFailed`. Raises what stopped the fill, or `SourceStalled`. Ending early leaves the fill alone.
        """
        async with AsyncExitStack() as stack:
            reading = _Reading(self, stack, wanted, offset, end)
            async with aclosing(self._from_cache(reading)) as pieces:
                async for data in pieces:
                    yield data
            if reading.position < end:
                async with aclosing(self._through.read(wanted, reading.position, end)) as pieces:
                    async for data in pieces:
                        yield data

    async def _from_cache(self, reading: "_Reading") -> AsyncGenerator[bytes, None]:
        """As much as can be had with the help of the cache; all of it unless the cache has no room."""
        fill: Fill | None = None
        fills = 0
        while reading.position < reading.end:
            reading.check(fill)
            if await reading.advance(fill):
                yield reading.data
                continue
            if fill is None:
                fill, _ = self._fills.ensure(reading.wanted, reading.missing())
                fills += 1
                continue
            if isinstance(fill.error, CacheFull) and not reading.unproven:
                return
            if fill.finished and (fill.error or fills > MOST_FILLS or reading.unproven):
                raise fill.error or SourceFailed()
            if fill.finished:
                # Its bytes had to leave again before they were read here.
                fill = None
                continue
            with fill.demanding(reading.missing()):
                await fill.wait(self._patience)


class _Reading:
    """How far one reader has come."""

    def __init__(
        self, delivery: Delivery, stack: AsyncExitStack, wanted: DirectoryObject, offset: int, end: int
    ) -> None:
        self.wanted = wanted
        self.position = offset
        self.end = end
        self.data = b""
        self.unproven = False
        """Whether bytes went out whose hash was not known."""
        self._whole = offset == 0 and end == wanted.size
        self._epoch = 0
        self._delivery = delivery
        self._stack = stack
        self._entry: CachedObject | None = None

    def check(self, fill: Fill | None) -> None:
        """Raises `SourceFailed` when bytes that went out were taken back."""
        if self.unproven and fill is not None and fill.epoch != self._epoch:
            raise SourceFailed

    def missing(self) -> GroupRun:
        """The groups that are left to read."""
        return groups_of_range(self.position, self.end - self.position, self.wanted.size)

    async def advance(self, fill: Fill | None) -> bool:
        """Read the next bytes into `data`, if there are any now."""
        entry = self._delivery.entry_of(self.wanted)
        if entry is None:
            return False
        if self._entry is not entry:
            # Opened before there is anything to read, so that the entry cannot leave the cache meanwhile.
            await self._stack.enter_async_context(entry.file.opened())
            self._entry = entry
        stop = entry.groups.readable_end(self.position)
        proven = stop > self.position
        if not proven and self._whole and fill is not None and fill.entry is entry:
            stop = fill.releasable_end()
        if stop <= self.position:
            return False
        epoch = fill.epoch if fill is not None else 0
        length = min(stop, self.end, self.position + MAX_DATA_BYTES) - self.position
        data = await entry.file.read(self.position, length)
        if not proven:
            assert fill is not None
            if fill.epoch != epoch:
                # While the bytes were read, they were taken back and may have been overwritten.
                return False
            self.unproven, self._epoch = True, epoch
        self.data = data
        self.position += length
        return True
