"""Which objects enter the cache when they are asked for."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from joygrpc.config import DistributorExtras

MOST_REMEMBERED = 1 << 16
"""Objects that `SecondHit` remembers; the one that was asked for longest ago goes first."""


class Admission(Protocol):
    """Decides about objects that are neither in the cache nor on the way there. It holds no clock; times are milliseconds since the epoch."""

    def admits(self, object_id: int, now_ms: int, *, start: bool, reading: bool) -> bool:
        """Whether the object, which is asked for now, shall enter the cache.

        `start` tells that its first byte is asked for, `reading` that this is a read, which another request may have announced.
        """


class AdmitAll:
    """Every object enters the cache."""

    def __repr__(self) -> str:
        return "<AdmitAll>"

    def admits(self, object_id: int, now_ms: int, *, start: bool, reading: bool) -> bool:
        """Always."""
        return True


@dataclass(slots=True)
class _Asked:
    active_ms: int
    announced: int
    """Reads that are expected to follow."""


class SecondHit:
    """An object enters the cache when it is asked for a second time.

    Further ranges of a playback are not another time: what counts is a request for the first byte, or any request after `window` without one. A
    read that follows the request which announced it is the same request. Many who ask at once share a fill from the second one on.
    """

    def __init__(self, window: timedelta, most: int = MOST_REMEMBERED) -> None:
        self._window_ms = int(window.total_seconds() * 1000)
        self._most = most
        self._asked: OrderedDict[int, _Asked] = OrderedDict()

    def __repr__(self) -> str:
        return f"<SecondHit {len(self)} objects asked for once>"

    def __len__(self) -> int:
        return len(self._asked)

    def admits(self, object_id: int, now_ms: int, *, start: bool, reading: bool) -> bool:
        """Whether this is another request for an object that is remembered; then it is remembered no longer."""
        before = self._asked.pop(object_id, None)
        if before is None:
            self._remember(object_id, _Asked(now_ms, announced=int(not reading)))
            return False
        idle = now_ms - before.active_ms >= self._window_ms
        if reading and before.announced and not idle:
            self._remember(object_id, _Asked(now_ms, before.announced - 1))
            return False
        if start or idle:
            return True
        self._remember(object_id, _Asked(now_ms, before.announced + int(not reading)))
        return False

    def _remember(self, object_id: int, asked: _Asked) -> None:
        self._asked[object_id] = asked
        while len(self._asked) > self._most:
            self._asked.popitem(last=False)


def configured_admission(extras: DistributorExtras) -> Admission:
    """The admission that the configuration names."""
    if extras.cache_admission == "second_hit":
        return SecondHit(timedelta(seconds=extras.use_window_s))
    return AdmitAll()
