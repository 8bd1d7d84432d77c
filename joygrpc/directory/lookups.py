"""Asks the query node about single things that the directory does not hold: once for all who wait, and not again for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from datetime import timedelta
from typing import Generic, TypeVar, cast

from aiocache import SimpleMemoryCache

from joygrpc.query_node import QueryNodeError, QueryNodeUnavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lookups(Generic[K, V]):
    """Remembered and coalesced look-ups of one kind.

    At most `concurrent` run at a time. After an outage further ones fail at once for `outage_pause`, so that a dead query node does not gather
    requests.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[K], Awaitable[V | None]],
        *,
        timeout: timedelta,
        ttl: timedelta,
        negative_ttl: timedelta,
        concurrent: int,
        outage_pause: timedelta,
    ) -> None:
        self._ask = ask
        self._timeout_s = timeout.total_seconds()
        self._ttl_s = ttl.total_seconds()
        self._negative_ttl_s = negative_ttl.total_seconds()
        self._outage_pause_s = outage_pause.total_seconds()
        self._slots = asyncio.Semaphore(concurrent)
        # No time limit of its own: it would go through asyncio.wait_for, which in Python 3.11 can swallow a cancellation.
        self._known = SimpleMemoryCache(namespace=name, timeout=0)
        self._flights: dict[K, asyncio.Future[V | None]] = {}
        self._out_until = float("-inf")

    async def get(self, key: K) -> V | None:
        """The answer, old by at most its time to live; raises `QueryNodeUnavailable` or another `QueryNodeError`.

        When the caller who asks is cancelled, one of those who wait asks anew.
        """
        while True:
            if (remembered := await self._known.get(key)) is not None:
                return cast("tuple[V | None]", remembered)[0]
            flight = self._flights.get(key)
            if flight is None:
                return await self._fly(key)
            try:
                return await asyncio.shield(flight)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not flight.cancelled() or (task is not None and task.cancelling()):
                    raise

    async def forget(self, key: K) -> None:
        """Ask anew next time."""
        await self._known.delete(key)

    async def forget_all(self) -> None:
        """Ask everything anew."""
        await self._known.clear()

    async def _fly(self, key: K) -> V | None:
        flight: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        try:
            value = await self._look(key)
            await self._known.set(key, (value,), ttl=self._negative_ttl_s if value is None else self._ttl_s)
            flight.set_result(value)
            return value
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # it is retrieved here, whoever else waits
            raise
        finally:
            del self._flights[key]

    async def _look(self, key: K) -> V | None:
        if time.monotonic() < self._out_until:
            raise QueryNodeUnavailable
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                return await self._ask(key)
        except TimeoutError as error:
            self._out_until = time.monotonic() + self._outage_pause_s
            raise QueryNodeUnavailable from error
        except QueryNodeError:
            self._out_until = time.monotonic() + self._outage_pause_s
            raise
