"""Asking a second source while the first one keeps silent, within a budget."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

BURST = 10.0
"""Hedges that may be saved up."""


class HedgeBudget:
    """Lets a share of all requests be doubled: each request earns a part of a hedge, so that slow sources do not multiply the load."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._saved = BURST if share > 0 else 0.0

    def __repr__(self) -> str:
        return f"<HedgeBudget {self._saved:.1f} saved>"

    @property
    def left(self) -> bool:
        """Whether a hedge may be made now."""
        return self._saved >= 1

    def earn(self) -> None:
        """A request was made."""
        if self._share > 0:
            self._saved = min(BURST, self._saved + self._share)

    def spend(self) -> bool:
        """Take one hedge, if there is one."""
        if not self.left:
            return False
        self._saved -= 1
        return True


async def first_answer(
    candidates: Iterable[S], ask: Callable[[S], Awaitable[T | None]], delay_s: float, may_hedge: Callable[[], bool]
) -> T | None:
    """The first answer that is not None. The next candidate is asked when one fails, or after `delay_s` without an answer if `may_hedge` agrees.

    `ask` gives None for a failure. Whoever is still being asked in the end is cancelled.
    """
    waiting = list(candidates)
    running: set[asyncio.Task[T | None]] = set()
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(_of(ask, waiting.pop(0))))
            while running:
                done, running = await asyncio.wait(
                    running, timeout=delay_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    if (answer := task.result()) is not None:
                        return answer
                if waiting and (done or may_hedge()):
                    break
        return None
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _of(ask: Callable[[S], Awaitable[T | None]], candidate: S) -> T | None:
    return await ask(candidate)
