"""One running fill: what is verified so far, who waits for what, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from joygrpc.content import GROUP_SIZE, SNIFF_BYTES
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.cache import CachedObject
from joygrpc.distributor.demands import Demand
from joygrpc.distributor.errors import DeliveryFailed
from joygrpc.distributor.fetch import Claim
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.media_type import media_type_of
from joygrpc.distributor.progress import Signal

EXPECTED_WITHIN_S = 1.0


class Fill:
    """The fill of one object, shared by all who want some of it.

    `entry` is None until the fill has its place in the cache. `error` is set when it ended early.
    """

    def __init__(self, wanted: DirectoryObject, start: GroupRun, *, short: bool, rest: bool) -> None:
        self.wanted = wanted
        self.start = start
        """What it was begun for."""
        self.rest = rest
        """Whether the whole object is wanted in the end."""
        self.entry: CachedObject | None = None
        self.begun = False
        """Whether it has got its place among the running ones."""
        self.error: DeliveryFailed | None = None
        self.failing: DeliveryFailed | None = None
        """Why nothing is begun any more; streams that still run may go on."""
        self.finished = False
        self.media_type = ""
        """Empty until the first bytes are known."""
        self.epoch = 0
        """Counts how often bytes that nobody vouched for were taken back."""
        self.unproven_bytes = 0
        """Bytes from the start that lie in the file and whose right hash is not known yet, when the sources have no tree."""
        self.received = 0
        """Bytes that came so far, right or wrong; tells progress from standstill."""
        self.claims: list[Claim] = []
        """What streams are bringing now."""
        self.short_left_at = 0.0
        """When the last reader of a few groups left."""
        self.expecting_until = 0.0
        """Up to when a reader of a few groups, who was announced, may come."""
        self.progress = Signal()
        """For readers: bytes came, or the fill ended."""
        self.wishes = Signal()
        """For the fill: what is wanted changed."""
        self._demands: dict[int, Demand] = {}
        self._tickets = 0
        self._head = bytearray()
        if start.count:
            self._add(Demand(start, start.end, short=short))

    def __repr__(self) -> str:
        state = "waiting" if self.entry is None else repr(self.entry.groups)
        if self.finished:
            state = f"failed {self.error.reason}" if self.error else "ended"
        return f"<Fill {self.wanted.object_id} {state}, {len(self._demands)} demands, {self.claims}>"

    def demands(self) -> list[Demand]:
        """What is wanted now."""
        return list(self._demands.values())

    @contextmanager
    def demanding(self, demand: Demand) -> Iterator[None]:
        """Have groups brought before others for the length of a `with` block."""
        ticket = self._add(demand)
        self.wishes.notify()
        try:
            yield
        finally:
            del self._demands[ticket]
            if demand.short:
                self.short_left_at = monotonic()
                self.expecting_until = 0.0
            self.wishes.notify()

    def leave(self, run: GroupRun) -> None:
        """Have groups brought for a reader who is likely to come."""
        if run.count > 0:
            self._add(Demand(GroupRun(run.first, 0), run.end))
            self.wishes.notify()

    def expect(self) -> None:
        """A reader of a few groups will come in a moment."""
        self.expecting_until = monotonic() + EXPECTED_WITHIN_S

    def want_rest(self) -> None:
        """The whole object is wanted in the end."""
        if not self.rest:
            self.rest = True
            self.wishes.notify()

    def settle_demands(self) -> None:
        """Forget what nobody in particular waits for and is here now."""
        assert self.entry is not None
        groups = self.entry.groups
        for ticket, demand in list(self._demands.items()):
            run = GroupRun(demand.needed.first, demand.ahead_end - demand.needed.first)
            if demand.moved_at == 0.0 and not groups.missing_runs(run):
                del self._demands[ticket]
                if demand.short:
                    self.short_left_at = monotonic()

    def hopeless(self, group: int) -> bool:
        """Whether a missing group will not come any more."""
        return self.failing is not None and not any(claim.next <= group < claim.end for claim in self.claims)

    def _add(self, demand: Demand) -> int:
        self._tickets += 1
        self._demands[self._tickets] = demand
        return self._tickets

    def attach(self, entry: CachedObject) -> None:
        """The fill has its place in the cache."""
        self.entry = entry
        self.media_type = entry.media_type
        self.progress.notify()

    def verified(self, run: GroupRun, data: bytes, hashes: bytes) -> None:
        """Groups with these chaining values are right and lie in the file."""
        assert self.entry is not None
        self.entry.groups.add(run.first, run.count)
        self.entry.unsaved_hashes.append((run.first, hashes))
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

    def proven(self, hashes: bytes) -> None:
        """The whole hash is right, so all that was unproven is verified; `hashes` are the chaining values of all groups."""
        assert self.entry is not None
        self.entry.unsaved_hashes.append((0, hashes))
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
