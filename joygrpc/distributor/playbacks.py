"""Which reads of an object count as uses: a player asks for many ranges in one playback."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta


@dataclass(slots=True)
class _Seen:
    counted_ms: int
    active_ms: int


class Playbacks:
    """Counts uses of objects for the cache policy.

    A read that has the object's first byte starts a playback; it counts unless a use was counted within `window`, as players ask for the start more than
    once. A read from the middle goes on with a playback; it counts only if the object was not read at all within `window`. So an object gains at most one
    use in each window, however many clients, ranges and gateway workers there are, and what is read all the time is ahead of what is read now and then.
    """

    def __init__(self, window: timedelta) -> None:
        self._window_ms = int(window.total_seconds() * 1000)
        self._seen: OrderedDict[int, _Seen] = OrderedDict()
        self._latest_ms = 0

    def __repr__(self) -> str:
        return f"<Playbacks {len(self._seen)} objects within {self._window_ms} ms>"

    def __len__(self) -> int:
        return len(self._seen)

    def count(self, object_id: int, at_ms: int, *, start: bool) -> int:
        """Uses, 0 or 1, that reads of the object count for; `start` if one of them had its first byte. `at_ms` is the time of the last of them."""
        self._latest_ms = max(self._latest_ms, at_ms)
        self._forget_idle()
        seen = self._seen.pop(object_id, None)
        if seen is None or (start and at_ms - seen.counted_ms >= self._window_ms):
            self._seen[object_id] = _Seen(at_ms, at_ms)
            return 1
        self._seen[object_id] = seen
        seen.active_ms = max(seen.active_ms, at_ms)
        return 0

    def _forget_idle(self) -> None:
        """Whoever was idle for a window counts anew at any read, just as one that was never seen."""
        while self._seen:
            object_id, seen = next(iter(self._seen.items()))
            if self._latest_ms - seen.active_ms < self._window_ms:
                return
            del self._seen[object_id]
