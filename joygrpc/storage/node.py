"""A storage node put together: its services, its chores, and what they hear from the directory."""

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import structlog

from joygrpc.chain import Chain
from joygrpc.chores import Chore, ChoreRegistry
from joygrpc.config import StorageNodeConfig
from joygrpc.directory import Directory, DirectoryChange
from joygrpc.mesh import EdgeHub, Service, edge_service
from joygrpc.mesh.chores import chore_service
from joygrpc.query_node import QueryNodePort
from joygrpc.storage.acceptance import AcceptanceService
from joygrpc.storage.admin_endpoint import StorageAdminEndpoint, storage_admin_service
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.edge_endpoint import StorageEdgeEndpoint, storage_edge_service
from joygrpc.storage.endpoint import StorageEndpoint, storage_service
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.maintenance import Maintenance
from joygrpc.storage.peer_health import PeerHealth
from joygrpc.storage.peer_sources import PeerSources
from joygrpc.storage.reading import ReadService
from joygrpc.storage.reconcile import ReconcileService
from joygrpc.storage.status import StatusService
from joygrpc.storage.store import ObjectStore
from joygrpc.storage.sync import SyncService
from joygrpc.storage.takeover import TakeoverService
from joygrpc.storage.takeover_files import FlatFolders
from joygrpc.storage.tokens import TokenService
from joygrpc.storage.transfers import Transfers
from joygrpc.storage.upload_streams import AcceptanceWait
from joygrpc.storage.uploads import UploadLimits, UploadService
from joygrpc.storage.verification import TreeService, Verifier

log = structlog.get_logger(__name__)

_RETRY = timedelta(seconds=2)
_RETRY_CEILING = timedelta(minutes=1)


class StorageNode:
    """The parts of one node, wired. Chain, directory, store and index are open while it lives; `run` keeps it going.

    `shut_down` asks the process to drain the node and end, and returns at once.
    """

    def __init__(
        self,
        config: StorageNodeConfig,
        *,
        chain: Chain,
        query_node: QueryNodePort,
        directory: Directory,
        index: ObjectIndex,
        store: ObjectStore,
        sources: PeerSources,
        folders: FlatFolders,
        shut_down: Callable[[], None],
    ) -> None:
        self._config = config
        self._directory = directory
        self._index = index
        self.hub = EdgeHub()
        claims = Claims()
        self._bandwidth = bandwidth = Bandwidth(config.limits.bandwidth_bytes_per_s)
        self.buckets = OwnBuckets(chain, directory, config.worker, config.buckets)
        self.tokens = TokenService(
            chain, auth=config.uploading.auth, lifetime=timedelta(seconds=config.uploading.token_ttl_s), account=None
        )
        self.uploads = UploadService(
            store=store,
            index=index,
            chain=chain,
            buckets=self.buckets,
            claims=claims,
            tokens=self.tokens,
            worker_id=config.worker,
            bandwidth=bandwidth,
            limits=UploadLimits(
                max_concurrent=config.limits.max_concurrent_uploads,
                max_per_client=config.limits.max_uploads_per_client,
                max_pending=config.limits.max_pending_objects,
                max_object_size=config.limits.max_object_bytes,
            ),
            added=lambda _: self.acceptance_chore.trigger(),
        )
        self.acceptance = AcceptanceService(
            index=index,
            chain=chain,
            directory=directory,
            buckets=self.buckets,
            worker_id=config.worker,
            max_batch_size=config.acceptance.max_batch_size,
        )
        self.reconcile = ReconcileService(
            store=store, index=index, directory=directory, claims=claims, revoke=self._revoke
        )
        self.verifier = Verifier(store=store, index=index, revoke=self._revoke, to_accept=self._report_soon)
        self.trees = TreeService(index=index, claims=claims, verifier=self.verifier)
        self.takeover = TakeoverService(
            folders=folders,
            store=store,
            index=index,
            directory=directory,
            claims=claims,
            taken=self._verify_soon,
        )
        health = PeerHealth()
        self.sync = SyncService(
            index=index,
            directory=directory,
            buckets=self.buckets,
            claims=claims,
            sources=sources,
            transfers=Transfers(store=store, health=health, bandwidth=bandwidth, limit=_seconds(config.sync.timeout_s)),
            health=health,
            worker_id=config.worker,
            downloads=config.sync.workers,
            page_size=config.sync.batch_size,
            late=self.takeover.take_one,
        )
        self.reads = ReadService(
            store=store,
            index=index,
            verifier=self.verifier,
            bandwidth=bandwidth,
            drifted=self._drifted,
            late=self.takeover.find_late,
        )
        self.maintenance = Maintenance(
            config,
            chain=chain,
            query_node=query_node,
            directory=directory,
            index=index,
            store=store,
            sources=sources,
            buckets=self.buckets,
            claims=claims,
            revoke=self._revoke,
            rotten=self._rotten,
            drifted=self._drifted,
        )
        self.status = StatusService(
            config=config,
            index=index,
            store=store,
            directory=directory,
            buckets=self.buckets,
            uploads=self.uploads,
            tokens=self.tokens,
            maintenance=self.maintenance,
            funds=self.acceptance.funds,
            takeover=self.takeover.progress,
        )
        self._make_chores()
        scrub = next((chore for chore in self._chores if chore.name == "scrub"), None)
        self._admin = StorageAdminEndpoint(
            self.maintenance, scrub_asked=scrub.trigger if scrub is not None else lambda: None, shut_down=shut_down
        )

    def __repr__(self) -> str:
        return f"<StorageNode worker={self._config.worker} {self.buckets!r}>"

    def _make_chores(self) -> None:
        config = self._config
        self.buckets_chore = Chore(
            "buckets",
            every=timedelta(minutes=1),
            run=self.refresh,
            retry=_RETRY,
            ceiling=_RETRY_CEILING,
            at_start=False,
        )
        self.acceptance_chore = Chore(
            "acceptance",
            every=timedelta(seconds=config.acceptance.interval_s),
            run=self._accept,
            retry=_RETRY,
            ceiling=_RETRY_CEILING,
        )
        self.sync_chore = Chore(
            "sync",
            every=timedelta(seconds=config.sync.interval_s),
            run=self.sync.run_once,
            retry=timedelta(seconds=config.sync.retry_interval_s),
            jitter=0.1,
        )
        self.sync_new_chore = Chore(
            "sync-new",
            every=timedelta(minutes=1),
            run=self._sync_new,
            retry=min(timedelta(seconds=config.sync.retry_interval_s), timedelta(minutes=1)),
            at_start=False,
        )
        self.reconcile_chore = Chore(
            "reconcile", every=timedelta(hours=6), run=self.reconcile.run_once, retry=timedelta(seconds=30), jitter=0.1
        )
        self.trees_chore = Chore("trees", every=timedelta(minutes=10), run=self.trees.run_once)
        self.takeover_chore = Chore(
            "takeover", every=timedelta(hours=1), run=self.takeover.run_once, retry=_RETRY, ceiling=_RETRY_CEILING
        )
        parts_chore = Chore("upload-parts", every=timedelta(minutes=1), run=self.uploads.expire_parts)
        counts_chore = Chore("counts", every=timedelta(seconds=15), run=self._count)
        self._chores = [
            self.buckets_chore, self.acceptance_chore, self.reconcile_chore, self.takeover_chore, self.trees_chore, parts_chore,
            counts_chore,
        ]  # fmt: skip
        self._chores += self.maintenance.chores()
        if config.sync.enabled:
            self._chores += [self.sync_chore, self.sync_new_chore]
        # The directory serves its own chores; operators see them here too.
        self.chores = ChoreRegistry(*self._chores, *self._directory.chores)

    def local_services(self) -> list[Service]:
        """What the node's gateway is offered on the local socket."""
        edge = StorageEdgeEndpoint(
            reads=self.reads,
            uploads=self.uploads,
            accepted=self._accepted,
            upload_stall=self._upload_stall,
            lease_time=timedelta(seconds=self._config.limits.lease_ttl_s),
            bandwidth=self._bandwidth,
        )
        return [*self.mesh_services(), storage_edge_service(edge), edge_service(self.hub), *self.admin_services()]

    def mesh_services(self) -> list[Service]:
        """What everybody is offered on the mesh address."""
        endpoint = StorageEndpoint(
            reads=self.reads,
            index=self._index,
            uploads=self.uploads,
            tokens=self.tokens,
            status=self.status,
            accepted=self._accepted,
            upload_stall=self._upload_stall,
            read_stall=timedelta(seconds=self._config.limits.read_stall_timeout_s),
        )
        return [storage_service(endpoint)]

    def admin_services(self) -> list[Service]:
        """What the operator is offered on the admin address."""
        return [chore_service(self.chores), storage_admin_service(self._admin)]

    @property
    def _accepted(self) -> AcceptanceWait:
        settings = self._config.acceptance
        timeout = timedelta(seconds=settings.immediate_timeout_s) if settings.mode == "immediate" else None
        return AcceptanceWait(self.acceptance, timeout)

    @property
    def _upload_stall(self) -> timedelta:
        return timedelta(seconds=self._config.limits.upload_stall_timeout_s)

    async def run(self) -> None:
        """Runs the chores and follows the directory, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for chore in self._chores:
                tasks.create_task(chore.serve(), name=f"chore {chore.name}")
            tasks.create_task(self._follow(), name="directory-changes")

    async def _follow(self) -> None:
        async with self._directory.subscribe() as changes:
            async for change in changes:
                try:
                    await self._heed(change)
                except Exception:
                    log.exception("a change of the directory was not taken in", kind=change.kind)

    async def _heed(self, change: DirectoryChange) -> None:
        match change.kind:
            case "object_accepted":
                if await self.acceptance.settle(change.object_ids):
                    self.acceptance_chore.trigger()
                self.sync.note_objects(change.object_ids)
                self.sync_new_chore.trigger()
            case "object_deleted":
                await self.acceptance.deleted(change.object_ids)
            case "object_moved":
                await self._index.set_bag(change.object_ids, str(change.bag_id))
                self.acceptance_chore.trigger()
                self.sync.note_objects(change.object_ids)
                self.sync_new_chore.trigger()
            case "bag_changed" if change.bag_id is not None:
                self.acceptance_chore.trigger()
                self.sync.note_bag(change.bag_id)
                self.sync_new_chore.trigger()
            case "bucket_changed":
                self.buckets_chore.trigger()
            case "snapshot":
                self.buckets_chore.trigger()
                if not self.takeover.progress.finished:
                    self.takeover_chore.trigger()
                self.acceptance_chore.trigger()
                self.sync_chore.trigger()
            case _:
                pass

    async def refresh(self) -> None:
        """Learns the node's buckets and the chain's bounds. Raises what directory and chain raise."""
        await self.uploads.max_object_size()
        if await self.buckets.refresh():
            await self.acceptance.keys_changed()
            self.acceptance_chore.trigger()
            self.sync_chore.trigger()

    async def _sync_new(self) -> None:
        if self.sync.walk_wanted:
            self.sync_chore.trigger()
        await self.sync.run_new()

    async def _accept(self) -> None:
        await self.acceptance.run_once()
        next_retry = await self._index.next_retry()
        if next_retry is not None and next_retry < datetime.now(UTC) + self.acceptance_chore.every:
            pause = max((next_retry - datetime.now(UTC)).total_seconds(), _RETRY.total_seconds())
            asyncio.get_running_loop().call_later(pause, self.acceptance_chore.trigger)

    async def _revoke(self, object_ids: Collection[int]) -> None:
        await self.hub.revoke(object_ids=object_ids)

    def _rotten(self) -> None:
        self.sync_chore.trigger()

    def _report_soon(self) -> None:
        self.acceptance_chore.trigger()

    def _verify_soon(self) -> None:
        self.trees_chore.trigger()
        # What was copied in is verified already, and waits for acceptance.
        self.acceptance_chore.trigger()

    def _drifted(self) -> None:
        self.reconcile_chore.trigger()

    async def _count(self) -> None:
        await self.status.data_stats()


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)
