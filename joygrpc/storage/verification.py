"""Comparing objects with their multihash: those that were taken over, and those whose tree is missing."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field

import structlog

from joygrpc.content import GROUP_SIZE, SNIFF_BYTES, TreeBuilder
from joygrpc.mesh import MAX_DATA_BYTES
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.disk_writer import content_of
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.metrics import VERIFIED
from joygrpc.storage.objects import KeptObject, ObjectState, QuarantineReason, present
from joygrpc.storage.parallel import despite_cancellation
from joygrpc.storage.store import Content, ObjectMissing, ObjectReader, ObjectStore

log = structlog.get_logger(__name__)

Revoke = Callable[[Collection[int]], Awaitable[None]]
"""Ends the leases of objects that are not served any more."""

SMALL_BYTES = 16 << 20
"""An unverified object up to this size is hashed whole before its first byte leaves."""

_AT_ONCE = 2
"""Objects that are hashed at a time for readers who wait."""


@dataclass(slots=True)
class _Turn:
    """Those who want the same object verified."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Verifier:
    """Reads an object whole and says in the index what it found. `to_accept` is called when an object became pending by it."""

    def __init__(
        self, *, store: ObjectStore, index: ObjectIndex, revoke: Revoke, to_accept: Callable[[], None] = lambda: None
    ) -> None:
        self._store, self._index = store, index
        self._revoke, self._to_accept = revoke, to_accept
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._turns: dict[int, _Turn] = {}

    def __repr__(self) -> str:
        return f"<Verifier running={len(self._turns)}>"

    async def ensure(self, object_id: int) -> KeptObject:
        """The object once it is verified, by whoever came first. Raises `ObjectMissing` when it is not served, or turns out rotten."""
        async with self._turn(object_id):
            kept = await self._index.get(object_id)
            if kept is not None and kept.state is ObjectState.UNVERIFIED:
                async with self._gate:
                    kept = await self.verify(kept)
        if kept is None or not kept.served:
            raise ObjectMissing("File not found.")
        return kept

    @contextlib.asynccontextmanager
    async def _turn(self, object_id: int) -> AsyncIterator[None]:
        turn = self._turns.setdefault(object_id, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[object_id]

    async def verify(self, kept: KeptObject) -> KeptObject | None:
        """Hashes the object and concludes; its entry afterwards. Raises `ObjectMissing`."""
        return await self.conclude(kept, await self._store.examine(kept.object_id))

    async def conclude(self, kept: KeptObject, content: Content) -> KeptObject | None:
        """Takes note of what the object's bytes are: its tree is kept, or it goes into quarantine. Completes even when it is cancelled."""
        return await despite_cancellation(self._conclude(kept, content))

    async def _conclude(self, kept: KeptObject, content: Content) -> KeptObject | None:
        object_id = kept.object_id
        if (content.size, content.multihash) != (kept.size, kept.multihash):
            VERIFIED.labels("rotten").inc()
            log.error("object is rotten", object_id=object_id, state=kept.state.value)
            await self._index.quarantine([object_id], QuarantineReason.ROTTEN)
            await self._revoke([object_id])
        else:
            VERIFIED.labels("good").inc()
            await self._store.put_tree(object_id, content.tree)
            await self._index.verified(object_id, content.media_type, present())
        after = await self._index.get(object_id)
        if after is not None and after.state is ObjectState.PENDING and kept.state is ObjectState.UNVERIFIED:
            self._to_accept()
        return after


async def hashed_stream(kept: KeptObject, reader: ObjectReader, verifier: Verifier) -> AsyncGenerator[bytes, None]:
    """All bytes of an unverified object, hashed while they leave; the last group is held back until the hash is known to be right.

    Raises `ObjectMissing` instead of the end when the object is rotten: no wrong answer is ever complete.
    """
    builder = TreeBuilder()
    head = b""
    held: deque[bytes] = deque()
    held_size = 0
    while builder.size < kept.size:
        data = await reader.read(builder.size, min(MAX_DATA_BYTES, kept.size - builder.size))
        if not data:
            raise ObjectMissing("File not found.")
        head = head or data[:SNIFF_BYTES]
        await asyncio.to_thread(builder.update, data)
        held.append(data)
        held_size += len(data)
        while held_size - len(held[0]) >= GROUP_SIZE:
            held_size -= len(held[0])
            yield held.popleft()
    content = await asyncio.to_thread(lambda: content_of(builder.finish(), head))
    after = await verifier.conclude(kept, content)
    if after is None or not after.served:
        raise ObjectMissing("File not found.")
    while held:
        yield held.popleft()


class TreeService:
    """Verifies the objects that were taken over, those that wait for acceptance first, and makes missing trees on the way."""

    def __init__(self, *, index: ObjectIndex, claims: Claims, verifier: Verifier) -> None:
        self._index, self._claims, self._verifier = index, claims, verifier

    async def run_once(self) -> None:
        """Goes through all objects without tree, one at a time."""
        after = -1
        while object_ids := await self._index.unverified_to_accept(after=after):
            after = object_ids[-1]
            for object_id in object_ids:
                await self._make(object_id)
        after = -1
        while page := await self._index.without_tree(after=after):
            after = page[-1].object_id
            for kept in page:
                await self._make(kept.object_id)

    async def _make(self, object_id: int) -> None:
        with contextlib.suppress(UploadInProgress, ObjectMissing), self._claims.hold(object_id):
            kept = await self._index.get(object_id)
            if kept is not None and kept.served and not kept.has_tree:
                await self._verifier.verify(kept)
