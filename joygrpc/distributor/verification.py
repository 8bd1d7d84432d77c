"""Hashing again what lies in the cache: all that an earlier process wrote before its first use, and samples of the rest."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from joygrpc.content import (
    GROUP_SIZE,
    InvalidMultihash,
    TreeSlice,
    build_tree_of_file,
    decode_multihash,
    group_count,
    verify_group,
)
from joygrpc.distributor.cache import HASH_BYTES, Cache, CachedObject
from joygrpc.distributor.groups import GroupMap, GroupRun
from joygrpc.distributor.metrics import CHECKED_BYTES, ROTTEN_GROUPS
from joygrpc.distributor.object_file import CacheUnreadable

log = structlog.get_logger(__name__)

STEP_GROUPS = 16
"""Groups (4 MiB) that are checked at a time ahead of a reader."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check: groups that are right, and groups that are wrong or of which nobody knows what they should be."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]


class Verification:
    """Verifies groups of cached objects against the chaining values that were kept when they were fetched, or against the whole hash.

    Wrong groups are missing from then on. `revoke` is awaited for an object of which gateways may have sent some. `share` of the pieces that are read get
    a group verified once more before they are sent.
    """

    def __init__(
        self, cache: Cache, *, share: float, revoke: Callable[[CachedObject], Awaitable[None]], dice: random.Random
    ) -> None:
        self._cache = cache
        self._share = share
        self._revoke = revoke
        self._dice = dice
        self._busy: dict[int, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"<Verification of {self._share:%} of reads>"

    def draw(self) -> bool:
        """Whether the next piece is to be verified once more."""
        return self._share > 0 and self._dice.random() < self._share

    async def check(self, entry: CachedObject, run: GroupRun) -> None:
        """Verify those groups of a run that were not yet since the node started; afterwards each of them is right or missing.

        Raises `CacheUnreadable` and `CacheIndexFailed`.
        """
        async with self._busy.setdefault(entry.object_id, asyncio.Lock()), entry.file.opened():
            while unchecked := entry.unchecked.present_runs(run):
                part = GroupRun(unchecked[0].first, min(unchecked[0].count, STEP_GROUPS))
                await self._check(entry, part)

    async def spot_check(self, entry: CachedObject, group: int) -> bool:
        """Verify one present group once more; a wrong one is missing afterwards. The entry's file must be opened."""
        checked = await self._hash(entry, GroupRun(group, 1))
        if checked is None or not checked.wrong:
            return True
        await self._lose(entry, checked)
        return False

    async def patrol(self, budget_bytes: int) -> int:
        """Check about so many bytes: first what was not checked since the node started, the latest used first, then groups at random. Gives the bytes."""
        spent = 0
        for entry in sorted(self._cache, key=lambda entry: -entry.lent_until):
            for run in list(entry.unchecked.runs()):
                group = run.first
                while group < run.end and spent < budget_bytes:
                    part = GroupRun(group, min(STEP_GROUPS, run.end - group))
                    await self.check(entry, part)
                    spent += entry.groups.bytes_in(part)
                    group = part.end
        entries = [entry for entry in self._cache if not entry.groups.empty]
        while entries and spent < budget_bytes:
            entry = self._dice.choice(entries)
            run = self._dice.choice(list(entry.groups.runs()) or [GroupRun(0, 0)])
            if run.count:
                async with entry.file.opened():
                    await self.spot_check(entry, self._dice.randrange(run.first, run.end))
            spent += GROUP_SIZE
            entries = [entry for entry in entries if not entry.groups.empty]
        return spent

    async def _check(self, entry: CachedObject, run: GroupRun) -> None:
        checked = await self._hash(entry, run)
        if checked is None:
            await self._check_whole(entry)
            return
        for group in checked.right:
            entry.unchecked.remove(group)
        await self._lose(entry, checked)

    async def _check_whole(self, entry: CachedObject) -> None:
        """For objects that came here whole: only the whole hash is known."""
        try:
            root = decode_multihash(entry.multihash)
        except InvalidMultihash:
            root = b""
        every = GroupRun(0, entry.groups.count)
        # The thread's work cannot be ended, so a large object that nobody waits for any more is still read to its end.
        tree = await entry.file.work(lambda fd: build_tree_of_file(fd, entry.size)) if entry.groups.complete else None
        CHECKED_BYTES.inc(entry.size)
        if tree is None or tree.root != root:
            unproven = tuple(group for run in entry.unchecked.runs() for group in range(run.first, run.end))
            await self._lose(entry, Checked((), unproven))
            return
        await self._cache.add_hashes(entry, 0, tree.group_cvs)
        entry.unchecked.remove(every.first, every.count)

    async def _hash(self, entry: CachedObject, run: GroupRun) -> Checked | None:
        """Check groups against what is kept of them; None when nothing is kept of some of them and the whole object is here."""
        known = _Known(entry, await self._cache.hashes(entry))
        if any(known.value(group) is None for group in range(run.first, run.end)) and entry.groups.complete:
            return None

        def hash_all(fd_read: Callable[[int, int], bytes]) -> Checked:
            right, wrong = [], []
            for group in range(run.first, run.end):
                value = known.value(group)
                start = group * GROUP_SIZE
                length = entry.groups.bytes_in(GroupRun(group, 1))
                proof = value and TreeSlice(entry.size, value, range(group, group + 1), value)
                good = bool(proof) and verify_group(group, fd_read(start, length), proof)  # type: ignore[arg-type]
                (right if good else wrong).append(group)
            return Checked(tuple(right), tuple(wrong))

        started = monotonic()
        checked = await entry.file.work(lambda fd: hash_all(entry.file.reader(fd)))
        CHECKED_BYTES.inc(entry.groups.bytes_in(run))
        log.debug("groups checked", object_id=entry.object_id, first=run.first, count=run.count, took=monotonic() - started)
        return checked

    async def _lose(self, entry: CachedObject, checked: Checked) -> None:
        if not checked.wrong:
            return
        log.error("cached groups are wrong", object_id=entry.object_id, groups=list(checked.wrong[:20]))
        ROTTEN_GROUPS.inc(len(checked.wrong))
        for group in checked.wrong:
            self._cache.lose(entry, GroupRun(group, 1))
        await self._revoke(entry)


class _Known:
    """The chaining values that are kept of an object's groups."""

    def __init__(self, entry: CachedObject, kept: list[tuple[int, bytes]]) -> None:
        self._kept = kept
        self._only = group_count(entry.size) == 1
        self._multihash = entry.multihash

    def value(self, group: int) -> bytes | None:
        """What the group must hash to; None when it is not known."""
        if self._only:
            # The hash of the only group is that of the object, which the chain knows.
            try:
                return decode_multihash(self._multihash)
            except InvalidMultihash:
                return None
        for first, values in reversed(self._kept):
            start = (group - first) * HASH_BYTES
            if 0 <= start < len(values):
                return values[start : start + HASH_BYTES]
        return None
