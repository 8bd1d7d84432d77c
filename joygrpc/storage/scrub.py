"""Comparing what is kept with its multihash, again and again: disks forget."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog

from joygrpc.content import SNIFF_BYTES, TreeBuilder
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.disk_writer import content_of
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.maintenance_metrics import SCRUB_DUE, SCRUB_DUE_BYTES, SCRUBBED, SCRUBBED_BYTES
from joygrpc.storage.objects import KeptObject, QuarantineReason, present
from joygrpc.storage.quarantine import QuarantineService
from joygrpc.storage.scrub_index import DueCount, DueObject, ScrubIndex
from joygrpc.storage.store import Content, ObjectMissing, ObjectStore, StoreFailed, TreeMissing

log = structlog.get_logger(__name__)

_READ_BYTES = 1 << 20
_MAX_UNREADABLE = 10
"""Objects in a run that the disk may fail to read; past it the disk is broken, not the objects."""


class ScrubOutcome(StrEnum):
    """What the check of an object found."""

    SOUND = "sound"
    """The bytes are right, and the tree too."""
    TREE_MENDED = "tree_mended"
    """The bytes are right; the tree was not, and was made anew."""
    ROTTEN = "rotten"
    """The bytes are wrong, and the object is in quarantine."""


@dataclass(frozen=True, slots=True)
class ScrubRules:
    """The pace of the checks."""

    period: timedelta = timedelta(days=30)
    """Time within which everything is checked."""
    max_bytes_per_s: int = 32 << 20
    run_time: timedelta = timedelta(minutes=10)
    """After this a run begins no further object."""


@dataclass(frozen=True, slots=True)
class ScrubProgress:
    """How far the checks have come; the counts of what was done are since the start of the process, sizes in bytes."""

    due: DueCount
    objects_checked: int
    size_checked: int
    objects_rotten: int


def pause_after(done: int, elapsed_s: float, max_bytes_per_s: int) -> float:
    """Seconds to wait so that `done` bytes in `elapsed_s` seconds are not too fast."""
    return max(0.0, done / max_bytes_per_s - elapsed_s)


class ScrubService:
    """Checks objects, those first that never were, then those whose check is the longest ago.

    When an object was checked stands in its entry; a restart goes on from there. `rotten` is called when something was put into quarantine, so that
    it is fetched anew; `drifted` when a file is not there at all.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        index: ObjectIndex,
        quarantine: QuarantineService,
        claims: Claims,
        rules: ScrubRules,
        rotten: Callable[[], None],
        drifted: Callable[[], None],
    ) -> None:
        self._store, self._index, self._quarantine, self._claims = store, index, quarantine, claims
        self.rules = rules
        self._rotten, self._drifted = rotten, drifted
        self._times = ScrubIndex(index)
        self._due = DueCount(0, 0, None)
        self._checked = self._checked_size = self._rotten_count = 0

    @property
    def progress(self) -> ScrubProgress:
        """As of the begin of the last run, or of `count`."""
        return ScrubProgress(self._due, self._checked, self._checked_size, self._rotten_count)

    async def run_once(self) -> None:
        """Checks what is due, for as long as a run lasts. Raises what the index raises, and `StoreFailed` when the disk fails again and again."""
        await self.count()
        ends, unreadable = time.monotonic() + self.rules.run_time.total_seconds(), 0
        async with contextlib.aclosing(self._due_objects(await self._due_before())) as objects:
            async for each in objects:
                try:
                    await self.check(each.object_id)
                except (UploadInProgress, ObjectMissing):
                    continue
                except StoreFailed:
                    unreadable += 1
                    if unreadable >= _MAX_UNREADABLE:
                        raise
                if time.monotonic() >= ends:
                    break
        await self.count()

    async def count(self) -> None:
        """Counts what is due."""
        self._due = await self._times.count(await self._due_before())
        SCRUB_DUE.set(self._due.objects)
        SCRUB_DUE_BYTES.set(self._due.size)

    async def make_all_due(self) -> None:
        """Every check until now counts as too old."""
        await self._times.make_all_due(datetime.now(UTC))
        await self.count()

    async def check(self, object_id: int) -> ScrubOutcome:
        """Checks one object. Raises `ObjectMissing` for one that is not served, `UploadInProgress`, and `StoreFailed` when it cannot be read.

        An object that cannot be read goes into quarantine like a rotten one.
        """
        with self._claims.hold(object_id):
            kept = await self._index.get(object_id)
            if kept is None or not kept.served:
                raise ObjectMissing("File not found.")
            try:
                content = await self._examine(kept)
                if not _is(content, kept):
                    # A flipped bit in memory is no rot on the disk.
                    content = await self._examine(kept)
            except ObjectMissing:
                log.exception("object is not on the disk", object_id=object_id)
                self._drifted()
                raise
            except StoreFailed:
                await self._set_aside(kept, "unreadable")
                raise
            if not _is(content, kept):
                await self._set_aside(kept, content.multihash)
                return ScrubOutcome.ROTTEN
            outcome = await self._check_tree(kept, content)
            await self._index.verified(object_id, content.media_type, present())
        self._count(outcome, kept.size)
        return outcome

    async def _due_before(self) -> datetime:
        return max(await self._times.all_due_before(), datetime.now(UTC) - self.rules.period)

    async def _due_objects(self, before: datetime) -> AsyncGenerator[DueObject, None]:
        after = -1
        while page := await self._times.unverified(after=after):
            after = page[-1].object_id
            for each in page:
                yield each
        last: DueObject | None = None
        while page := await self._times.due(before, after=last):
            last = page[-1]
            for each in page:
                yield each

    async def _examine(self, kept: KeptObject) -> Content:
        """Reads the object at the pace of the rules, and says what it is."""
        builder, head, done, began = TreeBuilder(), b"", 0, time.monotonic()
        async with self._store.open(kept.object_id) as reader:
            while data := await reader.read(done, _READ_BYTES):
                head = head or data[:SNIFF_BYTES]
                await asyncio.to_thread(builder.update, data)
                done += len(data)
                SCRUBBED_BYTES.inc(len(data))
                await asyncio.sleep(pause_after(done, time.monotonic() - began, self.rules.max_bytes_per_s))
        return content_of(await asyncio.to_thread(builder.finish), head)

    async def _check_tree(self, kept: KeptObject, content: Content) -> ScrubOutcome:
        if not content.tree:
            return ScrubOutcome.SOUND
        try:
            if await self._store.tree(kept.object_id) == content.tree:
                return ScrubOutcome.SOUND
        except (TreeMissing, StoreFailed):
            pass
        await self._store.put_tree(kept.object_id, content.tree)
        if kept.has_tree:
            log.warning("tree was wrong and is made anew", object_id=kept.object_id)
        return ScrubOutcome.TREE_MENDED

    async def _set_aside(self, kept: KeptObject, found: str) -> None:
        log.error("object is rotten", object_id=kept.object_id, expected=kept.multihash, found=found)
        await self._quarantine.hide([kept.object_id], QuarantineReason.ROTTEN)
        self._rotten_count += 1
        self._count(ScrubOutcome.ROTTEN, kept.size)
        self._rotten()

    def _count(self, outcome: ScrubOutcome, size: int) -> None:
        SCRUBBED.labels(outcome.value).inc()
        self._checked += 1
        self._checked_size += size


def _is(content: Content, kept: KeptObject) -> bool:
    return (content.size, content.multihash) == (kept.size, kept.multihash)
