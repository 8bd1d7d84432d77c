"""Making the files of a reference node's cache objects of our cache: each is verified against the chain before that."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from joygrpc.content import SNIFF_BYTES, multihash_of_file
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.cache_json import FlatFile
from joygrpc.distributor.errors import AssetRefused, CacheIndexFailed, DeliveryFailed, FactsUnavailable
from joygrpc.distributor.media_type import media_type_of
from joygrpc.distributor.object_file import DiskThreads

log = structlog.get_logger(__name__)


class _Ending(Exception):
    """Hashing was broken off, as the node ends."""


@dataclass(frozen=True, slots=True)
class Heritage:
    """The files to take over, the threads to hash them on, and what is to be awaited once every one was looked at."""

    files: Sequence[FlatFile]
    threads: DiskThreads
    done: Callable[[], Awaitable[None]]


class Takeover:
    """Takes files over by rename, without copying; what does not fit, match or belong here stays where it is, untouched.

    `judge` gives an object's facts if the node delivers it, `ready` waits until it can. An object that is asked for meanwhile is taken at once; a request
    waits for that no longer than `patience`.
    """

    def __init__(
        self,
        heritage: Heritage,
        cache: Cache,
        *,
        judge: Callable[[int], Awaitable[DirectoryObject]],
        ready: Callable[[], Awaitable[None]],
        patience: timedelta,
    ) -> None:
        self._left = {file.object_id: file for file in heritage.files}
        self._cache = cache
        self._threads = heritage.threads
        self._judge = judge
        self._ready = ready
        self._done = heritage.done
        self._patience = patience
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[int, asyncio.Task[None]] = {}
        self._ending = False
        self._taken = 0
        self._undecided = 0

    def __repr__(self) -> str:
        return f"<Takeover {len(self._left)} files left, {self._taken} taken>"

    async def run(self) -> None:
        """Take over all files, the most recently used first; ends at once if there is none. On cancellation, the rest is taken after the next start."""
        if not self._left:
            return
        total = len(self._left)
        log.info("taking over the cache of a reference node", files=total)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._ready()
                while self._left:
                    await asyncio.wait([self._start(next(iter(self._left)))])
        finally:
            self._ending = True
            self._tasks = None
        self._cache.rank_by_recency()
        log.info("cache of a reference node taken over", taken=self._taken, stayed=total - self._taken)
        if not self._undecided:
            await self._done()

    async def claim(self, object_id: int) -> None:
        """If the object is in a file that was not looked at yet, take that over now, within the patience."""
        if self._tasks is None or object_id not in self._left:
            return
        await asyncio.wait([self._start(object_id)], timeout=self._patience.total_seconds())

    def _start(self, object_id: int) -> "asyncio.Task[None]":
        task = self._running.get(object_id)
        if task is None:
            assert self._tasks is not None
            task = self._tasks.create_task(self._take(self._left[object_id]), name=f"take over {object_id}")
            self._running[object_id] = task
        return task

    async def _take(self, file: FlatFile) -> None:
        try:
            wanted = await self._judge(file.object_id)
            if wanted.size != file.size:
                log.info("file of a reference node stays: another size", object_id=file.object_id)
                return
            multihash, media_type = await self._threads.run(lambda: self._look(file.path, wanted))
            if multihash != wanted.multihash:
                log.warning("file of a reference node stays: its content is wrong", object_id=file.object_id)
                return
            facts = (wanted.object_id, wanted.size, wanted.multihash, str(wanted.bag_id), media_type)
            if await self._cache.take_in(file.path, *facts, file.standing):
                self._taken += 1
        except AssetRefused as refusal:
            log.debug("file of a reference node stays", object_id=file.object_id, reason=refusal.reason)
        except FactsUnavailable:
            self._undecided += 1
        except (DeliveryFailed, CacheIndexFailed) as error:
            log.warning(
                "file of a reference node stays", object_id=file.object_id, reason=str(error.__cause__ or error)
            )
        except _Ending:
            self._undecided += 1
        finally:
            del self._left[file.object_id]
            del self._running[file.object_id]

    def _look(self, path: Path, wanted: DirectoryObject) -> tuple[str, str]:
        """Multihash and media type of a file; blocks. Raises OSError, `_Ending`."""

        def go_on(_: int) -> None:
            if self._ending:
                raise _Ending

        with path.open("rb") as file:
            head = file.read(SNIFF_BYTES)
        return multihash_of_file(path, go_on), media_type_of(head, wanted.fallback_media_type)
