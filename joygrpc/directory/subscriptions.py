"""Tells the parts of a node what changed, without ever waiting for one of them."""

import asyncio
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from joygrpc.directory.facts import DirectoryChange

_LIMIT = 1000
_SNAPSHOT = DirectoryChange("snapshot")


class ChangeSubscription:
    """Changes since the subscription was entered, as an async iterator that ends only by cancellation or by leaving the context.

    Who does not keep up finds one `snapshot` in place of what was missed: anything may have changed.
    """

    def __init__(self, hub: "ChangeHub", limit: int = _LIMIT) -> None:
        self._hub = hub
        self._limit = limit
        self._changes: deque[DirectoryChange] = deque()
        self._news = asyncio.Event()
        self._closed = False

    async def __aenter__(self) -> Self:
        self._hub.join(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hub.leave(self)
        self._closed = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DirectoryChange:
        while not self._changes:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._changes.popleft()

    def offer(self, changes: Iterable[DirectoryChange]) -> None:
        """Take in changes; never waits."""
        self._changes.extend(changes)
        if len(self._changes) > self._limit:
            self._changes.clear()
            self._changes.append(_SNAPSHOT)
        self._news.set()


class ChangeHub:
    """Hands changes to all subscriptions."""

    def __init__(self) -> None:
        self._subscriptions: list[ChangeSubscription] = []

    def join(self, subscription: ChangeSubscription) -> None:
        """From now on the subscription hears of changes."""
        self._subscriptions.append(subscription)

    def leave(self, subscription: ChangeSubscription) -> None:
        """It hears no more."""
        self._subscriptions.remove(subscription)

    def publish(self, changes: Iterable[DirectoryChange]) -> None:
        """Tell everybody."""
        told = list(changes)
        if told:
            for subscription in self._subscriptions:
                subscription.offer(told)
