"""Which storage nodes can deliver an object, and how well each of them did so far."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from joygrpc.directory.facts import StoragePeer
from joygrpc.distributor.metrics import SOURCE_FAILURES, VERIFICATION_FAILURES

SMOOTHING = 0.3
"""Weight of a new measurement in a moving average."""

SAMPLE_BYTES = 1 << 20
"""Peers are compared by the time that they need for so many bytes."""

DEAD_AFTER_PROBES = 2
"""Probes in a row without an answer after which a peer is left out."""

MOST_ABSENCES = 100_000
"""Pairs of peer and object that are remembered."""

ABSENT_TTL = timedelta(seconds=5)

LONGEST_PENALTY = timedelta(minutes=5)
LIE_PENALTY = timedelta(minutes=10)


class Transport(StrEnum):
    """How a peer is asked."""

    GRPC = "grpc"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Source:
    """A peer and one way to ask it."""

    peer: StoragePeer
    transport: Transport

    def __str__(self) -> str:
        return f"{self.peer.endpoint} ({self.transport})"


class SourceProblem(StrEnum):
    """Why a source did not deliver."""

    ABSENT = "absent"
    """It does not have the object."""
    NO_TREE = "no_tree"
    """It has no tree of the object."""
    FORBIDDEN = "forbidden"
    """The node's policy does not let it be asked."""
    BUSY = "busy"
    """As many requests as may run at a time are running; it was not asked."""
    STALLED = "stalled"
    """It sent nothing for too long."""
    BROKEN = "broken"
    """It cannot be reached, refused, or ended too early."""
    LIED = "lied"
    """What it sent does not match the chain."""


class SourceError(Exception):
    """A source did not deliver; whoever asked goes on with the next one."""

    def __init__(self, problem: SourceProblem, detail: str) -> None:
        super().__init__(f"{problem}: {detail}")
        self.problem = problem


@dataclass(slots=True)
class _Record:
    latency_s: float | None = None
    bytes_per_s: float | None = None
    failures: int = 0
    lies: int = 0
    missed_probes: int = 0
    shunned_until: float = 0.0

    def expected_s(self) -> float | None:
        """Time for a sample; None when nothing was measured."""
        if self.latency_s is None:
            return None
        return self.latency_s + (SAMPLE_BYTES / self.bytes_per_s if self.bytes_per_s else 0.0)


class PeerBook:
    """Measurements and penalties of peers, by endpoint. Times are seconds of one monotonic clock, which the caller reads.

    A peer that lacked an object is not asked for it again for `absent_ttl`, and one that missed probes not at all until it answers one.
    """

    def __init__(self, absent_ttl: timedelta = ABSENT_TTL) -> None:
        self._records: dict[str, _Record] = {}
        self._absent_ttl_s = absent_ttl.total_seconds()
        self._absent_until: OrderedDict[tuple[str, int], float] = OrderedDict()

    def __repr__(self) -> str:
        return f"<PeerBook {len(self._records)} peers>"

    def answered(self, endpoint: str, latency_s: float) -> None:
        """A peer answered so fast; its penalty, unless it is one for a lie, ends."""
        record = self._record(endpoint)
        record.latency_s = _smooth(record.latency_s, latency_s)
        record.failures = 0
        record.missed_probes = 0
        if record.lies == 0:
            record.shunned_until = 0.0

    def delivered(self, endpoint: str, size: int, seconds: float) -> None:
        """A peer delivered `size` right bytes in so long."""
        if size >= SAMPLE_BYTES // 4 and seconds > 0:
            record = self._record(endpoint)
            record.bytes_per_s = _smooth(record.bytes_per_s, size / seconds)

    def failed(self, endpoint: str, problem: SourceProblem, now: float) -> None:
        """A peer did not deliver; for a while others are asked before it, the longer the more often in a row."""
        SOURCE_FAILURES.labels(endpoint, problem.value).inc()
        if problem in {SourceProblem.ABSENT, SourceProblem.NO_TREE, SourceProblem.BUSY}:
            return
        record = self._record(endpoint)
        record.failures += 1
        penalty = min(timedelta(seconds=1 << min(record.failures, 16)), LONGEST_PENALTY)
        if problem is SourceProblem.LIED:
            VERIFICATION_FAILURES.labels(endpoint).inc()
            record.lies += 1
            penalty = LIE_PENALTY * record.lies
        record.shunned_until = max(record.shunned_until, now + penalty.total_seconds())

    def missed_probe(self, endpoint: str) -> None:
        """A peer did not answer a probe; what was measured of it once says nothing any more when that goes on."""
        record = self._record(endpoint)
        record.missed_probes += 1
        if record.missed_probes == DEAD_AFTER_PROBES:
            record.latency_s = record.bytes_per_s = None

    def lacks(self, endpoint: str, object_id: int, now: float) -> None:
        """A peer said that it does not have an object."""
        if self._absent_ttl_s > 0:
            self._absent_until[endpoint, object_id] = now + self._absent_ttl_s
            self._absent_until.move_to_end((endpoint, object_id))
            if len(self._absent_until) > MOST_ABSENCES:
                self._absent_until.popitem(last=False)

    def retain(self, endpoints: Collection[str]) -> None:
        """Forget peers that are not among these."""
        for endpoint in self._records.keys() - set(endpoints):
            del self._records[endpoint]

    def ranked(self, peers: Iterable[StoragePeer], now: float, object_id: int | None = None) -> list[Source]:
        """Ways to ask the peers, the best first: those in favour before the shunned, gRPC before REST, then the fast before the slow.

        Peers that are known to lack the object are left out, and so are dead ones while others live.
        """

        def rank(source: Source) -> tuple[bool, bool, bool, float]:
            record = self._records.get(source.peer.endpoint) or _Record()
            expected = record.expected_s()
            return (
                record.shunned_until > now,
                source.transport is Transport.REST,
                expected is None,
                expected or 0.0,
            )

        holders = [peer for peer in dict.fromkeys(peers) if not self._is_absent(peer.endpoint, object_id, now)]
        living = [peer for peer in holders if not self._is_dead(peer.endpoint)]
        sources = []
        for peer in living or holders:
            if peer.grpc_target is not None:
                sources.append(Source(peer, Transport.GRPC))
            sources.append(Source(peer, Transport.REST))
        return sorted(sources, key=rank)

    def _is_absent(self, endpoint: str, object_id: int | None, now: float) -> bool:
        return object_id is not None and self._absent_until.get((endpoint, object_id), 0.0) > now

    def _is_dead(self, endpoint: str) -> bool:
        record = self._records.get(endpoint)
        return record is not None and record.missed_probes >= DEAD_AFTER_PROBES

    def _record(self, endpoint: str) -> _Record:
        return self._records.setdefault(endpoint, _Record())


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + SMOOTHING * (new - old)
