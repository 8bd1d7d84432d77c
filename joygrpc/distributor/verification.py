"""Hashing again what lies in the cache: all that an earlier process wrote before its first use, and samples of the rest."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.metrics import CHECKED_BYTES, ROTTEN_GROUPS
from joygrpc.distributor.object_file import read_all

log = structlog.get_logger(__name__)

STEP_GROUPS = 16
"""Groups (4 MiB) that are checked at a time ahead of a reader."""

QUICK_GROUPS = 64
"""Objects of so many groups (16 MiB) are checked whole before they are lent out."""


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
        self._awaited: dict[int, CachedObject] = {}

    def __repr__(self) -> str:
        return f"<Verification of {self._share:%} of reads>"

    def draw(self) -> bool:
        """Whether the next piece is to be verified once more."""
        return self._share > 0 and self._dice.random() < self._share

    async def check(self, entry: CachedObject, run: GroupRun) -> None:
        """Verify those groups of a run that were not yet since the node started; afterwards each of them is right or missing.

        Raises `CacheUnreadable` and `CacheIndexFailed`.
        """
        if not entry.unchecked.present_runs(run):
            return
        async with entry.checking, entry.file.opened():
            while unchecked := entry.unchecked.present_runs(run):
                part = GroupRun(unchecked[0].first, min(unchecked[0].count, STEP_GROUPS))
                await self._check(entry, part)

    async def check_for(self, entry: CachedObject, run: GroupRun) -> None:
        """Before some groups are delivered: check the first of them, and the whole object if that is quick; what is left of it has the next patrol's attention."""
        await self.check(entry, GroupRun(run.first, min(run.count, STEP_GROUPS)))
        if entry.unchecked.empty:
            return
        if entry.groups.count <= QUICK_GROUPS:
            await self.check(entry, GroupRun(0, entry.groups.count))
        else:
            self._awaited[entry.object_id] = entry

    async def spot_check(self, entry: CachedObject, run: GroupRun) -> bool:
        """Verify a few present groups once more; wrong ones are missing afterwards. The entry's file must be opened."""
        checked = await self._hash(entry, run)
        if checked is None or not checked.wrong:
            return True
        await self._lose(entry, checked)
        return False

    async def patrol(self, budget_bytes: int) -> int:
        """Check about so many bytes; gives how many.

        What was asked for comes first and whatever it takes, then what was not checked since the node started, then groups at random.
        """
        spent = 0
        while self._awaited:
            _, entry = self._awaited.popitem()
            spent += await self._check_all(entry, None)
        for entry in reversed(list(self._cache)):
            if spent < budget_bytes:
                spent += await self._check_all(entry, budget_bytes - spent)
        entries = list(self._cache)
        while entries and spent < budget_bytes:
            index = self._dice.randrange(len(entries))
            runs = list(entries[index].groups.runs())
            if runs:
                run = self._dice.choice(runs)
                async with entries[index].file.opened():
                    await self.spot_check(entries[index], GroupRun(self._dice.randrange(run.first, run.end), 1))
                spent += GROUP_SIZE
            else:
                del entries[index]
        return spent

    async def _check_all(self, entry: CachedObject, budget_bytes: int | None) -> int:
        spent = 0
        while not entry.unchecked.empty and (budget_bytes is None or spent < budget_bytes):
            run = next(entry.unchecked.runs())
            part = GroupRun(run.first, min(STEP_GROUPS, run.count))
            await self.check(entry, part)
            spent += max(1, entry.groups.bytes_in(part))
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
        groups = entry.groups
        if any(known.value(group) is None for group in range(run.first, run.end)) and groups.complete:
            return None

        def is_right(fd: int, group: int) -> bool:
            value = known.value(group)
            if value is None:
                return False
            try:
                data = read_all(fd, group * GROUP_SIZE, groups.bytes_in(GroupRun(group, 1)))
            except OSError:
                # What the disk does not give back is as good as wrong.
                return False
            return verify_group(group, data, TreeSlice(groups.size, value, range(group, group + 1), value))

        every = range(run.first, run.end)
        rightness = await entry.file.work(lambda fd: [is_right(fd, group) for group in every])
        CHECKED_BYTES.inc(groups.bytes_in(run))
        return Checked(
            tuple(group for group, right in zip(every, rightness, strict=True) if right),
            tuple(group for group, right in zip(every, rightness, strict=True) if not right),
        )

    async def _lose(self, entry: CachedObject, checked: Checked) -> None:
        if not checked.wrong:
            return
        log.error(
            "cached groups are wrong or cannot be verified", object_id=entry.object_id, groups=list(checked.wrong[:20])
        )
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
