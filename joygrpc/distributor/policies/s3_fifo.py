"""S3-FIFO: a small queue on probation, a main queue, and the memory of what left the small one."""

from collections import OrderedDict
from dataclasses import dataclass

from joygrpc.distributor.policies.policy import Pinned, Standing
from joygrpc.distributor.policies.saved import read_ids, read_state, write_ids, write_state

NAME = "s3_fifo"

SMALL_TENTHS = 1
"""Tenths of the held bytes that the small queue may take before it gives; the main queue has the rest."""
GHOST_TENTHS = 9
"""Tenths of the held bytes that the remembered objects had at most."""
MOST_GHOSTS = 1 << 18
"""Bounds the memory that small objects take which are only remembered."""

PROMOTING = 2
"""Uses in the small queue that bring an object into the main one."""
HIGHEST_FREQUENCY = 3


@dataclass(slots=True)
class _Entry:
    size: int
    frequency: int
    popularity: int
    last_access_ms: int


class _Queue(OrderedDict[int, _Entry]):
    """Objects in the order in which they came, and the bytes that they take."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def push(self, object_id: int, entry: _Entry) -> None:
        self[object_id] = entry
        self.bytes += entry.size

    def take(self, object_id: int) -> _Entry | None:
        entry = self.pop(object_id, None)
        if entry is not None:
            self.bytes -= entry.size
        return entry


class S3Fifo:
    """S3-FIFO (Yang et al., SOSP 2023), for objects of any size.

    A new object enters the small queue. At its head, one that was used twice moves to the main queue and any other leaves; should that one come back
    soon, it enters the main queue at once. At the head of the main queue, an object that was used goes round again with one use less, up to 3 times.

    The queues' shares are of the bytes that are held, not of a configured limit: in a full cache they are the same, and a disk that is fuller
    than the limit expected needs no attention.
    """

    def __init__(self) -> None:
        self._small = _Queue()
        self._main = _Queue()
        self._ghosts: OrderedDict[int, int] = OrderedDict()
        self._ghost_bytes = 0

    def __repr__(self) -> str:
        return f"<S3Fifo {len(self._small)} small, {len(self._main)} main, {len(self._ghosts)} remembered>"

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    @property
    def bytes(self) -> int:
        """Bytes of all objects."""
        return self._small.bytes + self._main.bytes

    def admit(self, object_id: int, size: int, now_ms: int, standing: Standing | None = None) -> None:
        """Take in an object of `size` bytes; one that is remembered, or was used twice before, comes into the main queue."""
        self.withdraw(object_id)
        came_back = self._forget_ghost(object_id)
        standing = standing or Standing(1, now_ms)
        queue = self._main if came_back or standing.popularity > PROMOTING else self._small
        queue.push(object_id, _Entry(size, 0, max(1, standing.popularity), standing.last_access_ms))
        # Only now, with the newcomer counted: before, room was made for it, and the held bytes were few.
        while self._ghost_bytes * 10 > self.bytes * GHOST_TENTHS:
            self._forget_oldest_ghost()

    def resize(self, object_id: int, size: int) -> None:
        """The object takes another number of bytes now; it keeps its place."""
        queue = self._queue_of(object_id)
        if queue is not None:
            queue.bytes += size - queue[object_id].size
            queue[object_id].size = size

    def use(self, object_id: int, now_ms: int, uses: int = 1) -> None:
        """The object was read, which counts as `uses` uses; 0 renews its recency alone. Unknown objects are ignored."""
        queue = self._queue_of(object_id)
        if queue is not None:
            entry = queue[object_id]
            entry.frequency = min(HIGHEST_FREQUENCY, entry.frequency + uses)
            entry.popularity += uses
            entry.last_access_ms = max(entry.last_access_ms, now_ms)

    def forget(self, object_id: int) -> None:
        """The object left the cache; it is remembered if it left the small queue. Unknown objects are ignored."""
        entry = self._small.take(object_id)
        if entry is None:
            self._main.take(object_id)
            return
        # An empty object must count for something, or there would be no end of them.
        self._ghosts[object_id] = max(1, entry.size)
        self._ghost_bytes += max(1, entry.size)
        while len(self._ghosts) > MOST_GHOSTS:
            self._forget_oldest_ghost()

    def withdraw(self, object_id: int) -> Standing | None:
        """Let an object go without remembering it; gives its standing, None when it is unknown."""
        entry = self._small.take(object_id) or self._main.take(object_id)
        return None if entry is None else Standing(entry.popularity, entry.last_access_ms)

    def victim(self, now_ms: int, pinned: Pinned) -> int | None:
        """The object that shall leave next, of those that are not pinned; None when there is none."""
        found = None
        if self._small.bytes * 10 >= self.bytes * SMALL_TENTHS:
            found = self._small_victim(pinned)
        if found is None:
            found = self._main_victim(pinned)
        return self._small_victim(pinned) if found is None else found

    def standing(self, object_id: int) -> Standing | None:
        """How the object stands; None when it is unknown."""
        queue = self._queue_of(object_id)
        return None if queue is None else Standing(queue[object_id].popularity, queue[object_id].last_access_ms)

    def state(self) -> str:
        """Both queues in order, with frequencies, and what is remembered."""
        return write_state(
            NAME,
            small=write_ids(self._small),
            small_frequencies=_digits(self._small),
            main=write_ids(self._main),
            main_frequencies=_digits(self._main),
            ghosts=write_ids(self._ghosts),
            ghost_sizes=write_ids(self._ghosts.values()),
        )

    def restore(self, state: str) -> None:
        """Put objects in their old queues and order, those that are new behind them. Raises ValueError."""
        self.take_up(read_queues(state))

    def take_up(self, queues: "SavedQueues") -> None:
        """`restore`, with the state read already."""
        for queue, before in ((self._small, queues.small), (self._main, queues.main)):
            self._reorder(queue, before)
        self._ghosts = OrderedDict(
            (object_id, size) for object_id, size in queues.ghosts.items() if self._queue_of(object_id) is None
        )
        self._ghost_bytes = sum(self._ghosts.values())

    def _reorder(self, queue: _Queue, before: dict[int, int]) -> None:
        """Put the objects of `before`, a queue's ids with their frequencies, at the front of it."""
        for object_id, frequency in reversed(before.items()):
            holding = self._queue_of(object_id)
            if holding is None:
                continue
            entry = holding.take(object_id)
            assert entry is not None
            entry.frequency = min(HIGHEST_FREQUENCY, frequency)
            queue.push(object_id, entry)
            queue.move_to_end(object_id, last=False)

    def _small_victim(self, pinned: Pinned) -> int | None:
        promoted: list[int] = []
        found = None
        for object_id, entry in self._small.items():
            if pinned(object_id):
                continue
            if entry.frequency < PROMOTING:
                found = object_id
                break
            promoted.append(object_id)
        for object_id in promoted:
            entry = self._small.pop(object_id)
            self._small.bytes -= entry.size
            entry.frequency = 0
            self._main.push(object_id, entry)
        return found

    def _main_victim(self, pinned: Pinned) -> int | None:
        while True:
            again: list[int] = []
            found = None
            for object_id, entry in self._main.items():
                if pinned(object_id):
                    continue
                if entry.frequency == 0:
                    found = object_id
                    break
                again.append(object_id)
            for object_id in again:
                self._main[object_id].frequency -= 1
                self._main.move_to_end(object_id)
            if found is not None or not again:
                return found

    def _queue_of(self, object_id: int) -> _Queue | None:
        if object_id in self._small:
            return self._small
        return self._main if object_id in self._main else None

    def _forget_ghost(self, object_id: int) -> bool:
        size = self._ghosts.pop(object_id, None)
        self._ghost_bytes -= size or 0
        return size is not None

    def _forget_oldest_ghost(self) -> None:
        _, size = self._ghosts.popitem(last=False)
        self._ghost_bytes -= size


@dataclass(frozen=True, slots=True)
class SavedQueues:
    """A saved state: ids in order with their frequencies, and with their sizes those that are only remembered."""

    small: dict[int, int]
    main: dict[int, int]
    ghosts: dict[int, int]


def read_queues(state: str) -> SavedQueues:
    """What `S3Fifo.state` wrote. Raises ValueError."""
    parts = read_state(state, NAME)
    ghosts = zip(read_ids(parts.get("ghosts", "")), read_ids(parts.get("ghost_sizes", "")), strict=True)
    return SavedQueues(
        small=_numbered(parts.get("small", ""), parts.get("small_frequencies", "")),
        main=_numbered(parts.get("main", ""), parts.get("main_frequencies", "")),
        ghosts=dict(ghosts),
    )


def _digits(queue: _Queue) -> str:
    return "".join(str(entry.frequency) for entry in queue.values())


def _numbered(ids: str, digits: str) -> dict[int, int]:
    return dict(zip(read_ids(ids), map(int, digits), strict=True))
