"""The time that chores live in: the event loop's, or one that a test moves."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Alarm(Protocol):
    """A call that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Keeps the call from happening; harmless afterwards."""
        ...


class Clock(Protocol):
    """What a chore needs of time."""

    def now(self) -> datetime:
        """The present time, in UTC."""
        ...

    def call_later(self, delay: timedelta, call: Callable[[], None]) -> Alarm:
        """Calls `call` once, `delay` from now, on the running event loop."""
        ...


class LoopClock:
    """Real time: delays by the running event loop's monotonic clock."""

    def now(self) -> datetime:
        """The present time, in UTC."""
        return datetime.now(UTC)

    def call_later(self, delay: timedelta, call: Callable[[], None]) -> Alarm:
        """Calls `call` once, `delay` from now, on the running event loop."""
        return asyncio.get_running_loop().call_later(delay.total_seconds(), call)


class _ManualAlarm:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Time that stands still until `advance` moves it."""

    def __init__(self, start: datetime = datetime(2024, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._order = itertools.count()
        self._alarms: list[tuple[datetime, int, _ManualAlarm]] = []
        self._set = asyncio.Event()

    def __repr__(self) -> str:
        return f"<ManualClock {self._now.isoformat()} alarms={self.alarms}>"

    @property
    def alarms(self) -> int:
        """How many calls are due in the future."""
        return sum(not alarm.cancelled for _, _, alarm in self._alarms)

    def now(self) -> datetime:
        """The time that the clock was moved to."""
        return self._now

    def call_later(self, delay: timedelta, call: Callable[[], None]) -> Alarm:
        """Calls `call` when `advance` has moved the clock by `delay`."""
        alarm = _ManualAlarm(call)
        heapq.heappush(self._alarms, (self._now + delay, next(self._order), alarm))
        self._set.set()
        return alarm

    async def until_alarms(self, count: int = 1) -> None:
        """Waits until that many calls are due: whoever is driven by this clock has come to rest."""
        while self.alarms < count:
            self._set.clear()
            await self._set.wait()

    def advance(self, by: timedelta) -> None:
        """Moves the clock and makes the calls that fall due, in order."""
        until = self._now + by
        while self._alarms and self._alarms[0][0] <= until:
            due, _, alarm = heapq.heappop(self._alarms)
            self._now = due
            if not alarm.cancelled:
                alarm.call()
        self._now = until
