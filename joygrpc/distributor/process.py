"""The process of a distributor node: from its configuration to its listeners, and back down."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Any

import structlog

from joygrpc.chain import ChainError, SubstrateChain
from joygrpc.chain.settings import chain_config
from joygrpc.config import ChainSettings, DistributorNodeConfig
from joygrpc.directory import Directory, DirectoryConfig, DirectoryScope, DirectoryUnusable
from joygrpc.distributor.address_guard import AddressGuard
from joygrpc.distributor.assignment import AssignmentStore
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.cache_index import CacheIndex, IndexTooNew
from joygrpc.distributor.cache_json import begin_takeover, end_takeover
from joygrpc.distributor.errors import CacheIndexFailed, DeliveryFailed
from joygrpc.distributor.grpc_source import GrpcSource
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.node import DistributorNode, configured_assignment
from joygrpc.distributor.object_file import DiskThreads
from joygrpc.distributor.ownership import DirectoryInUse, owned
from joygrpc.distributor.policies import configured_policy
from joygrpc.distributor.rest_source import RestSource
from joygrpc.distributor.sources import PeerBook
from joygrpc.distributor.takeover import Heritage
from joygrpc.mesh import ChannelPool, MeshServer, tls_files
from joygrpc.query_node import QueryNodeClient
from joygrpc.supervisor import ChildContext, bind_listener, run_async
from joygrpc.telemetry.admin import Readiness, admin_app, serving
from joygrpc.telemetry.process_metrics import watch_process

log = structlog.get_logger(__name__)

OBJECTS_DIRECTORY = "objects"
"""Below `directories.assets`; the cache removes what it does not know from there, and touches nothing beside it."""

_FIRST_PICTURE_WAIT = timedelta(seconds=20)
"""How long a node with an empty cache, which can serve nothing yet, waits for chain and query node before it says that it is ready."""


class Exit(IntEnum):
    """Exit codes of a distributor node's process."""

    OK = 0
    INIT_FAILED = 255


class StartFailed(Exception):
    """The node cannot start; the message is for its operator."""


def main(context: ChildContext) -> int:
    """Run a distributor node as a supervised child; gives the exit code."""
    return run_async(context, _run)


async def _run(context: ChildContext, stop: asyncio.Event) -> int:
    config = DistributorNodeConfig.from_json(context.config_json)
    try:
        async with AsyncExitStack() as stack:
            assembled = await _assemble(config, context, stop, stack)
            await _serve(config, assembled, context, stop)
    except* StartFailed as failures:
        # Its operator needs the message, not the way to it.
        log.error("the node cannot start", problem=str(_first(failures)))  # noqa: TRY400
        return_code = Exit.INIT_FAILED
    else:
        return_code = Exit.OK
    return int(return_code)


def _first(failures: BaseExceptionGroup[StartFailed]) -> BaseException:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A wired node, and what it stands on."""

    node: DistributorNode
    chain: SubstrateChain
    directory: Directory
    cache: Cache


async def _assemble(
    config: DistributorNodeConfig, context: ChildContext, stop: asyncio.Event, stack: AsyncExitStack
) -> _Assembled:
    """Open cache, links and directory. Raises `StartFailed`."""

    def shut_down() -> None:
        context.notify_ending()
        stop.set()

    directories = config.directories
    try:
        stack.enter_context(owned(directories.cache_state, directories.assets))
        threads = stack.enter_context(DiskThreads())
        index = await stack.enter_async_context(CacheIndex(directories.cache_state / "cache.sqlite"))
        assignments = AssignmentStore(configured_assignment(config), index)
        await assignments.load()
        cache = Cache(
            directories.assets / OBJECTS_DIRECTORY,
            configured_policy(config.joygrpc),
            index,
            threads,
            limit=config.limits.storage,
            disk_reserve=config.joygrpc.free_disk_reserve_bytes,
        )
        stack.callback(cache.close)
        await cache.adopt()
        files = await begin_takeover(directories.assets, directories.cache_state, index, cache_is_empty=not len(cache))
    except (OSError, sqlite3.Error, DirectoryInUse, CacheIndexFailed, IndexTooNew, DeliveryFailed) as error:
        raise StartFailed(f"the cache cannot be used: {error}") from error
    links = await _links(config, stack)
    # Entered beside the listeners: starting it takes seconds, and what lies in the cache does not need it.
    chain = SubstrateChain(chain_config(ChainSettings(url=config.endpoints.joystream_node_ws)))
    query_node = await stack.enter_async_context(QueryNodeClient(config.endpoints.storage_squid))
    try:
        directory = await stack.enter_async_context(
            Directory(chain, query_node, _directory_config(config, assignments))
        )
    except DirectoryUnusable as error:
        raise StartFailed(str(error)) from error
    node = DistributorNode(
        config,
        cache=cache,
        links=links,
        assignments=assignments,
        directory=directory,
        heritage=Heritage(files, threads, lambda: end_takeover(index)),
        shut_down=shut_down,
    )
    return _Assembled(node, chain, directory, cache)


async def _links(config: DistributorNodeConfig, stack: AsyncExitStack) -> PeerLinks:
    extras = config.joygrpc
    lookup = timedelta(milliseconds=config.limits.outbound_requests_timeout_ms)
    stall = timedelta(seconds=extras.stall_timeout_s)
    guard = AddressGuard(allow_private=extras.allow_private_sources)
    channels = await stack.enter_async_context(ChannelPool())
    rest = await stack.enter_async_context(RestSource(guard, lookup, stall))
    return PeerLinks(
        PeerBook(timedelta(seconds=extras.absent_source_ttl_s)),
        GrpcSource(channels, guard, lookup, stall),
        rest,
        most=config.limits.max_concurrent_outbound_connections,
        most_per_peer=extras.max_connections_per_source,
    )


def _directory_config(config: DistributorNodeConfig, assignments: AssignmentStore) -> DirectoryConfig:
    assignment = assignments.current
    if assignment.buckets is not None:
        scope = DirectoryScope(distribution_buckets=frozenset(assignment.buckets))
    else:
        scope = DirectoryScope(distribution_worker=assignment.worker_id)
    return DirectoryConfig(
        path=config.directories.cache_state / "directory.sqlite",
        scope=scope,
        refresh_interval=timedelta(seconds=config.joygrpc.directory_refresh_interval_s),
        lookup_ttl=timedelta(seconds=config.limits.query_node_cache_ttl),
        negative_ttl=timedelta(seconds=config.joygrpc.unknown_ttl_s),
    )


async def _serve(
    config: DistributorNodeConfig, assembled: _Assembled, context: ChildContext, stop: asyncio.Event
) -> None:
    """Start everything, serve until `stop` is set, drain. Raises `StartFailed`."""
    node = assembled.node
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(stop.wait(), name="stop")
        background: list[asyncio.Task[Any]] = [
            stopping,
            tasks.create_task(_keep_directory(assembled), name="directory"),
            tasks.create_task(node.run(), name="node"),
            tasks.create_task(watch_process("node"), name="process-metrics"),
        ]
        try:
            async with node.fills, _listening(config, assembled) as listening:
                if not len(assembled.cache):
                    await _first_picture(assembled.directory, stopping)
                context.notify_ready(listening.addresses)
                await stop.wait()
                await listening.drain(config, node)
            await assembled.cache.save_standings()
        finally:
            for task in background:
                task.cancel()


async def _keep_directory(assembled: _Assembled) -> None:
    try:
        async with assembled.chain:
            await assembled.directory.run()
    except ChainError as error:
        raise StartFailed(f"the chain client does not start: {error}") from error


async def _first_picture(directory: Directory, stopping: "asyncio.Task[Any]") -> None:
    """Wait for the first picture of the chain, within bounds."""
    waiting = asyncio.ensure_future(directory.wait_ready())
    try:
        await asyncio.wait(
            (waiting, stopping), timeout=_FIRST_PICTURE_WAIT.total_seconds(), return_when=asyncio.FIRST_COMPLETED
        )
        if not waiting.done():
            log.warning("chain or query node do not answer yet")
    finally:
        waiting.cancel()


@dataclass(frozen=True, slots=True)
class _Listening:
    """The node's listeners, and where they are."""

    servers: tuple[MeshServer, ...]
    readiness: Readiness
    addresses: dict[str, object]

    async def drain(self, config: DistributorNodeConfig, node: DistributorNode) -> None:
        """Take nothing new, and let what runs end within the grace."""
        self.readiness.draining = True
        await node.hub.drain(timedelta(seconds=config.joygrpc.shutdown.drain_s))
        async with asyncio.TaskGroup() as tasks:
            for server in self.servers:
                tasks.create_task(server.drain(), name=f"drain {server.address}")


@asynccontextmanager
async def _listening(config: DistributorNodeConfig, assembled: _Assembled) -> AsyncIterator[_Listening]:
    """Open the local socket, the mesh address and the two admin addresses. Raises `StartFailed`."""
    node, extras = assembled.node, config.joygrpc
    grace = timedelta(seconds=extras.shutdown.drain_s)
    socket_path = extras.node_socket or config.directories.cache_state.absolute() / "node.sock"
    local = MeshServer(f"unix:{socket_path}", node.local_services(), grace=grace)
    mesh = MeshServer(
        _address(extras.mesh.host, extras.mesh.port),
        node.mesh_services(),
        grace=grace,
        max_concurrent_rpcs=extras.mesh.max_concurrent_rpcs,
        tls=tls_files(extras.mesh.tls),
    )
    admin = MeshServer(
        _address(extras.admin.host, extras.admin.grpc_port), node.admin_services(), with_channelz=True, grace=grace
    )

    async def has_a_picture() -> bool:
        return len(assembled.cache) > 0 or (await assembled.directory.status()).directory_height > 0

    readiness = Readiness({"directory": has_a_picture})
    async with AsyncExitStack() as stack:
        try:
            socket_path.unlink(missing_ok=True)
            for server in (local, mesh, admin):
                await stack.enter_async_context(server)
            listener = stack.enter_context(bind_listener(extras.admin.host, extras.admin.port))
            admin_url = await stack.enter_async_context(serving(admin_app(readiness), listener))
        except (OSError, RuntimeError) as error:
            raise StartFailed(f"a listener cannot be opened: {error}") from error
        assignment = node.status.assignment
        addresses: dict[str, object] = {
            "grpc": _address(extras.mesh.host, mesh.port),
            "admin": admin_url,
            "admin_grpc": _address(extras.admin.host, admin.port),
            "socket": str(socket_path),
            "worker": assignment.worker_id,
            "buckets": list(assignment.buckets or ()),
        }
        yield _Listening((local, mesh, admin), readiness, addresses)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
