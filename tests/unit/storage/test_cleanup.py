"""Whole cleanups over a real index and store: the chain has the last word, whatever picture and query node leave out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from joygrpc.chain import ChainBag, ChainHead
from joygrpc.content import BagId, multihash_of_bytes
from joygrpc.directory import DirectoryObject, DirectoryStatus, DirectoryStorageBucket
from joygrpc.query_node import ObjectFacts, QueryNodeStatus, QueryNodeUnavailable
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.cleanup import CleanupHeld, CleanupService
from joygrpc.storage.cleanup_facts import CleanupFacts
from joygrpc.storage.cleanup_plan import CleanupRules, Verdict
from joygrpc.storage.cleanup_proof import ReplicaProver
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.peer_sources import PeerSources
from joygrpc.storage.quarantine import QuarantineService
from tests.unit.storage.conftest import BAG, BUCKET, WORKER, MemoryChain, MemoryDirectory, active_bucket

DATA = b"some bytes"
HASH = multihash_of_bytes(DATA)
HEIGHT = 1000


@dataclass
class PresentChain(MemoryChain):
    """A chain with a head of this moment."""

    head: int = HEIGHT

    async def best_head(self) -> ChainHead:
        self._answer()
        return ChainHead(self.head, "0x")

    async def is_syncing(self) -> bool:
        self._answer()
        return False

    async def storage_value(self, pallet: str, item: str, params: object = ()) -> object:
        assert (pallet, item) == ("Timestamp", "Now")
        return round(datetime.now(UTC).timestamp() * 1000)


@dataclass
class Picture(MemoryDirectory):
    """A directory at the chain's height; `holes` are objects that it fails to call owed; it breaks after some pages."""

    holes: set[int] = field(default_factory=set)
    pages: int = 0
    breaks_after: int | None = None
    bucket: DirectoryStorageBucket | None = None

    async def obligations(
        self, storage_buckets: object, after: int = -1, limit: int = 1000, accepted_only: bool = True
    ) -> list[DirectoryObject]:
        self.pages += 1
        return [o for o in await super().obligations(storage_buckets, after, 10**9) if o.object_id not in self.holes][
            :limit
        ]

    async def storage_bucket(self, bucket_id: int) -> DirectoryStorageBucket | None:
        return self.bucket

    async def saw_deletion(self, object_id: int) -> bool:
        return False

    async def status(self) -> DirectoryStatus:
        broken = self.breaks_after is not None and self.pages > self.breaks_after
        return DirectoryStatus(self.complete and not broken, HEIGHT, HEIGHT, "", HEIGHT, "")


@dataclass
class MemoryQueryNode:
    """A query node over dictionaries."""

    objects: dict[int, ObjectFacts] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)
    away: bool = False
    height: int = HEIGHT
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens while it is asked."""

    async def status(self) -> QueryNodeStatus:
        return QueryNodeStatus(self.height, "1")

    async def objects_by_ids(self, object_ids: Collection[int]) -> tuple[ObjectFacts, ...]:
        self.asked += object_ids
        if self.away:
            raise QueryNodeUnavailable
        if self.meanwhile is not None:
            await self.meanwhile()
        return tuple(self.objects[object_id] for object_id in object_ids if object_id in self.objects)

    async def deleted_objects(self, object_ids: Collection[int]) -> frozenset[int]:
        return frozenset(self.deleted.intersection(object_ids))


@pytest.fixture
def chain() -> PresentChain:
    return PresentChain(buckets={BUCKET: active_bucket()})


@pytest.fixture
def directory() -> Picture:
    return Picture()


@pytest.fixture
def query_node() -> MemoryQueryNode:
    return MemoryQueryNode()


@pytest.fixture
async def service(
    store: DiskStore,
    index: ObjectIndex,
    directory: Picture,
    chain: PresentChain,
    query_node: MemoryQueryNode,
    buckets: OwnBuckets,
    claims: Claims,
) -> AsyncIterator[CleanupService]:
    async def revoke(_: Collection[int]) -> None:
        return None

    quarantine = QuarantineService(
        store=store, index=index, directory=directory, chain=chain, buckets=buckets, claims=claims,
        revoke=revoke, retention=timedelta(days=7),
    )  # type: ignore[arg-type]  # fmt: skip
    facts = CleanupFacts(chain=chain, query_node=query_node, directory=directory, buckets=buckets)  # type: ignore[arg-type]
    async with PeerSources(timedelta(seconds=1)) as sources:
        yield CleanupService(
            index=index, facts=facts, quarantine=quarantine, claims=claims, worker_id=WORKER,
            prover=ReplicaProver(store=store, sources=sources, timeout=timedelta(seconds=1)),
            rules=CleanupRules(), page_size=2,
        )  # fmt: skip


async def keep(index: ObjectIndex, object_id: int, state: ObjectState = ObjectState.STORED) -> KeptObject:
    entry = KeptObject(
        object_id, len(DATA), HASH, state, str(BAG), has_tree=True, stored_at=datetime(2024, 5, 1, tzinfo=UTC)
    )
    await index.put(entry)
    return entry


def owe(directory: Picture, chain: PresentChain, query_node: MemoryQueryNode, object_id: int) -> None:
    """The object is this node's, by everybody's word."""
    directory.objects[object_id] = DirectoryObject(object_id, len(DATA), HASH, BAG, True)
    chain.add_object(object_id, len(DATA), HASH, accepted=True)
    query_node.objects[object_id] = ObjectFacts(object_id, len(DATA), HASH, str(BAG), True)


async def states(index: ObjectIndex) -> dict[int, ObjectState]:
    return {kept.object_id: kept.state for kept in await index.page()}


async def test_owed_objects_are_not_even_asked_about(
    service: CleanupService,
    index: ObjectIndex,
    directory: Picture,
    chain: PresentChain,
    query_node: MemoryQueryNode,
) -> None:
    for object_id in range(0, 50, 5):
        await keep(index, object_id)
    # Owed are many more than are here.
    for object_id in range(60):
        owe(directory, chain, query_node, object_id)
    report = await service.run_once()
    assert (report.examined, report.quarantined, dict(report.counts)) == (10, 0, {})
    assert query_node.asked == []


@pytest.mark.parametrize("query_node_forgets_too", [False, True])
async def test_a_picture_with_holes_costs_nothing(
    service: CleanupService,
    index: ObjectIndex,
    directory: Picture,
    chain: PresentChain,
    query_node: MemoryQueryNode,
    query_node_forgets_too: bool,
) -> None:
    for object_id in range(9):
        await keep(index, object_id)
        owe(directory, chain, query_node, object_id)
    directory.holes = {0, 3, 8}
    if query_node_forgets_too:
        query_node.objects.clear()
        query_node.deleted = {0, 3, 8}
    report = await service.run_once()
    assert dict(report.counts) == {Verdict.OWED: 3}
    assert set((await states(index)).values()) == {ObjectState.STORED}


async def test_only_what_was_deleted_goes(
    service: CleanupService,
    index: ObjectIndex,
    directory: Picture,
    chain: PresentChain,
    query_node: MemoryQueryNode,
    claims: Claims,
) -> None:
    for object_id in range(6):
        await keep(index, object_id)
    await keep(index, 6, ObjectState.PENDING)
    owe(directory, chain, query_node, 2)
    query_node.deleted = {1, 2, 3, 5, 6}
    with claims.hold(5):
        report = await service.run_once()
    assert dict(report.counts) == {Verdict.DELETED: 3, Verdict.DELETION_UNCONFIRMED: 2}
    assert (report.quarantined, report.quarantined_size) == (2, 2 * len(DATA))
    found = await states(index)
    assert [object_id for object_id, state in found.items() if state is ObjectState.QUARANTINED] == [1, 3]
    assert service.last is report


async def test_an_object_that_changed_since_it_was_judged_stays(
    service: CleanupService, index: ObjectIndex, query_node: MemoryQueryNode
) -> None:
    entry = await keep(index, 1)
    query_node.deleted = {1}

    async def upload_again() -> None:
        await index.put(replace(entry, stored_at=datetime.now(UTC)))

    query_node.meanwhile = upload_again
    report = await service.run_once()
    assert (dict(report.counts), report.quarantined) == ({Verdict.DELETED: 1}, 0)
    assert (await states(index))[1] is ObjectState.STORED


async def test_a_run_ends_where_the_picture_breaks(
    service: CleanupService, index: ObjectIndex, directory: Picture, query_node: MemoryQueryNode
) -> None:
    for object_id in range(6):
        await keep(index, object_id)
    query_node.deleted = set(range(6))
    directory.breaks_after = 1
    with pytest.raises(CleanupHeld):
        await service.run_once()
    assert [o for o, state in (await states(index)).items() if state is ObjectState.QUARANTINED] == [0, 1]
    assert service.last is not None
    assert "not complete" in service.last.hindrance


async def test_a_query_node_that_fails_in_the_middle_ends_the_run(
    service: CleanupService, index: ObjectIndex, query_node: MemoryQueryNode
) -> None:
    await keep(index, 1)
    query_node.deleted, query_node.away = {1}, True
    with pytest.raises(QueryNodeUnavailable):
        await service.run_once()
    assert (await states(index))[1] is ObjectState.STORED


@pytest.mark.parametrize("head", [HEIGHT + 101, HEIGHT - 101])
async def test_a_lag_in_either_direction_holds_everything(
    service: CleanupService, index: ObjectIndex, chain: PresentChain, query_node: MemoryQueryNode, head: int
) -> None:
    await keep(index, 1)
    query_node.deleted, chain.head = {1}, head
    with pytest.raises(CleanupHeld):
        await service.run_once()
    assert (await states(index))[1] is ObjectState.STORED


async def test_a_node_without_buckets_moves_nothing_out(
    service: CleanupService, index: ObjectIndex, chain: PresentChain, query_node: MemoryQueryNode
) -> None:
    await keep(index, 1)
    query_node.deleted = {1}
    chain.buckets = {}
    with pytest.raises(CleanupHeld, match="no bucket"):
        await service.run_once()


async def test_an_object_is_looked_for_in_the_bag_that_the_query_node_tells(
    service: CleanupService, index: ObjectIndex, chain: PresentChain, query_node: MemoryQueryNode
) -> None:
    await keep(index, 1)
    other = BagId.channel(9)
    chain.add_object(1, len(DATA), HASH, accepted=True, bag=other)
    query_node.objects[1] = ObjectFacts(1, len(DATA), HASH, str(other), True)
    assert dict((await service.run_once()).counts) == {Verdict.OWED: 1}
    chain.bags[other] = ChainBag(other, frozenset({7}), frozenset(), 0, 0)
    assert dict((await service.run_once()).counts) == {Verdict.FEW_REPLICAS: 1}
