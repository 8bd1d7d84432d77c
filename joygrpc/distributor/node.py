"""A distributor node put together: its services, its chores, and what they hear from the directory."""

import asyncio
import os
import random
from collections.abc import Callable
from datetime import timedelta

import structlog

from joygrpc.chores import Chore, ChoreRegistry
from joygrpc.config import DistributorNodeConfig
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.loading import load_distributor_config
from joygrpc.content import BagId
from joygrpc.directory import Directory
from joygrpc.distributor.admission import configured_admission
from joygrpc.distributor.assignment import Assignment, AssignmentStore, parse_buckets
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.cleanup import Cleanup
from joygrpc.distributor.completion import Completion
from joygrpc.distributor.endpoint import distribution_service
from joygrpc.distributor.errors import ConfigurationInvalid
from joygrpc.distributor.filling import Pace
from joygrpc.distributor.fills import FillLimits, FillService
from joygrpc.distributor.hedging import HedgeBudget
from joygrpc.distributor.leases import LeaseBook
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.node_status import NodeStatus
from joygrpc.distributor.operator import OperatorService, Reloaded
from joygrpc.distributor.operator_endpoint import operator_service
from joygrpc.distributor.peer_finder import PeerFinder
from joygrpc.distributor.playbacks import Playbacks
from joygrpc.distributor.reload import reload_plan
from joygrpc.distributor.resolver import Resolver
from joygrpc.distributor.service import AssetService
from joygrpc.distributor.takeover import Heritage, Takeover
from joygrpc.distributor.through import PassThrough
from joygrpc.distributor.verification import Verification
from joygrpc.mesh import EdgeHub, Service, edge_service
from joygrpc.mesh.chores import chore_service

log = structlog.get_logger(__name__)

_GAUGES_EVERY = timedelta(seconds=2)
_RETRY = timedelta(seconds=2)
_PATROL_EVERY = timedelta(seconds=5)
_PROBES_AT_A_TIME = 10


def configured_assignment(config: DistributorNodeConfig) -> Assignment:
    """What the configuration says that the node serves."""
    return Assignment(config.worker_id, parse_buckets(config.buckets or ()))


class DistributorNode:
    """The parts of one node, wired. Cache, links, assignments and directory are open while it lives; `run` keeps it going.

    Leaving its context ends the fills and keeps what they brought. `shut_down` asks the process to end.
    """

    def __init__(
        self,
        config: DistributorNodeConfig,
        *,
        cache: Cache,
        links: PeerLinks,
        assignments: AssignmentStore,
        directory: Directory,
        heritage: Heritage,
        shut_down: Callable[[], None],
    ) -> None:
        self._config = config
        self._on_file = _file_content(config) or config
        self._cache = cache
        self._links = links
        self._assignments = assignments
        self._directory = directory
        extras, limits = config.joygrpc, config.limits
        self._read_stall = timedelta(seconds=extras.read_stall_timeout_s)
        self.hub = EdgeHub()
        self._peers = PeerFinder(directory)
        self._leases = LeaseBook(cache, self.hub, timedelta(seconds=extras.lease_ttl_s))
        self.fills = FillService(
            cache,
            links,
            self._peers.peers_of,
            FillLimits(
                most_running=limits.max_concurrent_storage_node_downloads,
                most_waiting=extras.max_waiting_downloads,
                longest_wait=timedelta(seconds=limits.pending_download_timeout_sec),
            ),
            Pace(
                streams=extras.streams_per_download,
                hedge_after=timedelta(seconds=extras.hedge_delay_s),
            ),
            HedgeBudget(extras.hedge_share),
        )
        self.verification = Verification(
            cache,
            share=extras.verified_share_of_reads,
            revoke=lambda entry: self._leases.revoke([entry.object_id]),
            dice=random.Random(),  # noqa: S311 - samples, no secrets
        )
        resolver = Resolver(directory, assignments, cache)
        self._takeover = Takeover(
            heritage,
            cache,
            judge=resolver.judge,
            ready=directory.wait_ready,
            patience=timedelta(seconds=extras.max_wait_s),
        )
        self.assets = AssetService(
            resolver,
            cache,
            self.fills,
            PassThrough(links, self._peers.peers_of),
            self._leases,
            largest_cached=limits.max_cached_item_size,
            patience=timedelta(seconds=extras.max_wait_s),
            admission=configured_admission(extras),
            playbacks=Playbacks(timedelta(seconds=extras.use_window_s)),
            completion=Completion(extras.background_completion, timedelta(seconds=extras.use_window_s)),
            verification=self.verification,
            most_ahead=extras.read_ahead_bytes,
            claim=self._takeover.claim,
        )
        self.status = NodeStatus(config.id, config.endpoints.storage_squid, cache, self.fills, assignments, directory)
        self.operator = OperatorService(
            self.hub,
            assignments,
            self._leases,
            shut_down=shut_down,
            reload=self._reload,
        )
        self._cleanup = Cleanup(cache, resolver, directory, self._leases)
        self._make_chores()

    def __repr__(self) -> str:
        return f"<DistributorNode {self._config.id} {self._cache!r}>"

    def _make_chores(self) -> None:
        intervals = self._config.intervals
        self.cleanup_chore = Chore(
            "cache_cleanup",
            every=timedelta(seconds=intervals.cache_cleanup),
            run=self._cleanup.run,
            at_start=False,
        )
        self.probe_chore = Chore(
            "probe_sources",
            every=timedelta(seconds=intervals.check_storage_node_response_times),
            retry=_RETRY,
            jitter=0.1,
            run=self._probe_sources,
        )
        self.save_chore = Chore(
            "save_cache_state",
            every=timedelta(seconds=intervals.save_cache_state),
            run=self._cache.save_standings,
            at_start=False,
        )
        self.verify_chore = Chore("verify_cache", every=_PATROL_EVERY, run=self._patrol)
        gauges = Chore("gauges", every=_GAUGES_EVERY, run=self._publish)
        self._chores = (self.cleanup_chore, self.probe_chore, self.save_chore, self.verify_chore, gauges)
        # The directory serves its chores itself; they are listed with the others.
        self.chores = ChoreRegistry(*self._chores, *self._directory.chores)

    def local_services(self) -> list[Service]:
        """What the node's own gateway is offered on the local socket."""
        return [
            distribution_service(self.assets, self.status, with_leases=True, read_stall=self._read_stall),
            edge_service(self.hub),
            operator_service(self.operator),
            chore_service(self.chores),
        ]

    def mesh_services(self) -> list[Service]:
        """What everybody is offered on the mesh address."""
        return [distribution_service(self.assets, self.status, with_leases=False, read_stall=self._read_stall)]

    def admin_services(self) -> list[Service]:
        """What the operator is offered on the admin address."""
        return [operator_service(self.operator), chore_service(self.chores)]

    async def run(self) -> None:
        """Run the chores and follow the directory, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for chore in self._chores:
                tasks.create_task(chore.serve(), name=f"chore {chore.name}")
            tasks.create_task(self._follow(), name="directory-changes")
            tasks.create_task(self._takeover.run(), name="takeover")

    async def _follow(self) -> None:
        async with self._directory.subscribe() as changes:
            async for change in changes:
                try:
                    await self._cleanup.follow(change)
                except Exception:
                    log.exception("a change of the directory was not taken in", kind=change.kind)

    async def _probe_sources(self) -> None:
        await self._directory.wait_ready()
        bags = [BagId.parse(bag) for bag in {entry.bag for entry in self._cache}]
        peers = await self._peers.known_peers(bags)
        self._links.book.retain([peer.endpoint for peer in peers])
        timeout = timedelta(milliseconds=self._config.limits.outbound_requests_timeout_ms)
        places = asyncio.Semaphore(_PROBES_AT_A_TIME)
        async with asyncio.TaskGroup() as tasks:
            for peer in peers:
                await places.acquire()
                task = tasks.create_task(self._links.probe(peer, timeout), name=f"probe {peer.endpoint}")
                task.add_done_callback(lambda _: places.release())

    async def _patrol(self) -> None:
        rate = self._config.joygrpc.verified_bytes_per_s
        await self.verification.patrol(int(rate * _PATROL_EVERY.total_seconds()))

    async def _publish(self) -> None:
        self.status.publish()

    async def _reload(self) -> Reloaded:
        if self._config.joygrpc.config_file is None:
            return Reloaded()
        fresh = await asyncio.to_thread(_file_content, self._config)
        if fresh is None:
            raise ConfigurationInvalid
        plan = reload_plan(self._on_file, fresh)
        self._on_file = fresh
        self._cache.limit = fresh.limits.storage
        self.assets.largest_cached = fresh.limits.max_cached_item_size
        self.cleanup_chore.every = timedelta(seconds=fresh.intervals.cache_cleanup)
        self.probe_chore.every = timedelta(seconds=fresh.intervals.check_storage_node_response_times)
        self.save_chore.every = timedelta(seconds=fresh.intervals.save_cache_state)
        await self._assignments.configure(configured_assignment(fresh))
        return plan


def _file_content(config: DistributorNodeConfig) -> DistributorNodeConfig | None:
    """What file and environment say now, without command line flags; None without a file or when it is not valid."""
    file = config.joygrpc.config_file
    if file is None:
        return None
    try:
        return load_distributor_config({}, file, os.environ)[0]
    except ConfigInvalid as error:
        log.warning("the configuration file is not valid", problem=str(error))
        return None
