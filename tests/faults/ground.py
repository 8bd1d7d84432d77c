"""One storage node on a devnet that can be taken away from it in all ways."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from joygrpc.config import StorageNodeConfig
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from tests.faults.chaos import lane_config, operator
from tests.faults.devnet_process import DevnetProcess, devnet_process, free_port
from tests.faults.forge import Forge, forge
from tests.faults.lane import Lane
from tests.faults.ledger import BAG, Ledger, Piece, draft
from tests.faults.link import Link, link
from tests.faults.supply import Supply
from tests.faults.uploading import Clients
from tests.integration.storage_program import RunningNode

WITHIN_S = 40


@dataclass
class Ground:
    """The devnet, the links through which the node sees it, and the ledger of what it promised."""

    devnet: DevnetProcess
    chain: Link
    query_node: Link
    supply: Supply
    ledger: Ledger
    clients: Clients
    lane: Lane

    @property
    def node(self) -> RunningNode:
        """The node, which must be up."""
        assert self.lane.node is not None
        return self.lane.node

    async def start(self) -> None:
        """Starts the node and examines it."""
        await self.lane.begin()
        assert await self.lane.ready()
        await self.lane.examine()

    async def restart(self) -> None:
        """Kills the node and starts it again."""
        await self.lane.end("under load")
        await self.start()

    async def pieces(self, count: int, size: int | None = None) -> list[Piece]:
        """New objects on chain."""
        return await self.supply.create([draft(self.clients.rng, size) for _ in range(count)])

    async def upload(self, pieces: Sequence[Piece]) -> None:
        """Uploads that must be acknowledged."""
        for piece in pieces:
            assert await self.clients.upload(self.node, piece) == "OK"

    async def check(self) -> None:
        """Nothing that was acknowledged is lost, and all of it is served."""
        await asyncio.to_thread(self.lane.check_again)
        promised = self.ledger.promised(self.lane.worker)
        await self.lane.read_back(sorted(promised), promised)
        assert self.ledger.violations == []

    async def until_stored(self, pieces: Sequence[Piece], within_s: float = WITHIN_S) -> None:
        """Waits until the node calls the objects stored: it knows that their acceptance is final."""

        async def done() -> bool:
            return await self.states(pieces) == {"stored"}

        await eventually(done, within_s)

    async def until_accepted(self, pieces: Sequence[Piece], within_s: float = WITHIN_S) -> None:
        """Waits until the objects are stored, and accepted by the word of a query node that behaves."""
        await self.until_stored(pieces, within_s)
        ids = {piece.id for piece in pieces}

        async def done() -> bool:
            return ids <= await self.devnet.accepted(sorted(ids))

        await eventually(done, within_s)

    async def states(self, pieces: Sequence[Piece]) -> set[str]:
        """The states of objects in the index."""
        entries = await asyncio.to_thread(self.lane.folder.entries)
        return {entries[piece.id].state for piece in pieces}

    async def status(self) -> pb.DirectoryStatus:
        """What the node tells of its directory."""
        return (await self.node.mesh.GetStatus(pb.GetStatusRequest())).directory

    async def until_status(self, wanted: Callable[[pb.DirectoryStatus], bool], *chores: str) -> None:
        """Waits until the node tells what is wanted; the chores are run again and again, instead of waiting for their turn."""

        async def done() -> bool:
            for chore in chores:
                await self.node.run_chore(chore)
            return wanted(await self.status())

        await eventually(done)

    async def metric(self, sample: str) -> float:
        """The value of a sample of the node's metrics, 0 when there is none."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.node.addresses["admin"] + "/metrics") as response,
        ):
            for line in (await response.text()).splitlines():
                if line.startswith(sample + " "):
                    return float(line.rsplit(" ", 1)[1])
        return 0.0


async def eventually(condition: Callable[[], Any], within_s: float = WITHIN_S) -> None:
    """Waits for something that nothing announces to the test."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def storage_ground(
    folder: Path, change: Callable[[StorageNodeConfig], StorageNodeConfig] = lambda config: config
) -> AsyncIterator[Ground]:
    """A ground whose node is up; `change` may set what a test needs."""
    port, rng, ledger = free_port(), random.Random(7), Ledger()
    operators = [operator(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}")] * 3
    async with contextlib.AsyncExitStack() as stack:
        devnet = await stack.enter_async_context(devnet_process(folder / "devnet", operators))
        smith: Forge = await stack.enter_async_context(forge())
        chain, query_node = [await stack.enter_async_context(link(port)) for port in devnet.ports]
        config = lane_config(0, folder, devnet, port)
        config = config.model_copy(
            update={
                "chain": config.chain.model_copy(
                    update={"url": f"ws://127.0.0.1:{chain.port}", "rpc_timeout_s": 3.0, "connect_timeout_s": 3.0}
                ),
                "query_node": config.query_node.model_copy(
                    update={"url": f"http://127.0.0.1:{query_node.port}/graphql", "timeout_s": 1.0}
                ),
            }
        )
        supply = Supply(devnet, ledger, rng)
        clients = Clients(0, ledger, supply, rng)
        lane = Lane(change(config), smith, ledger, clients, rng, folder / "node.log")
        ground = Ground(devnet, chain, query_node, supply, ledger, clients, lane)
        try:
            await ground.start()
            yield ground
        finally:
            await lane.end("the end")


__all__ = ["BAG", "Ground", "eventually", "storage_ground"]
