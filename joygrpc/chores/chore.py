"""Periodic work that can be triggered, awaited, paused and seen."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NoReturn

from joygrpc.chores.clock import Alarm, Clock, LoopClock

_log = logging.getLogger("joygrpc.chores")

DEFAULT_CEILING = timedelta(minutes=5)


class ChoreStopped(Exception):
    """The chore's loop has ended, so no further run will come."""

    reason = "CHORE_STOPPED"


def delay_before_next(
    every: timedelta, retry: timedelta, failures: int, ceiling: timedelta = DEFAULT_CEILING
) -> timedelta:
    """The pause before the next run, after `failures` failed runs in a row.

    `every` after a good run. After a failure `retry`, doubled with each further one, but never longer than the greater of `every` and `ceiling`.
    """
    if failures == 0:
        return every
    longest = max(every, ceiling)
    # Beyond 2**20 any pause is over the ceiling; the bound keeps the product inside a timedelta.
    return min(retry * (1 << min(failures - 1, 20)), longest)


def reason_of(error: BaseException) -> str:
    """The reason token of an error: its own `reason`, else the name of its class."""
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, str) and reason else type(error).__name__


class Chore:
    """A loop that runs `run`, waits `every` after the run's end, and runs again.

    `jitter` (0 to 1) lengthens each pause by a random part of it, so that many nodes do not act in step. After a failed run the pause is `retry`
    (`every` if not given) and grows with each further failure (`delay_before_next`). The first run comes at once, or after `every` with
    `at_start=False`. A failure is logged and never ends the loop. Runs never overlap.

    `serve` is the loop; start it inside a task group. All methods belong to the event loop that serves it.
    """

    def __init__(
        self,
        name: str,
        *,
        every: timedelta,
        run: Callable[[], Awaitable[None]],
        retry: timedelta | None = None,
        ceiling: timedelta = DEFAULT_CEILING,
        jitter: float = 0.0,
        at_start: bool = True,
        clock: Clock | None = None,
    ) -> None:
        if every <= timedelta(0):
            raise ValueError("the interval of a chore must be positive")
        if not 0.0 <= jitter <= 1.0:
            raise ValueError("jitter is a part between 0 and 1")
        self.name = name
        self.every = every
        self._run = run
        self._retry = every if retry is None else retry
        self._ceiling = ceiling
        self._jitter = jitter
        self._at_start = at_start
        self._clock = clock or LoopClock()
        self._wake = asyncio.Event()
        self._triggered = False
        self._waiters: list[asyncio.Future[None]] = []
        self._failures = 0
        self._stopped = False
        self._serving = False
        self._paused = False
        self._running = False
        self._last_run_at: datetime | None = None
        self._last_error = ""
        self._runs = 0

    def __repr__(self) -> str:
        state = "running" if self._running else "paused" if self._paused else "stopped" if self._stopped else "waiting"
        return f"<Chore {self.name} {state} runs={self._runs} last_error={self._last_error or None}>"

    @property
    def running(self) -> bool:
        """Whether it runs at this moment."""
        return self._running

    @property
    def paused(self) -> bool:
        """Whether it is kept from running by itself."""
        return self._paused

    @property
    def last_run_at(self) -> datetime | None:
        """When the last run ended (UTC); None before."""
        return self._last_run_at

    @property
    def last_error(self) -> str:
        """Reason token of the last run's failure; empty when it went well."""
        return self._last_error

    @property
    def runs(self) -> int:
        """How many runs have ended, failed ones included."""
        return self._runs

    def trigger(self) -> None:
        """Asks for a run soon. Requests before its start count as one; while the chore is paused the request is kept."""
        self._triggered = True
        self._wake.set()

    async def trigger_and_wait(self) -> None:
        """Waits for a run that starts after this call, and raises what it raised; runs even while the chore is paused.

        Raises `ChoreStopped` when the loop ends or has ended before such a run. Cancelling the wait leaves the run alone.
        """
        if self._stopped:
            raise ChoreStopped(self.name)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    def pause(self) -> None:
        """Keeps the chore from running by itself or by `trigger`; a run under way goes on."""
        self._paused = True

    def resume(self) -> None:
        """Lets it run by itself again: at once if it was triggered or fell due while it was paused."""
        self._paused = False
        self._wake.set()

    async def serve(self) -> NoReturn:
        """Runs until it is cancelled; a run under way is cancelled with it, and those who wait get `ChoreStopped`."""
        if self._serving or self._stopped:
            raise RuntimeError(f"the chore {self.name} is or was already being served")
        self._serving = True
        if self._at_start:
            self._triggered = True
        try:
            while True:
                await self._turn()
                await self._run_once()
        finally:
            self._serving = False
            self._stopped = True
            self._settle(self._take_waiters(), ChoreStopped(self.name))

    async def _turn(self) -> None:
        """Waits until a run is wanted: by time, by `trigger`, or by someone who waits."""
        alarm: Alarm | None = None
        if not self._triggered:
            pause = delay_before_next(self.every, self._retry, self._failures, self._ceiling)
            pause += pause * (self._jitter * random.random())  # noqa: S311 - spreads load, guards nothing
            alarm = self._clock.call_later(pause, self.trigger)
        try:
            while not (self._waiters or (self._triggered and not self._paused)):
                self._wake.clear()
                await self._wake.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    async def _run_once(self) -> None:
        self._triggered = False
        waiters = self._take_waiters()
        self._running = True
        failure: Exception | None = None
        try:
            await self._run()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self._settle(waiters, ChoreStopped(self.name))
                raise
            # Something inside the run was cancelled, not the loop.
            failure = ChoreRunCancelled(self.name)
            failure.__cause__ = error
        except Exception as error:
            failure = error
        finally:
            self._running = False
        self._runs += 1
        self._last_run_at = self._clock.now()
        self._last_error = "" if failure is None else reason_of(failure)
        self._failures = 0 if failure is None else self._failures + 1
        if failure is not None:
            _log.warning(
                "chore failed",
                exc_info=failure,
                extra={"chore": self.name, "reason": self._last_error, "failures_in_a_row": self._failures},
            )
        self._settle(waiters, failure)

    def _take_waiters(self) -> list[asyncio.Future[None]]:
        waiters, self._waiters = self._waiters, []
        return [waiter for waiter in waiters if not waiter.done()]

    @staticmethod
    def _settle(waiters: list[asyncio.Future[None]], failure: Exception | None) -> None:
        for waiter in waiters:
            if waiter.done():
                continue
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(failure)


class ChoreRunCancelled(Exception):
    """Something that the run awaited was cancelled."""

    reason = "CANCELLED"
