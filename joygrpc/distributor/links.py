"""All ways to ask peers behind one door, which keeps the number of connections within bounds and writes down how peers do."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import structlog

from joygrpc.content import TreeSlice
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.distributor.grpc_source import GrpcSource
from joygrpc.distributor.metrics import SOURCE_BYTES
from joygrpc.distributor.rest_source import RestSource
from joygrpc.distributor.sources import PeerBook, Source, SourceError, SourceProblem, Transport

log = structlog.get_logger(__name__)

LONGEST_WAIT = timedelta(seconds=10)


class PeerLinks:
    """Asks peers. Every method raises `SourceError`, and has noted it in the book.

    At most `most` requests run at a time, and at most `most_per_peer` to one endpoint; further ones wait for `longest_wait`.
    """

    def __init__(
        self,
        book: PeerBook,
        grpc_source: GrpcSource,
        rest_source: RestSource,
        *,
        most: int,
        most_per_peer: int,
        longest_wait: timedelta = LONGEST_WAIT,
    ) -> None:
        self.book = book
        self._grpc = grpc_source
        self._rest = rest_source
        self._most = most
        self._most_per_peer = most_per_peer
        self._longest_wait_s = longest_wait.total_seconds()
        self._open: Counter[str] = Counter()
        self._freed = asyncio.Condition()

    def __repr__(self) -> str:
        return f"<PeerLinks {self._open.total()} of {self._most} connections>"

    def ranked(self, peers: tuple[StoragePeer, ...], object_id: int | None = None) -> list[Source]:
        """Ways to ask the peers, the best first; without those that said a moment ago that they do not have the object."""
        return self.book.ranked(peers, time.monotonic(), object_id)

    async def tree(self, source: Source, wanted: DirectoryObject, offset: int, length: int) -> TreeSlice:
        """The verified tree of a byte range, from a source on the mesh."""
        async with self._connection(source, wanted.object_id):
            started = time.monotonic()
            tree = await self._grpc.tree(source.peer, wanted, offset, length)
            self.book.answered(source.peer.endpoint, time.monotonic() - started)
            return tree

    async def read(
        self,
        source: Source,
        wanted: DirectoryObject,
        offset: int,
        length: int,
        *,
        begun: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a range, not verified; an error after the last byte when they are fewer. `begun` is called when the source is asked."""
        received = SOURCE_BYTES.labels(source.peer.endpoint, source.transport.value)
        asked = self._grpc if source.transport is Transport.GRPC else self._rest
        async with self._connection(source, wanted.object_id):
            begun()
            async with aclosing(asked.read(source.peer, wanted, offset, length)) as pieces:
                async for data in pieces:
                    received.inc(len(data))
                    yield data

    async def probe(self, peer: StoragePeer, timeout: timedelta) -> bool:
        """Measure how fast a peer answers; False when it does not."""
        transport = Transport.REST if peer.grpc_target is None else Transport.GRPC
        for source in dict.fromkeys((Source(peer, transport), Source(peer, Transport.REST))):
            asked = self._grpc if source.transport is Transport.GRPC else self._rest
            try:
                async with self._connection(source):
                    started = time.monotonic()
                    await asked.probe(peer, timeout)
            except SourceError:
                continue
            self.book.answered(peer.endpoint, time.monotonic() - started)
            return True
        self.book.missed_probe(peer.endpoint)
        return False

    def blame(self, source: Source, problem: SourceProblem, detail: str) -> SourceError:
        """Note what a source did that only its caller could see; gives the error to raise."""
        self._note(source, problem, detail)
        return SourceError(problem, detail)

    def _note(self, source: Source, problem: SourceProblem, detail: str) -> None:
        level = log.warning if problem is SourceProblem.LIED else log.info
        level(
            "source failed",
            peer=source.peer.endpoint,
            transport=source.transport.value,
            problem=problem.value,
            detail=detail,
        )
        self.book.failed(source.peer.endpoint, problem, time.monotonic())

    @asynccontextmanager
    async def _connection(self, source: Source, object_id: int | None = None) -> AsyncIterator[None]:
        endpoint = source.peer.endpoint
        try:
            async with asyncio.timeout(self._longest_wait_s), self._freed:
                await self._freed.wait_for(
                    lambda: self._open.total() < self._most and self._open[endpoint] < self._most_per_peer
                )
                self._open[endpoint] += 1
        except TimeoutError:
            raise SourceError(SourceProblem.BUSY, "no connection became free in time") from None
        try:
            yield
        except SourceError as error:
            if error.problem is SourceProblem.ABSENT and object_id is not None:
                self.book.lacks(endpoint, object_id, time.monotonic())
            self._note(source, error.problem, str(error))
            raise
        finally:
            self._open[endpoint] -= 1
            if not self._open[endpoint]:
                del self._open[endpoint]
            async with self._freed:
                self._freed.notify_all()
