"""One running fill: what is verified so far, who waits for what, and how it ended."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from joygrpc.content import GROUP_SIZE, SNIFF_BYTES
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.cache import CachedObject
from joygrpc.distributor.errors import DeliveryFailed, SourceStalled
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.media_type import media_type_of
from joygrpc.distributor.progress import Signal


class Fill:
    """The fill of one object, shared by all who want some of it.

    `entry` is None until the fill has room in the cache. `error` is set when it ended early.
    """

    def __init__(self, wanted: DirectoryObject, start: GroupRun) -> None:
        self.wanted = wanted
        self.start = start
        """What it was begun for."""
        self.entry: CachedObject | None = None
        self.error: DeliveryFailed | None = None
        self.finished = False
        self.media_type = ""
        """Empty until the first bytes are known."""
        self.epoch = 0
        """Counts how often bytes that nobody vouched for were taken back."""
        self.unproven_bytes = 0
        """Bytes from the start that lie in the file and whose right hash is not known yet, when the sources have no tree."""
        self.received = 0
        """Bytes that came so far, right or wrong; tells progress from standstill."""
        self.progress = Signal()
        self._waiting: dict[int, GroupRun] = {}
        self._tickets = 0
        self._head = bytearray()

    def __repr__(self) -> str:
        state = "waiting" if self.entry is None else repr(self.entry.groups)
        if self.finished:
            state = f"failed {self.error.reason}" if self.error else "complete"
        return f"<Fill {self.wanted.object_id} {state}, {len(self._waiting)} demands>"

    def waiting(self) -> list[GroupRun]:
        """The groups that readers wait for, the longest waiting first."""
        return list(self._waiting.values())

    @contextmanager
    def demanding(self, run: GroupRun) -> Iterator[None]:
        """Have groups brought before others for the length of a `with` block."""
        self._tickets += 1
        ticket = self._tickets
        self._waiting[ticket] = run
        try:
            yield
        finally:
            del self._waiting[ticket]

    async def wait(self, patience: timedelta) -> None:
        """Wait until something changes; raises `SourceStalled` when nothing arrives for so long."""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self.progress.wait()
        except TimeoutError:
            raise SourceStalled from None

    def attach(self, entry: CachedObject) -> None:
        """The fill has its place in the cache."""
        self.entry = entry
        self.media_type = entry.media_type
        self.progress.notify()

    def verified(self, run: GroupRun, data: bytes) -> None:
        """Groups are right and lie in the file."""
        assert self.entry is not None
        self.entry.groups.add(run.first, run.count)
        self.received += len(data)
        if run.first == 0 and not self.entry.media_type:
            self.entry.media_type = self.media_type = media_type_of(data, self.wanted.fallback_media_type)
        self.progress.notify()

    def unproven(self, offset: int, data: bytes) -> None:
        """Bytes lie in the file that may be wrong."""
        if offset == 0:
            self.take_back()
        self.unproven_bytes = offset + len(data)
        self.received += len(data)
        if len(self._head) < SNIFF_BYTES:
            self._head += data[: SNIFF_BYTES - len(self._head)]
        if len(self._head) >= min(SNIFF_BYTES, self.wanted.size) and not self.media_type:
            self.media_type = media_type_of(bytes(self._head), self.wanted.fallback_media_type)
        self.progress.notify()

    def take_back(self) -> None:
        """Bytes that nobody vouched for are void; whoever sent some of them on must stop."""
        if self.unproven_bytes:
            self.epoch += 1
        self.unproven_bytes = 0
        self._head.clear()
        if self.entry is not None:
            self.media_type = self.entry.media_type

    def proven(self) -> None:
        """The whole hash is right, so all that was unproven is verified."""
        assert self.entry is not None
        self.entry.groups.add(0, self.entry.groups.count)
        self.entry.media_type = self.entry.media_type or self.media_type
        self.progress.notify()

    def releasable_end(self) -> int:
        """The byte up to which a reader of the whole object may have bytes that nobody vouches for: all but the last group."""
        assert self.entry is not None
        return min(self.unproven_bytes, (self.entry.groups.count - 1) * GROUP_SIZE)

    def finish(self, error: DeliveryFailed | None) -> None:
        """The fill is over."""
        self.finished = True
        self.error = error
        self.progress.notify()
