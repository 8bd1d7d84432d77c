"""Getting one object from its peers: going on with another peer where one broke off, each group verified as soon as any peer has the tree."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import structlog

from joygrpc.content import GROUP_SIZE, TreeSlice, verify_group
from joygrpc.directory.facts import DirectoryObject
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.metrics import SYNC_BYTES, SYNC_DOWNLOADS
from joygrpc.storage.peer_health import PeerHealth
from joygrpc.storage.peer_sources import PeerSource, SourceFailed, SourceProblem
from joygrpc.storage.store import Content, ObjectStore, ObjectWriter
from joygrpc.storage.windows import Window, WindowQueue, windows_from

log = structlog.get_logger(__name__)

WINDOW_BYTES = 8 << 20
"""Bytes that are asked for, and proven, at a time when a peer has the tree. Objects up to this size are asked for whole, without proof."""
_SHARED_FROM_BYTES = 64 << 20
"""From this size on several peers send parts at the same time."""
_SHARED_SOURCES = 3
_SHARED_OBJECTS = 4
"""Objects that are fetched so at a time: each holds up to one window for each source and one more in memory."""
_FAILURES = 3
"""How often a peer may break off after it gave something, before it is given up for this object."""
_BREAKS = frozenset(
    {
        SourceProblem.STALLED,
        SourceProblem.BROKEN,
        SourceProblem.TRUNCATED,
        SourceProblem.SLOW,
        # What a stream ends with whose peer dies, or is started anew.
        SourceProblem.UNREACHABLE,
    }
)
"""Ends of an answer that say nothing against the bytes before."""


class NoSource(JoygrpcError):
    """No peer gave the object."""

    reason = "NO_SOURCE"


class Transfers:
    """Downloads objects into the store's writers. `limit` is the longest time for one request to a peer, if there is any."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        health: PeerHealth,
        bandwidth: Bandwidth,
        limit: timedelta | None = None,
        window: int = WINDOW_BYTES,
        shared_from: int = _SHARED_FROM_BYTES,
    ) -> None:
        self._store, self._health, self._bandwidth = store, health, bandwidth
        self._limit = limit
        self._window, self._shared_from = window, shared_from
        self._shared = 0

    @asynccontextmanager
    async def fetched(
        self, wanted: DirectoryObject, sources: Sequence[PeerSource]
    ) -> AsyncIterator[tuple[ObjectWriter, Content]]:
        """The object, verified and whole, in a writer that the caller commits; what is not committed is discarded.

        Raises `NoSource` when no peer gave it, `DiskFull` and `StoreFailed`.
        """
        plans = [list(sources)]
        while plans:
            plan = plans.pop(0)
            writer = await self._store.create(wanted.object_id, wanted.size)
            attempt = _Attempt(wanted, writer, plan)
            try:
                await self._fill(attempt)
                content = await writer.finish()
                if (content.size, content.multihash) == (wanted.size, wanted.multihash):
                    yield writer, content
                    return
            except NoSource:
                if not plans:
                    raise
                continue
            finally:
                await writer.discard()
            # With proofs this cannot be; so those are to blame whose bytes nobody could check. Of several, each is tried alone.
            others = [source for source in plan if source not in attempt.unproven]
            if len(attempt.unproven) == 1:
                wrong = SourceFailed("The bytes are not the object's", SourceProblem.WRONG_BYTES)
                self._fail(wanted, attempt.unproven[0], wrong)
                plans[:0] = [others]
            else:
                plans[:0] = [others, *([source] for source in attempt.unproven)]
        raise NoSource(f"No peer gave data object {wanted.object_id}")

    async def _fill(self, attempt: "_Attempt") -> None:
        while not attempt.complete:
            source = attempt.next_source()
            if source is None:
                raise NoSource(f"No peer gave data object {attempt.wanted.object_id}")
            before = attempt.writer.size
            proven = attempt.wanted.size > self._window and source not in attempt.treeless and source.kind == "grpc"
            try:
                if proven and len(shared := self._to_share(attempt)) > 1:
                    await self._share(attempt, shared)
                elif proven:
                    await self._one_by_one(attempt, source)
                else:
                    await self._unproven(attempt, source)
            except SourceFailed as error:
                if error.problem is SourceProblem.NO_TREE and proven:
                    attempt.treeless.add(source)
                    continue
                self._fail(attempt.wanted, source, error)
                attempt.failed(source, error.problem, progressed=attempt.writer.size > before)
            else:
                attempt.answered = True

    def _to_share(self, attempt: "_Attempt") -> list[PeerSource]:
        """Sources that shall send the rest together; none when it is not worth while."""
        left = attempt.wanted.size - attempt.writer.size
        if left < self._shared_from or self._shared >= _SHARED_OBJECTS:
            return []
        return self._health.ranked(attempt.with_trees())[:_SHARED_SOURCES]

    async def _one_by_one(self, attempt: "_Attempt", source: PeerSource) -> None:
        for window in windows_from(attempt.writer.size, attempt.wanted.size, self._window):
            async with (
                self._measured(source, window.length),
                aclosing(self._proven_groups(attempt.wanted, source, window)) as groups,
            ):
                async for group in groups:
                    await attempt.writer.write(group)

    async def _share(self, attempt: "_Attempt", sources: Sequence[PeerSource]) -> None:
        """Several peers send windows at once, which are written in order. A peer that fails is left out; the rest is got in other ways."""
        queue = WindowQueue(windows_from(attempt.writer.size, attempt.wanted.size, self._window))

        async def work(source: PeerSource) -> None:
            try:
                while (window := await queue.take(len(sources) + 1)) is not None:
                    try:
                        queue.done(window, await self._proven_window(attempt.wanted, source, window))
                    except BaseException:
                        queue.give_back(window)
                        raise
            except SourceFailed as error:
                if error.problem is SourceProblem.NO_TREE:
                    attempt.treeless.add(source)
                else:
                    self._fail(attempt.wanted, source, error)
                    attempt.failed(source, error.problem, progressed=False)
            finally:
                queue.leave()

        self._shared += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                for source in sources:
                    queue.join()
                    tasks.create_task(work(source))
                async with aclosing(queue.in_order()) as groups:
                    async for data in groups:
                        await attempt.writer.write(data)
        except BaseExceptionGroup as failures:
            first: BaseException = failures
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from None
        finally:
            self._shared -= 1

    async def _proven_window(self, wanted: DirectoryObject, source: PeerSource, window: Window) -> list[bytes]:
        async with (
            self._measured(source, window.length),
            aclosing(self._proven_groups(wanted, source, window)) as groups,
        ):
            return [group async for group in groups]

    async def _proven_groups(
        self, wanted: DirectoryObject, source: PeerSource, window: Window
    ) -> AsyncGenerator[bytes, None]:
        tree = await source.prove(wanted, window.offset, window.length)
        index = window.offset // GROUP_SIZE
        async with aclosing(self._groups(wanted, source, window)) as groups:
            async for group in groups:
                if not await asyncio.to_thread(_is_group, tree, index, group):
                    raise SourceFailed(f"Group {index} is not the object's", SourceProblem.WRONG_BYTES)
                yield group
                index += 1

    async def _unproven(self, attempt: "_Attempt", source: PeerSource) -> None:
        window = Window(attempt.writer.size, attempt.wanted.size - attempt.writer.size)
        async with (
            self._measured(source, window.length),
            aclosing(self._groups(attempt.wanted, source, window)) as groups,
        ):
            async for group in groups:
                if source not in attempt.unproven:
                    attempt.unproven.append(source)
                await attempt.writer.write(group)

    async def _groups(self, wanted: DirectoryObject, source: PeerSource, window: Window) -> AsyncGenerator[bytes, None]:
        """The window in whole groups (the object's last one may be shorter): what goes to the writer always ends where a group does."""
        pending = bytearray()
        async with aclosing(source.read(wanted, window.offset, window.length)) as chunks:
            async for data in chunks:
                SYNC_BYTES.labels(source.kind).inc(len(data))
                pending += data
                while len(pending) >= GROUP_SIZE:
                    yield bytes(pending[:GROUP_SIZE])
                    del pending[:GROUP_SIZE]
                await self._bandwidth.spend(len(data))
        if pending:
            yield bytes(pending)

    @asynccontextmanager
    async def _measured(self, source: PeerSource, size: int) -> AsyncIterator[None]:
        started = time.monotonic()
        limit = self._limit.total_seconds() if self._limit is not None else None
        with self._health.busy(source):
            try:
                async with asyncio.timeout(limit):
                    yield
            except TimeoutError:
                raise SourceFailed("The peer is too slow", SourceProblem.SLOW) from None
        self._health.delivered(source, size, time.monotonic() - started)
        SYNC_DOWNLOADS.labels(source.kind, "OK").inc()

    def _fail(self, wanted: DirectoryObject, source: PeerSource, error: SourceFailed) -> None:
        self._health.failed(source, error.problem)
        SYNC_DOWNLOADS.labels(source.kind, error.problem.value).inc()
        log.warning(
            "source failed",
            object_id=wanted.object_id,
            source=source,
            problem=error.problem.value,
            message=error.message,
        )


class _Attempt:
    """One writer's worth of trying: which sources are left, and whose bytes nobody could check."""

    def __init__(self, wanted: DirectoryObject, writer: ObjectWriter, sources: Sequence[PeerSource]) -> None:
        self.wanted, self.writer = wanted, writer
        self.treeless: set[PeerSource] = set()
        self.unproven: list[PeerSource] = []
        self._left = list(sources)
        self._failures: Counter[PeerSource] = Counter()
        self.answered = wanted.size > 0

    @property
    def complete(self) -> bool:
        """Whether all bytes are there; an object of none takes one answer all the same."""
        return self.answered and self.writer.size == self.wanted.size

    def next_source(self) -> PeerSource | None:
        """The best one that is left."""
        return self._left[0] if self._left else None

    def with_trees(self) -> list[PeerSource]:
        """Those left that may prove what they send."""
        return [source for source in self._left if source.kind == "grpc" and source not in self.treeless]

    def failed(self, source: PeerSource, problem: SourceProblem, *, progressed: bool) -> None:
        """It broke off: it goes behind the others if it gave something, a few times; else it is not asked again."""
        if source not in self._left:
            return
        self._left.remove(source)
        self._failures[source] += 1
        if progressed and problem in _BREAKS and self._failures[source] < _FAILURES:
            self._left.append(source)


def _is_group(tree: TreeSlice, index: int, group: bytes) -> bool:
    return index in tree.groups and verify_group(index, group, tree)
