"""Second requests while the first one keeps silent."""

import asyncio

from joygrpc.distributor.hedging import BURST, HedgeBudget, first_answer


def test_a_budget_is_spent_and_earned_again() -> None:
    budget = HedgeBudget(0.25)
    assert [budget.spend() for _ in range(int(BURST) + 1)] == [True] * int(BURST) + [False]
    for _ in range(4):
        assert not budget.left
        budget.earn()
    assert budget.spend()
    assert not budget.spend()


def test_without_a_share_nothing_is_doubled() -> None:
    budget = HedgeBudget(0)
    budget.earn()
    assert not budget.spend()


class Sources:
    """Sources by name: some answer, some fail, some hang for ever."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.cancelled: list[str] = []

    async def ask(self, name: str) -> str | None:
        self.asked.append(name)
        if name.startswith("hangs"):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
        await asyncio.sleep(0)
        return None if name.startswith("fails") else name


async def test_the_next_one_is_asked_when_one_fails() -> None:
    sources = Sources()
    assert await first_answer(["fails 1", "fails 2", "good", "spare"], sources.ask, 60, lambda: False) == "good"
    assert sources.asked == ["fails 1", "fails 2", "good"]


async def test_the_next_one_is_asked_when_one_is_silent_and_the_loser_is_cancelled() -> None:
    sources = Sources()
    assert await first_answer(["hangs", "good"], sources.ask, 0.01, lambda: True) == "good"
    assert sources.cancelled == ["hangs"]


async def test_without_a_budget_the_silent_one_is_waited_for() -> None:
    sources = Sources()
    waiting = asyncio.create_task(first_answer(["hangs", "good"], sources.ask, 0.001, lambda: False))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    assert sources.asked == ["hangs"]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert sources.cancelled == ["hangs"]


async def test_nobody_answers() -> None:
    assert await first_answer(["fails 1", "fails 2"], Sources().ask, 60, lambda: True) is None
    assert await first_answer([], Sources().ask, 60, lambda: True) is None
