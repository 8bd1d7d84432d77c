"""Replaying requests against a policy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from joygrpc.distributor.admission import AdmitAll, SecondHit
from joygrpc.distributor.playbacks import Playbacks
from joygrpc.distributor.policies import CachePolicy, LruSp, S3Fifo, Split
from joygrpc.distributor.simulation.baseline import Lru
from joygrpc.distributor.simulation.trace import Request

POLICIES: Mapping[str, Callable[[], CachePolicy]] = {"lru": Lru, "lru_sp": LruSp, "s3_fifo": S3Fifo, "split": Split}
"""By name, as in the configuration; `lru` is there to compare with."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A cache to try: the names of its policy and admission, its size in bytes, and the window in which reads count as one use."""

    policy: str
    admission: str
    capacity: int
    window: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a cache did with a trace; a request is a hit when its object is in the cache."""

    requests: int = 0
    hits: int = 0
    requested_bytes: int = 0
    hit_bytes: int = 0
    written_bytes: int = 0
    """Whole objects that entered the cache."""
    evictions: int = 0

    @property
    def object_hit_ratio(self) -> float:
        """Hits among the requests, 0 to 1."""
        return self.hits / self.requests if self.requests else 0.0

    @property
    def byte_hit_ratio(self) -> float:
        """Bytes of hits among the bytes that were sent, 0 to 1."""
        return self.hit_bytes / self.requested_bytes if self.requested_bytes else 0.0


def replay(trace: Sequence[Request], setting: Setting, policy: CachePolicy | None = None) -> Outcome:
    """What a cache does with the requests, which are in order of time. An object that is larger than the cache is passed through. KeyError for an unknown policy."""
    policy = policy or POLICIES[setting.policy]()
    admission = SecondHit(setting.window) if setting.admission == "second_hit" else AdmitAll()
    playbacks = Playbacks(setting.window)
    sizes: dict[int, int] = {}
    used = hits = hit_bytes = requested = written = evictions = 0
    for request in trace:
        object_id, now_ms, start = request.object_id, int(request.time_s * 1000), request.offset == 0
        requested += request.bytes
        if object_id in sizes:
            hits += 1
            hit_bytes += request.bytes
            policy.use(object_id, now_ms, playbacks.count(object_id, now_ms, start=start))
            continue
        if request.size > setting.capacity or not admission.admits(object_id, now_ms, start=start, reading=True):
            continue
        while used + request.size > setting.capacity:
            victim = policy.victim(now_ms, _nothing)
            assert victim is not None, "what takes room can be evicted"
            policy.forget(victim)
            used -= sizes.pop(victim)
            evictions += 1
        policy.admit(object_id, request.size, now_ms)
        playbacks.count(object_id, now_ms, start=True)
        sizes[object_id] = request.size
        used += request.size
        written += request.size
    return Outcome(len(trace), hits, requested, hit_bytes, written, evictions)


def simulate(trace: Sequence[Request], settings: Sequence[Setting]) -> Iterator[tuple[Setting, Outcome]]:
    """One replay after the other."""
    for setting in settings:
        yield setting, replay(trace, setting)


def _nothing(_: int) -> bool:
    return False
