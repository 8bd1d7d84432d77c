"""Parts of an object that several peers send at once, and their order."""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Bytes of an object; begins where a group does."""

    offset: int
    length: int


def windows_from(offset: int, size: int, length: int) -> Iterator[Window]:
    """The rest of an object of `size` bytes in windows of `length`."""
    for start in range(offset, size, length):
        yield Window(start, min(length, size - start))


class WindowQueue:
    """Hands windows to those who fetch and gives their bytes back in order.

    At most so many windows as `take` is told are out or waiting to be written, so a slow peer holds up the others instead of filling the memory.
    """

    def __init__(self, windows: Iterable[Window]) -> None:
        self._todo = list(windows)
        heapq.heapify(self._todo)
        self._order = sorted(self._todo)
        self._written = 0
        self._done: dict[Window, list[bytes]] = {}
        self._out = 0
        self._workers = 0
        self._news = asyncio.Event()

    def join(self) -> None:
        """One more fetches."""
        self._workers += 1

    def leave(self) -> None:
        """One fetches no more."""
        self._workers -= 1
        self._tell()

    async def take(self, most: int) -> Window | None:
        """The next window to fetch; None when there is none left to begin."""
        while self._todo:
            if self._out + len(self._done) < most or self._todo[0] == self._order[self._written]:
                self._out += 1
                return heapq.heappop(self._todo)
            await self._wait()
        return None

    def done(self, window: Window, groups: list[bytes]) -> None:
        """A window was fetched."""
        self._out -= 1
        self._done[window] = groups
        self._tell()

    def give_back(self, window: Window) -> None:
        """A window was not fetched; somebody else may take it."""
        if window not in self._done:
            self._out -= 1
            heapq.heappush(self._todo, window)
            self._tell()

    async def in_order(self) -> AsyncGenerator[bytes, None]:
        """The windows' bytes, in order; ends early when nobody fetches any more."""
        while self._written < len(self._order):
            window = self._order[self._written]
            while window not in self._done:
                if not self._workers:
                    return
                await self._wait()
            for group in self._done[window]:
                yield group
            del self._done[window]
            self._written += 1
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _wait(self) -> None:
        await self._news.wait()
