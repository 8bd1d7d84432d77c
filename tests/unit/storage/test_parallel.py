"""Work in parallel, and work that cancellation does not stop half-way."""

import asyncio

import pytest

from joygrpc.storage.parallel import despite_cancellation, together


async def test_results_come_in_order() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await together(after(turns) for turns in (3, 1, 2)) == [3, 1, 2]
    assert await together([]) == []


async def test_the_first_failure_ends_the_rest_and_is_raised_plain() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await together([endless(), fail()])
    assert ended.is_set()


async def test_work_ends_whatever_happens_to_the_caller() -> None:
    go, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.set()

    task = asyncio.create_task(despite_cancellation(work()))
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_without_cancellation_result_and_failure_come_through() -> None:
    async def answer() -> int:
        return 7

    async def fail() -> None:
        raise ConnectionError

    assert await despite_cancellation(answer()) == 7
    with pytest.raises(ConnectionError):
        await despite_cancellation(fail())
