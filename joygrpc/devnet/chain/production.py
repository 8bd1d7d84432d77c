"""When blocks are made."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from joygrpc.devnet.chain.chain import Chain

log = structlog.get_logger(__name__)


class BlockProducer:
    """Seals a block soon after a transaction arrives, and an empty one each `idle`.

    Either may be None: no block on transactions, no idle blocks.
    """

    def __init__(self, chain: Chain, *, idle: timedelta | None, delay: timedelta | None) -> None:
        self._chain = chain
        self._idle_s = idle.total_seconds() if idle else None
        self._delay_s = delay.total_seconds() if delay is not None else None
        self._wanted = asyncio.Event()
        if delay is not None:
            chain.on_transaction.append(self.wake)

    def wake(self) -> None:
        """Look at the pool soon; also after a stall has ended."""
        self._wanted.set()

    async def run(self) -> None:
        """Make blocks until cancelled."""
        loop = asyncio.get_running_loop()
        deadline = self._deadline(loop.time())
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    await self._wanted.wait()
                    await asyncio.sleep(self._delay_s or 0)
                due = False
            except TimeoutError:
                due = True
            self._wanted.clear()
            wanted = due or (self._delay_s is not None and self._more_to_do())
            if wanted and not self._chain.faults.stalled:
                self._chain.seal()
                if self._delay_s is not None and self._more_to_do():
                    self.wake()
            if wanted:
                deadline = self._deadline(loop.time())

    def _deadline(self, now: float) -> float | None:
        return None if self._idle_s is None else now + self._idle_s

    def _more_to_do(self) -> bool:
        # With a finality lag, a transaction would else wait for idle blocks until it is final.
        return self._chain.has_ready_transactions or self._chain.has_unfinal_transactions
