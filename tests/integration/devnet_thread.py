"""A devnet in a thread of the test process, and its admin methods."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from joygrpc.devnet.config import DevnetAddresses, DevnetConfig
from joygrpc.devnet.server import run_devnet


@dataclass(frozen=True)
class Devnet:
    """A running devnet."""

    addresses: DevnetAddresses

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a JSON-RPC method; parameters by name."""
        url = self.addresses.chain.replace("ws://", "http://")
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
            answer = await response.json()
        assert "result" in answer, answer
        return answer["result"]

    async def seal(self, count: int = 1) -> None:
        """Make blocks."""
        await self.call("devnet_seal", count=count)


@contextmanager
def devnet_in_thread(config: DevnetConfig) -> Iterator[Devnet]:
    """Run a devnet until the context ends."""
    started = threading.Event()
    running: list[Any] = []

    async def main() -> None:
        def ready(addresses: DevnetAddresses) -> None:
            running.append(addresses)
            started.set()

        task = asyncio.ensure_future(run_devnet(config, ready))
        running[:] = [asyncio.get_running_loop(), task]
        try:
            await task
        except asyncio.CancelledError:
            return
        finally:
            started.set()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="devnet")
    thread.start()
    try:
        assert started.wait(30)
        loop, task, addresses = running
        yield Devnet(addresses)
    finally:
        loop, task = running[:2]
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
