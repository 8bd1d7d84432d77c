import asyncio
from datetime import timedelta

import pytest

from gateway.remembered import Remembered


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.now = 0.0

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fails:
            raise RuntimeError("no answer")
        return self.asked

    def remembered(self) -> Remembered[int]:
        return Remembered(self.ask, timedelta(seconds=1), lambda: self.now)


async def test_one_question_for_many() -> None:
    source = Source()
    remembered = source.remembered()
    assert await asyncio.gather(*(remembered.get() for _ in range(5))) == [1] * 5
    source.now = 0.9
    assert await remembered.get() == 1
    source.now = 1.0
    assert await remembered.get() == 2


async def test_failures_are_not_remembered() -> None:
    source = Source()
    remembered = source.remembered()
    source.fails = True
    with pytest.raises(RuntimeError):
        await remembered.get()
    source.fails = False
    assert await remembered.get() == 2


async def test_forgetting() -> None:
    remembered = Source().remembered()
    await remembered.get()
    remembered.forget()
    assert await remembered.get() == 2
