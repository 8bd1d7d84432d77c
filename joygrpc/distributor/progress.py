"""Waking all who wait for something to change."""

import asyncio


class Signal:
    """Wakes everybody who waits at the moment of `notify`. No lock and no memory: look at the state first, then wait, without awaiting in between."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all who wait now."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        """Wait for the next `notify`."""
        await self._event.wait()
