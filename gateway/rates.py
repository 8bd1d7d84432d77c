"""Rates: how often something may happen, and how fast bytes may flow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

LEAST_PIECE = 16 << 10
PIECES_PER_S = 10
"""A limited body goes in about so many pieces a second, so that it flows and does not jump."""


class Rate:
    """At most `per_s` a second on the long run, and `burst` at once (the generic cell rate algorithm: one number of state)."""

    __slots__ = ("_clock", "_settled_at", "_tolerance_s", "per_s")

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self._tolerance_s = burst / per_s
        self._clock = clock
        self._settled_at = 0.0

    def __repr__(self) -> str:
        return f"<Rate {self.per_s:g}/s>"

    def take(self, amount: float = 1) -> float:
        """Takes an amount if it may be had now; gives 0, or the seconds until it may be had."""
        now = self._clock()
        settled_at = max(self._settled_at, now) + amount / self.per_s
        wait_s = settled_at - now - self._tolerance_s
        if wait_s > 0:
            return wait_s
        self._settled_at = settled_at
        return 0.0

    def owe(self, amount: float) -> float:
        """Takes an amount in any case; gives the seconds to pause before the next one."""
        now = self._clock()
        self._settled_at = max(self._settled_at, now) + amount / self.per_s
        return max(0.0, self._settled_at - now - self._tolerance_s)


class Pace:
    """How fast one client's bytes may flow, by several rates at once."""

    __slots__ = ("_rates", "piece")

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._rates = tuple(rates)
        slowest = min(rate.per_s for rate in self._rates)
        self.piece = max(LEAST_PIECE, int(slowest / PIECES_PER_S))
        """Most bytes to send at once."""

    async def spend(self, size: int) -> None:
        """Notes that bytes went, and waits until the next may."""
        pause_s = max(rate.owe(size) for rate in self._rates)
        if pause_s > 0:
            await asyncio.sleep(pause_s)
