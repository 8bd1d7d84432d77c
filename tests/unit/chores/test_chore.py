"""Chores on a clock that the tests move."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.chores import Chore, ChoreNotFound, ChoreRegistry, ChoreStopped, ManualClock, delay_before_next

MINUTE = timedelta(minutes=1)


class Refused(Exception):
    reason = "WORK_REFUSED"


class Work:
    """Something to run: counts, waits when told to, raises when told to."""

    def __init__(self) -> None:
        self.runs = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        async with self._changed:
            self.runs += 1
            self._changed.notify_all()
        await self.gate.wait()
        if self.error is not None:
            raise self.error

    async def until(self, runs: int) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: self.runs >= runs)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@contextlib.asynccontextmanager
async def served(*chores: Chore) -> AsyncIterator[list[asyncio.Task[None]]]:
    async with asyncio.TaskGroup() as tasks:
        loops = ChoreRegistry(*chores).serve_in(tasks)
        try:
            yield loops
        finally:
            for loop in loops:
                loop.cancel()


async def idle(clock: ManualClock) -> None:
    """Until the chore has set its alarm and waits."""
    async with asyncio.timeout(5):
        await clock.until_alarms()


def chore(work: Work, clock: ManualClock, **kwargs: Any) -> Chore:
    return Chore("work", every=MINUTE, run=work.run, clock=clock, **kwargs)


async def test_it_runs_at_once_and_then_after_each_pause(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock)
    async with served(subject):
        await work.until(1)
        await idle(clock)
        clock.advance(MINUTE - timedelta(seconds=1))
        assert work.runs == 1
        clock.advance(timedelta(seconds=1))
        await work.until(2)
        await idle(clock)
        assert subject.runs == 2
        assert subject.last_run_at == clock.now()


async def test_without_at_start_the_first_run_waits(work: Work, clock: ManualClock) -> None:
    async with served(chore(work, clock, at_start=False)):
        await idle(clock)
        assert work.runs == 0
        clock.advance(MINUTE)
        await work.until(1)


async def test_triggers_before_a_run_are_one(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock)
    async with served(subject):
        await idle(clock)
        subject.trigger()
        subject.trigger()
        await work.until(2)
        await idle(clock)
        assert work.runs == 2


async def test_a_trigger_during_a_run_brings_another(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock)
    work.gate.clear()
    async with served(subject):
        await work.until(1)
        assert subject.running
        subject.trigger()
        work.gate.set()
        await work.until(2)


async def test_waiting_means_a_run_that_starts_after_the_call(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock)
    work.gate.clear()
    async with served(subject):
        await work.until(1)
        waiting = asyncio.create_task(subject.trigger_and_wait())
        await asyncio.sleep(0)
        work.gate.set()
        await waiting
        assert work.runs == 2


async def test_waiting_may_begin_before_the_loop(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock, at_start=False)
    async with served(subject):
        await subject.trigger_and_wait()
    assert work.runs == 1


async def test_waiting_raises_what_the_run_raised_and_the_loop_goes_on(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock, at_start=False)
    async with served(subject):
        work.error = Refused("no")
        with pytest.raises(Refused):
            await subject.trigger_and_wait()
        assert subject.last_error == "WORK_REFUSED"
        work.error = KeyError("x")
        with pytest.raises(KeyError):
            await subject.trigger_and_wait()
        assert subject.last_error == "KeyError"
        work.error = None
        await subject.trigger_and_wait()
        assert subject.last_error == ""
        assert subject.runs == 3


async def test_a_cancelled_wait_leaves_the_run_alone(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock, at_start=False)
    work.gate.clear()
    async with served(subject):
        waiting = asyncio.create_task(subject.trigger_and_wait())
        await work.until(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        work.gate.set()
        await idle(clock)
        assert subject.runs == 1


async def test_a_paused_chore_runs_only_for_those_who_wait(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock)
    async with served(subject):
        await idle(clock)
        subject.pause()
        clock.advance(MINUTE * 3)
        subject.trigger()
        assert work.runs == 1
        await subject.trigger_and_wait()
        assert work.runs == 2
        clock.advance(MINUTE * 3)
        await asyncio.sleep(0)
        assert work.runs == 2
        subject.resume()
        await work.until(3)


async def test_failures_are_spaced_out_and_success_resets_them(work: Work, clock: ManualClock) -> None:
    work.error = Refused()
    subject = chore(work, clock, retry=timedelta(seconds=10))
    async with served(subject):
        await work.until(1)
        for runs, pause in ((2, 10), (3, 20), (4, 40)):
            await idle(clock)
            clock.advance(timedelta(seconds=pause - 1))
            assert work.runs == runs - 1
            work.error = None if runs == 4 else work.error
            clock.advance(timedelta(seconds=1))
            await work.until(runs)
        await idle(clock)
        clock.advance(MINUTE)
        await work.until(5)


async def test_jitter_only_lengthens(work: Work, clock: ManualClock) -> None:
    async with served(chore(work, clock, at_start=False, jitter=1.0)):
        await idle(clock)
        clock.advance(MINUTE - timedelta(seconds=1))
        assert work.runs == 0
        clock.advance(MINUTE + timedelta(seconds=1))
        await work.until(1)


async def test_something_cancelled_inside_a_run_is_a_failure_of_the_run(work: Work, clock: ManualClock) -> None:
    async def run() -> None:
        raise asyncio.CancelledError

    subject = Chore("work", every=MINUTE, run=run, clock=clock)
    async with served(subject):
        await idle(clock)
        assert subject.last_error == "CANCELLED"


async def test_the_end_of_the_loop_ends_the_waits(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock)
    work.gate.clear()
    async with served(subject):
        await work.until(1)
        first = asyncio.create_task(subject.trigger_and_wait())
        await asyncio.sleep(0)
    with pytest.raises(ChoreStopped):
        await first
    with pytest.raises(ChoreStopped):
        await subject.trigger_and_wait()
    with pytest.raises(RuntimeError):
        await subject.serve()


async def test_the_wait_for_a_run_that_is_cut_off_ends(work: Work, clock: ManualClock) -> None:
    subject = chore(work, clock, at_start=False)
    work.gate.clear()
    async with served(subject):
        waiting = asyncio.create_task(subject.trigger_and_wait())
        await work.until(1)
    with pytest.raises(ChoreStopped):
        await waiting


async def test_real_time_is_the_default(work: Work) -> None:
    subject = Chore("work", every=timedelta(milliseconds=1), run=work.run)
    async with served(subject):
        await work.until(3)


def test_its_repr_says_what_it_does(work: Work, clock: ManualClock) -> None:
    assert repr(chore(work, clock)) == "<Chore work waiting runs=0 last_error=None>"


@pytest.mark.parametrize("wrong", [{"every": timedelta(0)}, {"every": MINUTE, "jitter": 1.5}])
def test_senseless_settings_are_refused(work: Work, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"interval|jitter"):
        Chore("work", run=work.run, **wrong)


@given(failures=st.integers(0, 10_000), every=st.integers(1, 10**6), retry=st.integers(1, 10**6))
def test_the_pause_is_bounded_and_grows(failures: int, every: int, retry: int) -> None:
    def pause(count: int) -> timedelta:
        return delay_before_next(timedelta(seconds=every), timedelta(seconds=retry), count)

    assert pause(0) == timedelta(seconds=every)
    assert pause(failures + 1) <= pause(failures + 2)
    assert pause(failures + 1) <= max(timedelta(seconds=every), timedelta(minutes=5))


def test_a_registry_finds_by_name_and_lists_in_order(work: Work) -> None:
    def named(name: str, run: Callable[[], Awaitable[None]] = work.run) -> Chore:
        return Chore(name, every=MINUTE, run=run)

    registry = ChoreRegistry(named("sync"), named("cleanup"))
    assert [entry.name for entry in registry] == ["cleanup", "sync"]
    assert registry.get("sync").name == "sync"
    assert len(registry) == 2
    with pytest.raises(ChoreNotFound) as missing:
        registry.get("other")
    assert str(missing.value) == "no chore named other"
    with pytest.raises(ValueError, match="already"):
        registry.add(named("sync"))


def test_a_manual_clock_calls_in_order_and_not_what_was_cancelled() -> None:
    clock = ManualClock()
    begin = clock.now()
    calls: list[tuple[str, timedelta]] = []
    for name, seconds in (("late", 3), ("early", 1), ("never", 2)):
        alarm = clock.call_later(
            timedelta(seconds=seconds), lambda name=name: calls.append((name, clock.now() - begin))
        )
        if name == "never":
            alarm.cancel()
    assert clock.alarms == 2
    clock.advance(timedelta(seconds=10))
    assert calls == [("early", timedelta(seconds=1)), ("late", timedelta(seconds=3))]
    assert clock.now() == begin + timedelta(seconds=10)
