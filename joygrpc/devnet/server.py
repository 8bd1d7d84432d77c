"""Running a devnet: chain and query node in one process, on two ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from aiohttp import web

from joygrpc.devnet.admin import AdminMethods
from joygrpc.devnet.administrator import Administrator
from joygrpc.devnet.chain.archive import Archive
from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.chain.production import BlockProducer
from joygrpc.devnet.config import DevnetAddresses, DevnetConfig
from joygrpc.devnet.fault_methods import FaultMethods
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.metadata.runtime import build_runtime
from joygrpc.devnet.presets import settle_dev
from joygrpc.devnet.query_node import QueryNode
from joygrpc.devnet.rpc.endpoint import RpcEndpoint

log = structlog.get_logger(__name__)
_ARCHIVE_NAME: Final = "chain.sqlite"
_VERSION: Final = "1"


async def run_devnet(config: DevnetConfig, ready: Callable[[DevnetAddresses], None]) -> None:
    """Run until cancelled; `ready` is called once both ports answer and the preset is in place.

    Raises OSError for a port that is taken, ArchiveUnusable for data that cannot be read or are in use, and ArchiveFailed
    (in a group) when a block cannot be written.
    """
    faults = Faults()
    with_archive = None if config.data is None else config.data / _ARCHIVE_NAME
    runtime = build_runtime(config.limits)
    archive = None if with_archive is None else Archive(with_archive, runtime)
    try:
        chain = Chain(
            runtime,
            faults=faults,
            archive=archive,
            finality_lag=config.finality_lag,
            fixed_step_ms=config.fixed_step_ms,
        )
        if (preset := config.preset) is not None:
            chain.perform(lambda ledger, calls: settle_dev(ledger, Administrator(ledger, calls), preset))
        await _serve(config, chain, faults, ready)
    finally:
        if archive is not None:
            archive.close()


async def _serve(config: DevnetConfig, chain: Chain, faults: Faults, ready: Callable[[DevnetAddresses], None]) -> None:
    accounts = config.preset.accounts() if config.preset else {}
    query_node = QueryNode(faults)
    producer = BlockProducer(chain, idle=_duration(config.block_time_ms or None), delay=_duration(config.seal_delay_ms))
    admin = AdminMethods(chain, accounts, query_node.set_subtitle)
    misbehaviour = FaultMethods(faults, chain.runtime, producer.wake)
    endpoint = RpcEndpoint(chain, _VERSION, {**admin.methods(), **misbehaviour.methods()})
    graphql = web.Application()
    query_node.add_routes(graphql)
    async with (
        _listening(endpoint.app(), config.host, config.chain_port) as chain_port,
        _listening(graphql, config.host, config.query_node_port) as query_node_port,
        asyncio.TaskGroup() as tasks,
    ):
        follower = QueryNodeFeed(chain, query_node)
        await follower.catch_up()
        running = [tasks.create_task(follower.run())]
        if config.block_time_ms or config.seal_delay_ms is not None:
            running.append(tasks.create_task(producer.run()))
        addresses = DevnetAddresses(
            chain=f"ws://{config.host}:{chain_port}",
            query_node=f"http://{config.host}:{query_node_port}/graphql",
            accounts=accounts,
        )
        log.info("devnet.ready", chain=addresses.chain, query_node=addresses.query_node, block=chain.best.number)
        ready(addresses)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for task in running:
                task.cancel()


class QueryNodeFeed:
    """Hands the final blocks to the query node, in order, from the first one that it lacks."""

    def __init__(self, chain: Chain, query_node: QueryNode) -> None:
        self._chain = chain
        self._query_node = query_node
        self._next = 1
        self._news = asyncio.Event()
        chain.on_finalized.append(lambda _: self._news.set())

    async def catch_up(self) -> None:
        """Hand over what is final by now."""
        while (block := self._chain.finalized_block(self._next)) is not None:
            await self._query_node.apply(block)
            self._next += 1

    async def run(self) -> None:
        """Hand over blocks as they become final, until cancelled."""
        while True:
            self._news.clear()
            await self.catch_up()
            await self._news.wait()


@asynccontextmanager
async def _listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """The application, served; gives the port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        addresses = runner.addresses
        yield addresses[0][1]
    finally:
        await runner.cleanup()


def _duration(milliseconds: int | None) -> timedelta | None:
    return None if milliseconds is None else timedelta(milliseconds=milliseconds)
