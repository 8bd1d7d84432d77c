"""Which way to which peer is asked first: what was measured of each."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from joygrpc.storage.metrics import PEER_RATE, PEER_REFUSALS
from joygrpc.storage.peer_sources import LIES, PeerSource, SourceProblem

_FIRST_REST_S = 1.0
_LONGEST_REST_S = 300.0
_LIAR_RESTS_S = 3600.0
_PATIENCE = 2
"""Failures in a row after which a peer is not asked at all while it rests."""
_WEIGHT = 0.3
_LEAST_MEASURED_BYTES = 64 << 10
_NOT_ITS_HEALTH = frozenset({SourceProblem.ABSENT, SourceProblem.NO_TREE})


@dataclass(slots=True)
class _Health:
    rate: float | None = None
    """Bytes a second, averaged."""
    failures: int = 0
    """In a row."""
    rests_until: float = 0.0
    active: int = 0
    problems: dict[SourceProblem, int] = field(default_factory=dict)


class PeerHealth:
    """Rates and failures by address. One process meets as many as there are operators, so nothing is ever forgotten."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: dict[str, _Health] = {}

    def __repr__(self) -> str:
        resting = sum(health.rests_until > self._now() for health in self._known.values())
        return f"<PeerHealth known={len(self._known)} resting={resting}>"

    def ranked(self, sources: Iterable[PeerSource]) -> list[PeerSource]:
        """The sources worth asking: healthy before failing ones, the mesh before REST, fast and idle before slow and busy ones.

        One that nobody has measured counts as fast as the fastest, so that it is tried. Those that failed repeatedly, or lied, are left out while they rest.
        """
        listed = [(source, self._of(source)) for source in sources]
        best = max((health.rate or 0.0 for _, health in listed), default=0.0)
        now = self._now()

        def key(item: tuple[PeerSource, _Health]) -> tuple[bool, bool, float]:
            source, health = item
            rate = best if health.rate is None else health.rate
            return health.rests_until > now, source.kind != "grpc", -(rate + 1.0) / (1 + health.active)

        return [
            source
            for source, health in sorted(listed, key=key)
            if health.rests_until <= now or health.failures <= _PATIENCE
        ]

    @contextmanager
    def busy(self, source: PeerSource) -> Iterator[None]:
        """The source works for us for the length of the block."""
        health = self._of(source)
        health.active += 1
        try:
            yield
        finally:
            health.active -= 1

    def delivered(self, source: PeerSource, size: int, seconds: float) -> None:
        """The source gave so many bytes in that time, and they were good as far as they could be checked."""
        health = self._of(source)
        health.failures, health.rests_until = 0, 0.0
        if size >= _LEAST_MEASURED_BYTES:
            rate = size / max(seconds, 1e-6)
            health.rate = rate if health.rate is None else health.rate + _WEIGHT * (rate - health.rate)
            PEER_RATE.labels(str(source.worker_id), source.kind).set(health.rate)

    def failed(self, source: PeerSource, problem: SourceProblem) -> None:
        """The source did not give what it was asked for."""
        health = self._of(source)
        health.problems[problem] = health.problems.get(problem, 0) + 1
        PEER_REFUSALS.labels(str(source.worker_id), source.kind, problem.value).inc()
        if problem in _NOT_ITS_HEALTH:
            return
        if problem in LIES:
            health.failures += _PATIENCE + 1
            rest = _LIAR_RESTS_S
        else:
            health.failures += 1
            rest = min(_FIRST_REST_S * (1 << min(health.failures - 1, 20)), _LONGEST_REST_S)
        health.rests_until = self._now() + rest

    def problems(self, source: PeerSource) -> dict[SourceProblem, int]:
        """How often each problem was met."""
        return dict(self._of(source).problems)

    def _of(self, source: PeerSource) -> _Health:
        return self._known.setdefault(source.address, _Health())
