"""The cache: objects and parts of objects in sparse files, within a number of bytes that is never exceeded."""

import asyncio
import os
import re
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Self

import structlog

from joygrpc.distributor.cache_index import HIGHEST_ID, CacheIndex, IndexRow
from joygrpc.distributor.errors import CacheFull
from joygrpc.distributor.groups import GroupMap, GroupRun
from joygrpc.distributor.metrics import EVICTIONS
from joygrpc.distributor.object_file import DiskThreads, ObjectFile, Remains
from joygrpc.distributor.policies import CachePolicy, Standing

log = structlog.get_logger(__name__)

_FILE_NAME = re.compile(r"[0-9]+-[0-9a-f]{16}")

POLICY_STATE = "policy_state"
"""Setting of the index under which the policy keeps its state."""

HASH_BYTES = 32

SETTLE_TRIES = 6
FIRST_SETTLE_PAUSE_S = 0.01


@dataclass(slots=True, eq=False)
class CachedObject:
    """An object of which the cache holds some groups, or is about to."""

    object_id: int
    generation: str
    multihash: str
    bag: str
    media_type: str
    """Empty while it is not known."""
    groups: GroupMap
    file: ObjectFile
    filling: bool = False
    unsaved_hashes: list[tuple[int, bytes]] = field(default_factory=list)
    """Chaining values of groups from a first one on, of which the index does not know yet."""
    unchecked: GroupMap = field(init=False)
    """Those of the present groups that an earlier process wrote and that were not verified since."""
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever verifies groups again."""
    lent_until: float = field(default=0.0)
    """Time of the event loop up to which a gateway may open the file."""

    def __post_init__(self) -> None:
        self.unchecked = GroupMap(self.groups.size)

    @property
    def size(self) -> int:
        """Size of the whole object in bytes."""
        return self.groups.size

    @property
    def trusted(self) -> bool:
        """Whether all of it is here, and was verified by this process."""
        return self.groups.complete and self.unchecked.empty

    @property
    def complete(self) -> bool:
        """Whether all of it is here."""
        return self.groups.complete


class Reservation:
    """Bytes of the cache's limit that a fill may still write; use as a context manager, which gives back the rest."""

    def __init__(self, cache: "Cache", size: int) -> None:
        self._cache = cache
        self.left = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.give_back(self.left)
        self.left = 0

    def turn_into_content(self, size: int) -> None:
        """`size` bytes are written now."""
        self.left -= size
        self._cache.store(size)


class Cache:
    """Objects by id, the space they take, and what leaves when there is too little.

    `directory` is the cache's alone; `limit` and `disk_reserve`, what it leaves free of the disk, are in bytes. Used bytes are those of present groups, of reservations, and of unlinked files that are still open somewhere. Call `adopt` before anything else. All
    methods belong to one event loop.
    """

    def __init__(
        self,
        directory: Path,
        policy: CachePolicy,
        index: CacheIndex,
        threads: DiskThreads,
        *,
        limit: int,
        disk_reserve: int = 0,
    ) -> None:
        self.limit = limit
        self._disk_reserve = disk_reserve
        self._directory = directory
        self._policy = policy
        self._index = index
        self._threads = threads
        self._objects: dict[int, CachedObject] = {}
        self._filling: set[CachedObject] = set()
        self._remains = Remains(threads)
        self._content_bytes = 0
        self._reserved_bytes = 0
        self._making_room = asyncio.Lock()
        self._used_since_save: set[int] = set()
        self._on_drop: list[Callable[[CachedObject], Awaitable[None]]] = []

    def __repr__(self) -> str:
        return f"<Cache {len(self._objects)} objects, {self.used} of {self.limit} bytes>"

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[CachedObject]:
        return iter(list(self._objects.values()))

    @property
    def used(self) -> int:
        """Bytes that count against the limit."""
        return self._content_bytes + self._reserved_bytes + self._remains.bytes

    def get(self, object_id: int) -> CachedObject | None:
        """The object's entry, whole or in part; None without one."""
        return self._objects.get(object_id)

    def on_drop(self, call: Callable[[CachedObject], Awaitable[None]]) -> None:
        """Have `call` awaited for each object that leaves, before its file is unlinked."""
        self._on_drop.append(call)

    async def adopt(self) -> None:
        """Take over what an earlier process left: files that the index knows; all else in the directory is removed.

        Groups are present as far as the index knows them to be durable. Raises `CacheIndexFailed`, `CacheUnreadable`.
        """
        await self._threads.run(lambda: self._directory.mkdir(mode=0o700, parents=True, exist_ok=True))
        rows = await self._index.rows()
        found = await self._threads.run(lambda: _scan(self._directory))
        lost: list[tuple[int, str]] = []
        for row in rows:
            path = self._path(row.object_id, row.generation)
            seen = found.pop(path, None)
            groups = _groups_of(row)
            if seen is None or groups is None or seen.size != row.size:
                lost.append((row.object_id, row.generation))
                if seen is not None:
                    found[path] = seen
                continue
            file = ObjectFile(path, row.size, seen.device, seen.inode, self._threads)
            entry = self._objects[row.object_id] = CachedObject(
                row.object_id, row.generation, row.multihash, row.bag, row.media_type, groups, file
            )
            for run in groups.runs():
                entry.unchecked.add(run.first, run.count)
            self._content_bytes += groups.present_bytes
            self._policy.admit(row.object_id, groups.present_bytes, row.standing.last_access_ms, row.standing)
        await self._restore_policy()
        await self._index.remove(lost)
        await self._threads.run(lambda: _unlink(found))
        log.info("cache adopted", objects=len(self._objects), bytes=self.used, lost=len(lost), removed=len(found))
        async with self._making_room:
            # The limit may be lower than it was.
            await self._evict(lambda: self.used > self.limit, self._is_busy)

    async def reserve(self, size: int) -> Reservation:
        """Room for `size` bytes more; others leave for it. Raises `CacheFull` when that cannot be had now."""
        async with self._making_room:
            await self._make_room(size)
            self._reserved_bytes += size
            return Reservation(self, size)

    def give_back(self, size: int) -> None:
        """A reservation ends without being used; called by `Reservation`."""
        self._reserved_bytes -= size

    def store(self, size: int) -> None:
        """Reserved bytes become content; called by `Reservation`."""
        self._reserved_bytes -= size
        self._content_bytes += size

    async def begin(self, object_id: int, size: int, multihash: str, bag: str) -> CachedObject:
        """The object's entry, made if there is none, for a fill to write to; it cannot leave before `end`."""
        entry = self._objects.get(object_id)
        if entry is not None and (entry.size, entry.multihash) != (size, multihash):
            # Of another chain; ids and contents of one chain belong together for ever.
            await self.drop(entry)
            entry = None
        if entry is None:
            entry = await self._make(object_id, size, multihash, bag)
        entry.filling = True
        self._filling.add(entry)
        return entry

    async def _make(self, object_id: int, size: int, multihash: str, bag: str) -> CachedObject:
        generation = secrets.token_hex(8)
        file = await ObjectFile.create(self._path(object_id, generation), size, self._threads)
        entry = CachedObject(object_id, generation, multihash, bag, "", GroupMap(size), file)
        standing = Standing(1, _now_ms())
        await self._index.put(IndexRow(object_id, generation, size, multihash, bag, "", b"", standing))
        self._objects[object_id] = entry
        return entry

    async def take_in(
        self, path: Path, object_id: int, size: int, multihash: str, bag: str, media_type: str, standing: Standing
    ) -> bool:
        """Make a file from outside the cache, which is known to be the whole object, one of its own by rename; nothing leaves for it.

        False, and the file stays, when the object is here already or there is no room. Raises `CacheUnreadable` and `CacheIndexFailed`.
        """
        async with self._making_room:
            if object_id in self._objects or self.used + size > self.limit:
                return False
            generation, groups = secrets.token_hex(8), GroupMap(size)
            groups.add(0, groups.count)
            own = self._path(object_id, generation)
            # The row comes first: one without a file is harmless, while a file without a row would be removed.
            await self._index.put(
                IndexRow(object_id, generation, size, multihash, bag, media_type, groups.to_bytes(), standing)
            )
            stat = await self._threads.run(lambda: _move_in(path, own))
            if object_id in self._objects:
                # A fill was faster.
                await self._threads.run(lambda: _unlink([own]))
                return False
            file = ObjectFile(own, size, stat.st_dev, stat.st_ino, self._threads)
            self._objects[object_id] = CachedObject(object_id, generation, multihash, bag, media_type, groups, file)
            self._content_bytes += size
            self._policy.admit(object_id, size, standing.last_access_ms, standing)
            self._used_since_save.add(object_id)
            return True

    def rank_by_recency(self) -> None:
        """Give the policy all objects anew, the least recently used first, after many were taken in."""
        known = [(entry, standing) for entry in self if (standing := self._policy.standing(entry.object_id))]
        for entry, standing in sorted(known, key=lambda item: item[1].last_access_ms):
            present = entry.groups.present_bytes
            self._policy.admit(entry.object_id, present, standing.last_access_ms, standing)

    async def checkpoint(self, entry: CachedObject) -> None:
        """Make the present groups durable, and remember that they are; only while the entry's file is opened."""
        present, media_type = entry.groups.to_bytes(), entry.media_type
        hashes, entry.unsaved_hashes = entry.unsaved_hashes, []
        await entry.file.sync()
        await self._index.set_present(entry.object_id, entry.generation, present, media_type, _joined(hashes))

    async def hashes(self, entry: CachedObject) -> list[tuple[int, bytes]]:
        """Chaining values of the entry's groups, 32 bytes each, from a first one on. Raises `CacheIndexFailed`."""
        return [*await self._index.hashes(entry.object_id, entry.generation), *entry.unsaved_hashes]

    async def add_hashes(self, entry: CachedObject, first: int, hashes: bytes) -> None:
        """Keep chaining values of groups that are safely on the disk already. Raises `CacheIndexFailed`."""
        present = entry.groups.to_bytes()
        await self._index.set_present(entry.object_id, entry.generation, present, entry.media_type, [(first, hashes)])

    def lose(self, entry: CachedObject, run: GroupRun) -> None:
        """Groups of an entry turned out wrong: they are missing from now on."""
        before = entry.groups.present_bytes
        entry.groups.remove(run.first, run.count)
        entry.unchecked.remove(run.first, run.count)
        if self._objects.get(entry.object_id) is entry:
            self._content_bytes -= before - entry.groups.present_bytes
            self._policy.resize(entry.object_id, entry.groups.present_bytes)

    async def end(self, entry: CachedObject) -> None:
        """A fill of the entry is over: it competes with the others from now on, or goes if nothing came."""
        entry.filling = False
        self._filling.discard(entry)
        present = entry.groups.present_bytes
        if present == 0 and not entry.complete:
            await self.drop(entry)
        elif self._policy.standing(entry.object_id) is None:
            self._policy.admit(entry.object_id, present, _now_ms())
            self._used_since_save.add(entry.object_id)
        else:
            self._policy.resize(entry.object_id, present)

    def use(self, object_id: int, uses: int = 1, at_ms: int | None = None) -> None:
        """The object was read, the last time at `at_ms` (now, when not given), which counts as `uses` uses."""
        if object_id in self._objects:
            now = _now_ms()
            self._policy.use(object_id, min(at_ms or now, now), uses)
            self._used_since_save.add(object_id)

    async def save_standings(self) -> None:
        """Keep over restarts how often and when objects were used, and the state of the policy."""
        changed, self._used_since_save = self._used_since_save, set()
        standings = [(object_id, self._policy.standing(object_id)) for object_id in changed]
        await self._index.save_standings([(object_id, standing) for object_id, standing in standings if standing])
        if changed:
            await self._index.set_setting(POLICY_STATE, self._policy.state())

    async def _restore_policy(self) -> None:
        state = await self._index.setting(POLICY_STATE)
        try:
            if state is not None:
                self._policy.restore(state)
        except ValueError as error:
            # Another policy is configured now; popularity and recency, which all share, are there.
            log.info("the cache policy begins with popularity and recency alone", reason=str(error))

    async def drop(self, entry: CachedObject) -> None:
        """Remove an object that is not being filled. Readers that have it open finish; its bytes count until they have."""
        if entry.filling:
            raise ValueError("the object is being filled")
        if self._objects.get(entry.object_id) is not entry:
            return
        del self._objects[entry.object_id]
        self._policy.forget(entry.object_id)
        try:
            for call in self._on_drop:
                await call(entry)
            await self._index.remove([(entry.object_id, entry.generation)])
        finally:
            # A row without a file is harmless; a file without a row would be too, but its bytes would count for nothing.
            present = entry.groups.present_bytes
            self._content_bytes -= present
            await self._remains.unlink(entry.file, present, entry.lent_until)

    def close(self) -> None:
        """Let go of descriptors."""
        self._remains.close()

    async def _make_room(self, size: int) -> None:
        limit = min(self.limit, self.used + await self._threads.run(self._disk_left))
        fixed = self._reserved_bytes + sum(entry.groups.present_bytes for entry in self._filling)
        if fixed + size > limit:
            # No eviction could help, so nothing is evicted in vain.
            raise CacheFull
        await self._remains.settle()
        await self._evict(lambda: self.used + size > limit, self._is_busy_or_lent)
        # What gateways hold goes last. They are told, and are taken to let go in a moment, so the remains do not count here.
        await self._evict(lambda: self.used - self._remains.bytes + size > limit, self._is_busy)
        await self._settle(lambda: self.used + size > limit)
        if self.used + size > limit and size:
            raise CacheFull

    async def _evict(self, too_much: Callable[[], bool], pinned: Callable[[int], bool]) -> None:
        now_ms = _now_ms()
        while too_much() and (victim := self._policy.victim(now_ms, pinned)) is not None:
            log.info("object evicted", object_id=victim, used=self.used, limit=self.limit)
            EVICTIONS.inc()
            await self.drop(self._objects[victim])

    async def _settle(self, too_much: Callable[[], bool]) -> None:
        pause = FIRST_SETTLE_PAUSE_S
        for _ in range(SETTLE_TRIES):
            if not (too_much() and self._remains):
                break
            # The kernel announces the last close of an unlinked file to nobody, so it is asked a few times.
            await asyncio.sleep(pause)
            pause *= 2
            await self._remains.settle()

    def _disk_left(self) -> int:
        """Bytes that the cache may still take of the disk, beyond what it takes and has reserved."""
        return max(0, shutil.disk_usage(self._directory).free - self._disk_reserve - self._reserved_bytes)

    def _is_busy(self, object_id: int) -> bool:
        entry = self._objects[object_id]
        return entry.filling or entry.file.in_use

    def _is_busy_or_lent(self, object_id: int) -> bool:
        return self._is_busy(object_id) or self._objects[object_id].lent_until > asyncio.get_running_loop().time()

    def _path(self, object_id: int, generation: str) -> Path:
        return self._directory / f"{object_id & 0xFF:02x}" / f"{object_id}-{generation}"


@dataclass(frozen=True, slots=True)
class _Seen:
    size: int
    device: int
    inode: int


def _scan(directory: Path) -> dict[Path, _Seen]:
    found = {}
    for shard in directory.iterdir():
        for path in shard.iterdir() if shard.is_dir() else ():
            stat = path.lstat()
            if S_ISREG(stat.st_mode) and _FILE_NAME.fullmatch(path.name):
                found[path] = _Seen(stat.st_size, stat.st_dev, stat.st_ino)
    return found


def _move_in(path: Path, own: Path) -> os.stat_result:
    own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o600)
    path.rename(own)
    return own.stat()


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _joined(hashes: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Neighbours joined, since blocks of one stream follow each other."""
    joined: list[tuple[int, bytearray]] = []
    for first, values in hashes:
        if joined and first == joined[-1][0] + len(joined[-1][1]) // HASH_BYTES:
            joined[-1][1].extend(values)
        else:
            joined.append((first, bytearray(values)))
    return [(first, bytes(values)) for first, values in joined]


def _groups_of(row: IndexRow) -> GroupMap | None:
    if not 0 <= row.object_id <= HIGHEST_ID:
        return None
    try:
        return GroupMap.from_bytes(row.size, row.present)
    except ValueError:
        return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
