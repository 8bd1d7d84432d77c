"""One answer of the node that many requests ask for, asked once in a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Asks at most once per `lifetime`; those who come while it is being asked share the answer. Failures are not remembered."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[T]],
        lifetime: timedelta = timedelta(seconds=1),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._lifetime_s = lifetime.total_seconds()
        self._clock = clock
        self._lock = asyncio.Lock()
        self._answer: tuple[float, T] | None = None

    def _fresh(self) -> tuple[float, T] | None:
        return self._answer if self._answer is not None and self._clock() < self._answer[0] else None

    async def get(self) -> T:
        """The answer. Raises what asking raises."""
        if (found := self._fresh()) is not None:
            return found[1]
        async with self._lock:
            if (found := self._fresh()) is not None:
                return found[1]
            answer = await self._ask()
            self._answer = (self._clock() + self._lifetime_s, answer)
            return answer

    def forget(self) -> None:
        """Has the next request ask again."""
        self._answer = None
