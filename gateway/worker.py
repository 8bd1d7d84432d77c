"""One gateway worker: its APIs, and what it does about the node's news."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import structlog

from gateway.accesses import AccessCounts
from gateway.api_server import api_server
from gateway.app import Handler
from gateway.delivery import Delivery
from gateway.distributor_node import DistributorNode
from gateway.distributor_routes import DistributorRoutes
from gateway.errors import DISTRIBUTOR, OPERATOR, STORAGE, Dialect
from gateway.leases import LeaseTable
from gateway.listener import Listener
from gateway.node_link import NodeLink
from gateway.node_watch import NodeWatch
from gateway.operator_routes import OperatorRoutes
from gateway.routing import Route
from gateway.storage_node import StorageNode
from gateway.storage_routes import StorageRoutes
from gateway.uploads import Uploads
from joygrpc.config.gateway import GatewayConfig
from joygrpc.mesh import ChannelPool, MeshError, tls_files
from joygrpc.pb.joystream.content.v1.content_pb2 import AccessCount
from joygrpc.pb.joystream.operator.v1.operator_pb2 import LeaseRevocation

log = structlog.get_logger("joygrpc.gateway")

REPORT_EVERY = timedelta(seconds=5)
FIRST_NEWS_WAIT = timedelta(seconds=5)
"""How long a worker waits for its node to say whether the API is on; then it opens its port, and answers 503 until the node is there."""

Report = Callable[[Sequence[AccessCount]], Awaitable[None]]


class Worker:
    """A running worker, which acts on the node's news."""

    def __init__(self, public: Listener, leases: LeaseTable, counts: AccessCounts, report: Report) -> None:
        self.public = public
        self.leases = leases
        self.counts = counts
        self._report = report
        self._news_came = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Worker {self.public!r} {self.leases!r}>"

    async def api_changed(self, *, enabled: bool) -> None:
        """Opens or closes the public port."""
        if enabled:
            await self.public.open()
        else:
            self.public.close(refuse=True)
        log.info("public api", enabled=enabled)
        self._news_came.set()

    def leases_ended(self, revoked: LeaseRevocation) -> None:
        """Stops using them."""
        if revoked.all:
            self.leases.revoke_all()
        else:
            self.leases.revoke(revoked.lease_ids, revoked.object_ids)

    def draining(self, grace: timedelta) -> None:
        """Takes nothing new; a node that comes back says so."""
        log.info("the node drains", grace_s=grace.total_seconds())
        self.public.close(refuse=False)

    def connected(self) -> None:
        """Leases may be kept from here on."""
        self.leases.watch(watched=True)

    def lost(self) -> None:
        """Leases may not be kept while they cannot be revoked."""
        self.leases.watch(watched=False)

    async def report_accesses(self) -> None:
        """Hands the gathered counts to the node; keeps them when it cannot be reached."""
        counts = self.counts.take()
        if not counts:
            return
        try:
            await self._report(counts)
        except MeshError as error:
            log.info("accesses not reported", reason=error.reason)
            self.counts.put_back(counts)

    async def report_for_ever(self) -> None:
        """Reports now and then, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_EVERY.total_seconds())
            await self.report_accesses()

    async def begin(self) -> None:
        """Waits until the node has said whether the API is on, or opens the port after a while of silence."""
        try:
            async with asyncio.timeout(FIRST_NEWS_WAIT.total_seconds()):
                await self._news_came.wait()
        except TimeoutError:
            log.warning("no news of the node; opening the port")
            await self.public.open()


@asynccontextmanager
async def running_worker(config: GatewayConfig, sockets: Mapping[str, socket.socket]) -> AsyncIterator[Worker]:
    """A worker that serves for the length of the block; leaving it drains.

    `sockets` holds the listening sockets: `public` and, for a distributor with an operator's API, `operator`.
    """
    limits = config.limits
    stall = timedelta(seconds=limits.stall_timeout_s)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(ChannelPool(tls_files(config.node_tls)))
        channel = pool.channel(config.node_target, tls=config.node_tls is not None)
        call_timeout = timedelta(seconds=limits.node_call_timeout_s)
        link = NodeLink(channel, config.node_target, call_timeout=call_timeout, stall=stall, pull=limits.pull_bytes)
        leases = LeaseTable(config.data_root, limits.lease_files)
        stack.callback(leases.revoke_all)
        counts = AccessCounts()
        delivery = Delivery(config.kind, stall)

        async def serve(api: str, name: str, routes: list[Route[Handler]], dialect: Dialect) -> Listener:
            return await stack.enter_async_context(api_server(api, routes, dialect, sockets[name], config))

        report: Report
        if config.kind == "storage":
            storage = StorageNode(link, leases)
            report = storage.report
            routes = StorageRoutes(storage, leases, counts, delivery, Uploads(storage, limits)).routes()
            public = await serve("storage", "public", routes, STORAGE)
        else:
            distributor = DistributorNode(link, leases)
            report = distributor.report
            routes = DistributorRoutes(distributor, leases, counts, delivery).routes()
            public = await serve("distributor", "public", routes, DISTRIBUTOR)
            if config.operator is not None:
                secret = config.operator.hmac_secret.get_secret_value().encode()
                operator_routes = OperatorRoutes(distributor, secret).routes()
                operator = await serve("operator", "operator", operator_routes, OPERATOR)
                await operator.open()
        worker = Worker(public, leases, counts, report)
        stack.push_async_callback(worker.report_accesses)
        stack.enter_context(_loop_errors_to(public))
        async with _watching(worker, link, config.worker_index):
            yield worker


@asynccontextmanager
async def _watching(worker: Worker, link: NodeLink, worker_index: int) -> AsyncIterator[None]:
    """The worker's own tasks, from before it serves until after."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(worker.report_for_ever(), name="report accesses")]
        if link.local:
            running.append(tasks.create_task(NodeWatch(link, worker_index, worker).run(), name="watch node"))
        else:
            # A remote node talks to its own gateway alone.
            await worker.api_changed(enabled=True)
        try:
            await worker.begin()
            yield
        finally:
            for task in running:
                task.cancel()


@contextmanager
def _loop_errors_to(listener: Listener) -> Iterator[None]:
    """Tells the listener of errors in the event loop's own accepting, where no task could catch them."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if listener.interrupted(context.get("exception")):
            return
        if before is None:
            loop.default_exception_handler(context)
        else:
            before(loop, context)

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
