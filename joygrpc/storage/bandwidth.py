"""How many bytes a second the node may move, and who gets them: users first, replication what they leave."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_LEAST_SHARE = 0.1
"""Part of the whole that replication gets in any case, so that it is never starved."""
_MEMORY_S = 5.0
"""Over how many seconds the users' rate is averaged."""
_BURST_S = 0.5
"""Seconds of its rate that replication may move at once after a pause."""
_LEAST_SLEEP_S = 0.001


class Bandwidth:
    """A budget of `rate` bytes a second; None means no bound. Belongs to one event loop.

    Uploads and downloads only say what they moved (`used`): they never wait here. Replication asks (`spend`) and waits until its share allows it.
    """

    def __init__(
        self,
        rate: int | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._now, self._sleep = now, sleep
        self._seen_at = now()
        self._users_rate = 0.0
        self._credit = 0.0

    def __repr__(self) -> str:
        return f"<Bandwidth {self._rate or 'unbounded'} users={self._users_rate:.0f}/s>"

    @property
    def share(self) -> float:
        """Bytes a second that are left for replication now."""
        if self._rate is None:
            return float("inf")
        return max(self._rate - self._users_rate, self._rate * _LEAST_SHARE)

    def used(self, size: int) -> None:
        """Users moved `size` bytes."""
        if self._rate is not None:
            self._advance()
            self._users_rate += size / _MEMORY_S

    async def spend(self, size: int) -> None:
        """Waits until replication may go on after it moved `size` bytes. Bytes that a cancelled caller moved stay spent."""
        if self._rate is None:
            return
        self._advance()
        self._credit -= size
        while self._credit < 0:
            await self._sleep(min(max(-self._credit / self.share, _LEAST_SLEEP_S), 1.0))
            self._advance()

    def _advance(self) -> None:
        now = self._now()
        passed, self._seen_at = now - self._seen_at, now
        self._credit = min(self._credit + passed * self.share, self.share * _BURST_S)
        self._users_rate *= max(0.0, 1 - passed / _MEMORY_S)
