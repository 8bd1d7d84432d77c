"""The process of a storage node: from its configuration to its listeners, and back down."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

import structlog

from joygrpc.chain import Chain, ChainError, ChainUnavailable, KeyInvalid, SubstrateChain
from joygrpc.chain.settings import chain_config
from joygrpc.config import StorageNodeConfig
from joygrpc.config.storage import ADDRESSES_FILE
from joygrpc.directory import Directory, DirectoryConfig, DirectoryScope, DirectoryUnusable
from joygrpc.mesh import MeshServer, tls_files
from joygrpc.query_node import QueryNodeClient
from joygrpc.storage.data_directory import DataDirectory, DataDirectoryInUse, DataDirectoryUnusable
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import IndexFailed, ObjectIndex
from joygrpc.storage.node import StorageNode
from joygrpc.storage.parallel import together
from joygrpc.storage.peer_sources import PeerSources
from joygrpc.storage.schema import IndexTooNew
from joygrpc.storage.takeover_files import FlatFolders
from joygrpc.supervisor import ChildContext, bind_listener, run_async, write_ready_file
from joygrpc.telemetry.admin import Readiness, admin_app, serving

log = structlog.get_logger(__name__)

_WITH_DATA_WAIT = timedelta(seconds=5)
"""How long a node that has objects to serve waits for chain and query node before it serves them."""
_POLL_S = 0.5
_DEVELOPMENT = frozenset({"Development", "Local"})


class Exit(IntEnum):
    """Exit codes of a storage node's process, as the reference has them."""

    OK = 0
    NOT_A_DEVELOPMENT_CHAIN = 101
    FILE_ERROR = 102
    INVALID_WORKER = 103
    SERVER_ERROR = 105
    CHAIN_ERROR = 200


class StartFailed(Exception):
    """The node cannot start; the message is for its operator."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code


def main(context: ChildContext) -> int:
    """Runs a storage node as a supervised child; gives the exit code."""
    return run_async(context, _run)


async def _run(context: ChildContext, stop: asyncio.Event) -> int:
    config = StorageNodeConfig.from_json(context.config_json)
    code = Exit.OK
    try:
        async with contextlib.AsyncExitStack() as stack:
            node = await _assemble(config, context, stop, stack)
            await _serve(config, node, context, stop)
    except* StartFailed as failures:
        failure = _first(failures)
        code = failure.code
        # Its operator needs the message, not the way to it.
        log.error("the node cannot start", problem=str(failure), exit_code=int(code))  # noqa: TRY400
    return int(code)


def _first(failures: BaseExceptionGroup[StartFailed]) -> StartFailed:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, StartFailed)
    return first


@dataclass(frozen=True, slots=True)
class _Assembled:
    """A wired node, and what it stands on."""

    node: StorageNode
    chain: Chain
    directory: Directory
    index: ObjectIndex
    empty: bool
    """Whether there is nothing that could be served yet."""


async def _assemble(
    config: StorageNodeConfig, context: ChildContext, stop: asyncio.Event, stack: contextlib.AsyncExitStack
) -> _Assembled:
    """Opens data directory, index, chain client and directory. Raises `StartFailed`."""

    def shut_down() -> None:
        context.notify_ending()
        stop.set()

    try:
        data = DataDirectory(config.uploads, incoming=_incoming(config), private=config.private_directory)
        stack.enter_context(data.owned())
        index = await stack.enter_async_context(ObjectIndex(data.index))
    except (OSError, DataDirectoryInUse, DataDirectoryUnusable, IndexFailed, IndexTooNew) as error:
        raise StartFailed(Exit.FILE_ERROR, f"the data directory cannot be used: {error}") from error
    store = await stack.enter_async_context(DiskStore(data, reserve=config.limits.free_disk_reserve_bytes))
    try:
        chain = await stack.enter_async_context(SubstrateChain(chain_config(config.chain)))
    except KeyInvalid as error:
        raise StartFailed(Exit.FILE_ERROR, f"a key cannot be used: {error}") from error
    except ChainError as error:
        raise StartFailed(Exit.CHAIN_ERROR, f"the chain client does not start: {error}") from error
    query_node = await stack.enter_async_context(
        QueryNodeClient(
            config.query_node.url, timedelta(seconds=config.query_node.timeout_s), page_size=config.query_node.page_size
        )
    )
    try:
        directory = await stack.enter_async_context(Directory(chain, query_node, _directory_config(config)))
    except DirectoryUnusable as error:
        raise StartFailed(Exit.FILE_ERROR, str(error)) from error
    sources = await stack.enter_async_context(PeerSources(timedelta(seconds=config.sync.stall_timeout_s)))
    node = StorageNode(
        config,
        chain=chain,
        query_node=query_node,
        directory=directory,
        index=index,
        store=store,
        sources=sources,
        folders=FlatFolders(data, config.pending_directory),
        shut_down=shut_down,
    )
    return _Assembled(node, chain, directory, index, empty=not await index.page(limit=1))


def _incoming(config: StorageNodeConfig) -> Path:
    """Where arriving bytes go: the operator's folder if objects can be renamed from there, else one below the data directory. Raises OSError."""
    chosen = config.temp_folder
    if chosen is None:
        return config.temp_directory
    for folder in (config.uploads, chosen):
        folder.mkdir(parents=True, exist_ok=True)
    if chosen.stat().st_dev == config.uploads.stat().st_dev:
        return chosen
    log.warning("the folder for arriving bytes is on another file system and not used", folder=str(chosen))
    return config.uploads / "temp"


def _directory_config(config: StorageNodeConfig) -> DirectoryConfig:
    buckets = frozenset(config.buckets)
    scope = DirectoryScope(storage_buckets=buckets) if buckets else DirectoryScope(storage_worker=config.worker)
    return DirectoryConfig(
        path=config.private_directory / "directory.sqlite",
        scope=scope,
        refresh_interval=timedelta(seconds=config.directory.snapshot_interval_s),
        negative_ttl=timedelta(seconds=config.directory.unknown_ttl_s),
        page_size=config.query_node.page_size,
        status_interval=timedelta(seconds=config.directory.status_interval_s),
    )


async def _serve(config: StorageNodeConfig, assembled: _Assembled, context: ChildContext, stop: asyncio.Event) -> None:
    """Starts everything, serves until `stop` is set, drains. Raises `StartFailed`."""
    node = assembled.node
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(stop.wait(), name="stop")
        background: list[asyncio.Task[Any]] = [stopping, tasks.create_task(assembled.directory.run(), name="directory")]
        try:
            preflight = tasks.create_task(_preflight(config, assembled), name="preflight")
            await asyncio.wait((preflight, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not preflight.done():
                preflight.cancel()
                return
            preflight.result()
            background.append(tasks.create_task(node.run(), name="node"))
            async with _listening(config, assembled) as listening:
                context.notify_ready(listening.addresses)
                await stop.wait()
                await listening.drain(config, node)
        finally:
            for task in background:
                task.cancel()


async def _preflight(config: StorageNodeConfig, assembled: _Assembled) -> None:
    """Waits for chain and query node, and checks that the worker exists.

    A node with objects waits only briefly: it serves them while chain or query node are away, and learns its buckets when they are back.
    """
    limit = timedelta(seconds=config.chain.start_timeout_s)
    if not assembled.empty:
        limit = min(limit, _WITH_DATA_WAIT)
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await _chain_answers(assembled.chain)
            if config.chain.dev and (kind := await assembled.chain.chain_type()) not in _DEVELOPMENT:
                raise StartFailed(
                    Exit.NOT_A_DEVELOPMENT_CHAIN, f"--dev is for development chains; the chain is of type {kind}"
                )
            if await assembled.chain.worker("storage", config.worker) is None:
                raise StartFailed(Exit.INVALID_WORKER, f"the storage working group has no worker {config.worker}")
            await assembled.directory.wait_ready()
            await assembled.node.refresh()
    except (TimeoutError, ChainUnavailable) as error:
        if assembled.empty:
            raise StartFailed(Exit.CHAIN_ERROR, "chain or query node do not answer") from error
        log.warning("chain or query node do not answer; the node serves what it has")
        assembled.node.buckets_chore.trigger()
    if not assembled.node.buckets.served:
        log.warning("no bucket to serve; the node is idle until the worker has one")


async def _chain_answers(chain: Chain) -> None:
    """Waits until the chain can be asked and is not catching up."""
    while True:
        try:
            if not await chain.is_syncing():
                return
            log.info("the chain node is catching up")
        except ChainUnavailable:
            log.info("waiting for the chain")
        await asyncio.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class _Listening:
    """The node's listeners, and where they are."""

    servers: tuple[MeshServer, ...]
    readiness: Readiness
    addresses: dict[str, object]

    async def drain(self, config: StorageNodeConfig, node: StorageNode) -> None:
        """Takes nothing new, and lets what runs end within the grace."""
        self.readiness.draining = True
        await node.hub.drain(timedelta(seconds=config.shutdown.drain_s))
        await together(server.drain() for server in self.servers)


@contextlib.asynccontextmanager
async def _listening(config: StorageNodeConfig, assembled: _Assembled) -> AsyncIterator[_Listening]:
    """Opens the local socket, the mesh address and the two admin addresses. Raises `StartFailed`."""
    node = assembled.node
    grace = timedelta(seconds=config.shutdown.drain_s)
    socket_path = config.node_socket or config.private_directory / "node.sock"
    local = MeshServer(f"unix:{socket_path}", node.local_services(), grace=grace)
    mesh = MeshServer(
        _address(config.mesh.host, config.mesh.port),
        node.mesh_services(),
        grace=grace,
        max_concurrent_rpcs=config.mesh.max_concurrent_rpcs,
        tls=tls_files(config.mesh.tls),
    )
    admin = MeshServer(
        _address(config.admin.host, config.admin.grpc_port), node.admin_services(), with_channelz=True, grace=grace
    )

    async def index_answers() -> bool:
        await assembled.index.counts()
        return True

    readiness = Readiness({"index": index_answers})
    async with contextlib.AsyncExitStack() as stack:
        try:
            socket_path.unlink(missing_ok=True)
            for server in (local, mesh, admin):
                await stack.enter_async_context(server)
            listener = stack.enter_context(bind_listener(config.admin.host, config.admin.port))
            admin_url = await stack.enter_async_context(serving(admin_app(readiness), listener))
        except (OSError, RuntimeError) as error:
            raise StartFailed(Exit.SERVER_ERROR, f"a listener cannot be opened: {error}") from error
        addresses: dict[str, object] = {
            "grpc": _address(config.mesh.host, mesh.port),
            "admin": admin_url,
            "admin_grpc": _address(config.admin.host, admin.port),
            "socket": str(socket_path),
            "worker": config.worker,
            "buckets": sorted(node.buckets.served),
        }
        addresses_file = config.private_directory / ADDRESSES_FILE
        write_ready_file(addresses_file, addresses)
        stack.callback(addresses_file.unlink, missing_ok=True)
        yield _Listening((local, mesh, admin), readiness, addresses)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
