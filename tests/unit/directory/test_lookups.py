import asyncio
from datetime import timedelta

import pytest

from joygrpc.directory.lookups import Lookups
from joygrpc.query_node import QueryNodeMalformed, QueryNodeUnavailable

LONG, SHORT = timedelta(seconds=60), timedelta(milliseconds=20)


class Source:
    """Something to look things up in, which can be held up."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.things: dict[int, str] = {1: "one"}
        self.failure: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, key: int) -> str | None:
        self.asked.append(key)
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return self.things.get(key)


@pytest.fixture
def source() -> Source:
    return Source()


def lookups(
    source: Source,
    *,
    timeout: timedelta = LONG,
    ttl: timedelta = LONG,
    negative_ttl: timedelta = LONG,
    concurrent: int = 4,
) -> Lookups[int, str]:
    return Lookups(
        "thing",
        source.ask,
        timeout=timeout,
        ttl=ttl,
        negative_ttl=negative_ttl,
        concurrent=concurrent,
        outage_pause=LONG,
    )


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_answers_are_remembered_and_forgotten(source: Source) -> None:
    known = lookups(source)
    assert [await known.get(1), await known.get(1), await known.get(2), await known.get(2)] == [
        "one",
        "one",
        None,
        None,
    ]
    assert source.asked == [1, 2]
    source.things[2] = "two"
    await known.forget(2)
    assert await known.get(2) == "two"
    await known.forget_all()
    await known.get(1)
    assert source.asked == [1, 2, 2, 1]


async def test_nothing_is_remembered_for_long(source: Source) -> None:
    known = lookups(source, negative_ttl=SHORT)
    assert await known.get(2) is None
    source.things[2] = "two"
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(2 * SHORT.total_seconds(), later.set)
    await later.wait()
    assert await known.get(2) == "two"


async def test_those_who_wait_share_one_question(source: Source) -> None:
    known = lookups(source)
    source.open.clear()
    waiting = [asyncio.ensure_future(known.get(1)) for _ in range(5)]
    await turns()
    source.open.set()
    assert await asyncio.gather(*waiting) == ["one"] * 5
    assert source.asked == [1]


async def test_one_of_those_who_wait_asks_anew_when_the_first_is_cancelled(source: Source) -> None:
    known = lookups(source)
    source.open.clear()
    waiting = [asyncio.ensure_future(known.get(1)) for _ in range(3)]
    await turns()
    waiting[0].cancel()
    await turns()
    source.open.set()
    assert await asyncio.gather(*waiting[1:]) == ["one"] * 2
    assert source.asked == [1, 1]


async def test_one_who_waits_can_be_cancelled_alone(source: Source) -> None:
    known = lookups(source)
    source.open.clear()
    waiting = [asyncio.ensure_future(known.get(1)) for _ in range(2)]
    await turns()
    waiting[1].cancel()
    source.open.set()
    assert await waiting[0] == "one"
    with pytest.raises(asyncio.CancelledError):
        await waiting[1]


async def test_an_outage_fails_all_and_further_questions_at_once(source: Source) -> None:
    known = lookups(source)
    source.failure = QueryNodeMalformed("what")
    source.open.clear()
    waiting = [asyncio.ensure_future(known.get(1)) for _ in range(2)]
    await turns()
    source.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [QueryNodeMalformed] * 2
    with pytest.raises(QueryNodeUnavailable):
        await known.get(3)
    assert source.asked == [1]


async def test_silence_is_an_outage(source: Source) -> None:
    known = lookups(source, timeout=SHORT)
    source.open.clear()
    with pytest.raises(QueryNodeUnavailable):
        await known.get(1)


async def test_few_questions_at_a_time(source: Source) -> None:
    known = lookups(source, concurrent=2)
    source.open.clear()
    waiting = [asyncio.ensure_future(known.get(number)) for number in range(6)]
    await turns()
    assert len(source.asked) == 2
    source.open.set()
    await asyncio.gather(*waiting)
    assert len(source.asked) == 6
