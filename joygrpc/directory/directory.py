"""The node's local copy of the on-chain directory: what it answers from."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import structlog

from joygrpc.chain import Chain
from joygrpc.chain.events import (
    BagCreated,
    BagDeleted,
    BagDistributionChanged,
    BagStorageChanged,
    ObjectsAccepted,
    ObjectsCreated,
    ObjectsDeleted,
    ObjectsMoved,
    StorageFact,
)
from joygrpc.chores import Chore, reason_of
from joygrpc.content import BagId
from joygrpc.directory import reading, scoping
from joygrpc.directory.config import DirectoryConfig
from joygrpc.directory.database import DirectoryDatabase
from joygrpc.directory.errors import DirectoryNotReady
from joygrpc.directory.facts import (
    DirectoryBag,
    DirectoryChange,
    DirectoryDistributionBucket,
    DirectoryObject,
    DirectoryStatus,
    DirectoryStorageBucket,
    StoragePeer,
)
from joygrpc.directory.lookups import Lookups
from joygrpc.directory.picture import Picture
from joygrpc.directory.subscriptions import ChangeHub, ChangeSubscription
from joygrpc.directory.upkeep import Upkeep
from joygrpc.query_node import QueryNodePort

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

log = structlog.get_logger(__name__)


class Directory:
    """Buckets, peers and bags of the whole chain, and the objects of the bags that concern the node (`DirectoryConfig.scope`).

    Enter it (`async with`) to open its file, and have `run` going beside: it takes the first snapshot, follows finalized blocks and compares with a
    new snapshot now and then. After a restart the last picture is served at once, and brought up block by block; `status().complete` stays False
    until a snapshot of this run has confirmed it, and whenever a block was missed or objects that came into scope have yet to be fetched. Query node
    and chain may be away at any time: the picture then gets older. Before the very first snapshot reads raise `DirectoryNotReady`.

    All reads may be cancelled at any point.
    """

    def __init__(self, chain: Chain, query_node: QueryNodePort, config: DirectoryConfig) -> None:
        self._query_node = query_node
        self._config = config
        self._database = DirectoryDatabase(config.path)
        self._picture = Picture(self._database, config.scope)
        self._hub = ChangeHub()
        self._upkeep = Upkeep(chain, query_node, config, self._picture, self._changed, self._gap)
        self._probe_error = ""
        self._objects = self._lookups("object", self._ask_object)
        self._bags = self._lookups("bag", self._ask_bag)
        self.refresh = self._chore("directory-refresh", config.refresh_interval, self._upkeep.take_snapshot)
        self.load_bags = self._chore("directory-load-bags", config.refresh_interval, self._upkeep.load_missing_bags)
        self.probe = Chore("directory-probe", every=config.status_interval, run=self._look_around)

    def __repr__(self) -> str:
        return f"<Directory {self._upkeep!r}>"

    async def __aenter__(self) -> Self:
        await self._database.open()
        await self._picture.load()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._database.close()

    @property
    def chores(self) -> tuple[Chore, ...]:
        """The periodic work that `run` serves, for a registry."""
        return self.refresh, self.load_bags, self.probe

    async def run(self) -> NoReturn:
        """Keep the directory fresh until cancelled; failures are stated in `status` and never end it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._upkeep.follow(), name="directory-follow")
            for chore in self.chores:
                tasks.create_task(chore.serve(), name=chore.name)
        raise AssertionError("the directory's loops do not end")

    async def wait_ready(self) -> None:
        """Wait until there is a picture, be it an old one."""
        await self._upkeep.until_exists()

    async def wait_height(self, height: int) -> None:
        """Wait until the picture knows a block."""
        await self._upkeep.until_height(height)

    async def refresh_now(self) -> None:
        """Take a new snapshot, and fetch what it does not have; raises what hinders it. `run` must be going."""
        await self.refresh.trigger_and_wait()
        await self.load_bags.trigger_and_wait()

    async def status(self) -> DirectoryStatus:
        """How fresh and complete the picture is; heights of others are old by `status_interval` at most while they answer."""
        heights = self._upkeep.heights
        state = self._picture.state
        return DirectoryStatus(
            complete=state.exists and self._upkeep.exact and not state.missing_bags,
            directory_height=state.height,
            query_node_height=heights.query_node,
            query_node_version=heights.query_node_version,
            chain_head=max(heights.chain_head, state.height),
            last_error=self.refresh.last_error or self.load_bags.last_error or self._probe_error,
        )

    def subscribe(self) -> ChangeSubscription:
        """What changes from entering the context on: `async with directory.subscribe() as changes: async for change in changes: ...`."""
        return ChangeSubscription(self._hub)

    async def object(self, object_id: int) -> DirectoryObject | None:
        """The object, if it is held."""
        return await self._read(lambda c: reading.object_by_id(c, object_id))

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        """The object as of the last block known, wherever it is; asks the query node when it is not held.

        Raises `QueryNodeUnavailable` or another `QueryNodeError` when it has to be asked and cannot.
        """
        held, gone = await self._held(object_id)
        if held is not None or gone:
            return held
        found = await self._objects.get(object_id)
        if found is None:
            return None
        # Blocks may have changed it since it was asked for, or since the query node's height.
        held, gone = await self._held(object_id)
        if held is not None or gone or await self._is_gone(found.bag_id):
            return held
        journal = self._upkeep.journal
        if journal is not None and not found.accepted and journal.was_accepted(object_id):
            return replace(found, accepted=True)
        return found

    async def saw_deletion(self, object_id: int) -> bool:
        """Whether a finalized block that this node took in deleted the object; forgotten after `DirectoryConfig.journal_blocks`."""
        _, gone = await self._read(lambda c: reading.object_or_trace(c, object_id))
        return gone

    async def bag(self, bag_id: BagId) -> DirectoryBag | None:
        """The bag; a static bag that was never written has no buckets."""
        found = await self._read(lambda c: reading.bag_by_id(c, bag_id))
        return _empty_if_static(bag_id) if found is None else found

    async def find_bag(self, bag_id: BagId) -> DirectoryBag | None:
        """The bag; asks the query node when it is not held, with the errors of `find_object`."""
        if (
            self._picture.state.exists
            and (held := await self._read(lambda c: reading.bag_by_id(c, bag_id))) is not None
        ):
            return held
        found = await self._bags.get(str(bag_id))
        if found is None or await self._is_gone(bag_id):
            return _empty_if_static(bag_id)
        return found

    async def objects_of_bag(
        self, bag_id: BagId, accepted_only: bool = False, after: int | None = None, limit: int = 1000
    ) -> list[DirectoryObject]:
        """Held objects of a bag with ids above `after`, ascending."""
        return await self._read(lambda c: reading.objects_of_bag(c, bag_id, accepted_only, after, limit))

    async def obligations(
        self, storage_buckets: Collection[int], after: int = -1, limit: int = 1000, accepted_only: bool = True
    ) -> list[DirectoryObject]:
        """Held objects of the bags that any of the buckets stores, with ids above `after`, ascending."""
        return await self._read(
            lambda c: reading.objects_of_storage_buckets(c, storage_buckets, after, limit, accepted_only)
        )

    async def objects_of_distribution_buckets(
        self, buckets: Collection[str], after: int = -1, limit: int = 1000, accepted_only: bool = True
    ) -> list[DirectoryObject]:
        """Held objects of the bags that any of the buckets (`family:index`) distributes, with ids above `after`, ascending."""
        return await self._read(
            lambda c: reading.objects_of_distribution_buckets(c, buckets, after, limit, accepted_only)
        )

    async def storage_peers(self, bag_id: BagId, exclude_worker: int | None = None) -> list[StoragePeer]:
        """Nodes that store a bag and can be reached: active operators with a valid http(s) endpoint, ascending by bucket."""
        return await self._read(lambda c: reading.storage_peers(c, bag_id, exclude_worker))

    async def storage_buckets_of_worker(self, worker_id: int) -> frozenset[int]:
        """Storage buckets that the worker operates."""
        return await self._read(lambda c: scoping.storage_buckets_of_worker(c, worker_id))

    async def distribution_buckets_of_worker(self, worker_id: int) -> frozenset[str]:
        """Distribution buckets (`family:index`) that the worker operates."""
        return await self._read(lambda c: scoping.distribution_buckets_of_worker(c, worker_id))

    async def storage_bucket(self, bucket_id: int) -> DirectoryStorageBucket | None:
        """The bucket and its operator."""
        return await self._read(lambda c: reading.storage_bucket_by_id(c, bucket_id))

    async def distribution_bucket(self, bucket_id: str) -> DirectoryDistributionBucket | None:
        """The bucket (`family:index`) and its operators."""
        return await self._read(lambda c: reading.distribution_bucket_by_id(c, bucket_id))

    async def is_distributed_by(self, bag_id: BagId, buckets: Collection[str]) -> bool:
        """Whether any of the buckets (`family:index`) distributes the bag."""
        found = await self.bag(bag_id)
        return found is not None and not set(found.distribution_buckets).isdisjoint(buckets)

    async def _held(self, object_id: int) -> tuple[DirectoryObject | None, bool]:
        """The object as blocks and snapshots tell of it, and whether a block removed it."""
        held, gone = await self._database.read(lambda c: reading.object_or_trace(c, object_id))
        journal = self._upkeep.journal
        if held is None and not gone and journal is not None:
            held = journal.created(object_id)
        return held, gone

    async def _is_gone(self, bag_id: BagId) -> bool:
        return await self._database.read(lambda c: reading.bag_is_gone(c, bag_id))

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if not self._picture.state.exists:
            raise DirectoryNotReady
        return await self._database.read(work)

    async def _ask_object(self, object_id: int) -> DirectoryObject | None:
        found = await self._query_node.object(object_id)
        if found is None:
            return None
        return DirectoryObject(
            found.id,
            found.size,
            found.multihash,
            BagId.parse(found.bag_id),
            found.is_accepted,
            found.fallback_media_type,
        )

    async def _ask_bag(self, bag_id: str) -> DirectoryBag | None:
        found = await self._query_node.bag(bag_id)
        if found is None:
            return None
        return DirectoryBag(BagId.parse(found.id), found.storage_bucket_ids, found.distribution_bucket_ids)

    async def _look_around(self) -> None:
        try:
            await self._upkeep.look_around()
        except Exception as error:
            reason = reason_of(error)
            if reason != self._probe_error:
                log.warning("directory_probe_failed", reason=reason)
            self._probe_error = reason
        else:
            self._probe_error = ""

    async def _changed(self, changes: Sequence[DirectoryChange], facts: Sequence[StorageFact]) -> None:
        for fact in facts:
            match fact:
                case ObjectsCreated(objects=objects):
                    await self._forget_objects(new.object_id for new in objects)
                case ObjectsAccepted(object_ids=ids) | ObjectsDeleted(object_ids=ids) | ObjectsMoved(object_ids=ids):
                    await self._forget_objects(ids)
                case BagCreated() | BagDeleted() | BagStorageChanged() | BagDistributionChanged():
                    await self._bags.forget(str(fact.bag_id))
                case _:
                    pass
        moved_on = bool(facts) or any(change.kind == "snapshot" for change in changes)
        if moved_on and self._picture.state.missing_bags:
            self.load_bags.trigger()
        self._hub.publish(changes)

    async def _forget_objects(self, object_ids: Iterable[int]) -> None:
        for object_id in object_ids:
            await self._objects.forget(object_id)

    def _gap(self) -> None:
        self.refresh.trigger()

    def _lookups(self, name: str, ask: Callable[[K], Awaitable[V | None]]) -> Lookups[K, V]:
        config = self._config
        return Lookups(
            name,
            ask,
            timeout=config.lookup_timeout,
            ttl=config.lookup_ttl,
            negative_ttl=config.negative_ttl,
            concurrent=config.concurrent_lookups,
            outage_pause=config.outage_pause,
        )

    def _chore(self, name: str, every: timedelta, run: Callable[[], Awaitable[None]]) -> Chore:
        return Chore(name, every=every, retry=self._config.retry_interval, ceiling=self._config.retry_ceiling, run=run)


def _empty_if_static(bag_id: BagId) -> DirectoryBag | None:
    return DirectoryBag(bag_id, (), ()) if bag_id.kind in ("council", "working_group") else None
