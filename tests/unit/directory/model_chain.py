"""A model of the chain's directory that changes at random, and a query node that follows it while it is being read."""

import copy
from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

from joygrpc.chain.events import (
    BagCreated,
    BagDeleted,
    BagDistributionChanged,
    BagStorageChanged,
    CreatedObject,
    DistributionBucketCreated,
    DistributionBucketDeleted,
    DistributionBucketFlagsSet,
    DistributionOperatorChanged,
    ObjectsAccepted,
    ObjectsCreated,
    ObjectsDeleted,
    ObjectsMoved,
    StorageBucketCreated,
    StorageBucketDeleted,
    StorageBucketStatusSet,
    StorageFact,
    StorageMetadataSet,
    StorageOperatorCleared,
    StorageOperatorInvited,
    StorageOperatorSet,
)
from joygrpc.content import BagId
from joygrpc.directory import DirectoryScope
from joygrpc.pb.joystream.metadata.storage_pb2 import StorageBucketOperatorMetadata
from joygrpc.query_node import (
    BagFacts,
    DistributionBucketFacts,
    DistributionOperatorFacts,
    ObjectFacts,
    QueryNodeStatus,
    StorageBucketFacts,
)

WORKERS = (0, 1)


@dataclass
class State:
    """The directory at one height; buckets as rows of the tables, bags as their two sets of buckets."""

    storage: dict[int, tuple[str, int | None, str | None, str | None, str | None, bool]] = field(default_factory=dict)
    distribution: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    operators: dict[tuple[str, int], str] = field(default_factory=dict)
    bags: dict[str, tuple[set[int], set[str]]] = field(default_factory=dict)
    objects: dict[int, tuple[str, int, str, bool]] = field(default_factory=dict)

    def in_scope(self, scope: DirectoryScope) -> set[str]:
        """The bags whose objects are to be held."""
        storage = scope.storage_buckets
        if storage is None:
            active = (b for b, row in self.storage.items() if row[0] == "active" and row[1] == scope.storage_worker)
            storage = frozenset(active) if scope.storage_worker is not None else frozenset()
        distribution = scope.distribution_buckets
        if distribution is None:
            distribution = frozenset(
                bucket
                for (bucket, worker), status in self.operators.items()
                if status == "active" and worker == scope.distribution_worker
            )
        return {
            bag
            for bag, (stored, distributed) in self.bags.items()
            if scope.everything or stored & storage or distributed & distribution
        }


class ModelChain:
    """Blocks of random facts; `states[n]` is the directory after block n."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._now = State()
        self._next = {"storage": 0, "distribution": 0, "channel": 0, "object": 0}
        self.blocks: list[tuple[StorageFact, ...]] = [()]
        self.states = [State()]

    @property
    def height(self) -> int:
        """Number of the last block."""
        return len(self.blocks) - 1

    def facts_since(self, height: int, until: int | None = None) -> list[StorageFact]:
        """What blocks changed."""
        blocks = self.blocks[height + 1 : None if until is None else until + 1]
        return [fact for block in blocks for fact in block]

    def grow(self, blocks: int) -> None:
        """Add blocks."""
        for _ in range(blocks):
            facts: list[StorageFact] = []
            for _ in range(self._random.randrange(4)):
                facts += self._random.choice(self._MOVES)(self)
            self.blocks.append(tuple(facts))
            self.states.append(copy.deepcopy(self._now))

    def _new_id(self, kind: str) -> int:
        self._next[kind] += 1
        return self._next[kind] - 1

    def _some(self, things: Collection[object], most: int = 3) -> list:
        items = sorted(things)  # type: ignore[type-var]
        return sorted(self._random.sample(items, min(len(items), self._random.randrange(most + 1))))

    def _one(self, things: Collection[object]):
        return self._random.choice(sorted(things)) if things else None  # type: ignore[type-var]

    def _new_objects(self, bag: str) -> list[StorageFact]:
        made = [
            CreatedObject(self._new_id("object"), self._random.randrange(1, 99), f"gW{i}")
            for i in range(self._random.randrange(1, 4))
        ]
        for new in made:
            self._now.objects[new.object_id] = (bag, new.size, new.multihash, False)
        return [ObjectsCreated(BagId.parse(bag), tuple(made))]

    def _objects_of(self, bag: str) -> list[int]:
        return [i for i, row in self._now.objects.items() if row[0] == bag]

    def _create_storage_bucket(self) -> list[StorageFact]:
        bucket, worker = self._new_id("storage"), self._random.choice((None, *WORKERS))
        self._now.storage[bucket] = ("missing" if worker is None else "invited", worker, None, None, None, True)
        return [StorageBucketCreated(bucket, worker, accepting_new_bags=True)]

    def _change_storage_bucket(self) -> list[StorageFact]:
        bucket = self._one(self._now.storage)
        if bucket is None:
            return []
        status, worker, transactor, endpoint, extra, accepting = self._now.storage[bucket]
        if self._random.random() < 0.2:
            self._now.storage[bucket] = (status, worker, transactor, endpoint, extra, not accepting)
            return [StorageBucketStatusSet(bucket, not accepting)]
        if status == "missing":
            if not any(bucket in stored for stored, _ in self._now.bags.values()) and self._random.random() < 0.3:
                del self._now.storage[bucket]
                return [StorageBucketDeleted(bucket)]
            worker = self._random.choice(WORKERS)
            self._now.storage[bucket] = ("invited", worker, None, endpoint, extra, accepting)
            return [StorageOperatorInvited(bucket, worker)]
        if status == "invited":
            if self._random.random() < 0.3:
                self._now.storage[bucket] = ("missing", None, None, endpoint, extra, accepting)
                return [StorageOperatorCleared(bucket, removed=False)]
            self._now.storage[bucket] = ("active", worker, f"t{worker}", endpoint, extra, accepting)
            return [StorageOperatorSet(bucket, worker, f"t{worker}")]
        if self._random.random() < 0.4:
            self._now.storage[bucket] = ("missing", None, None, None, None, accepting)
            return [StorageOperatorCleared(bucket, removed=True)]
        endpoint = f"http://node/{self._random.randrange(9)}"
        self._now.storage[bucket] = (status, worker, transactor, endpoint, extra, accepting)
        return [StorageMetadataSet(bucket, StorageBucketOperatorMetadata(endpoint=endpoint).SerializeToString())]

    def _create_distribution_bucket(self) -> list[StorageFact]:
        bucket = f"0:{self._new_id('distribution')}"
        self._now.distribution[bucket] = (True, True)
        return [DistributionBucketCreated(bucket, accepting_new_bags=True)]

    def _change_distribution_bucket(self) -> list[StorageFact]:
        bucket = self._one(self._now.distribution)
        if bucket is None:
            return []
        accepting, distributing = self._now.distribution[bucket]
        if self._random.random() < 0.2:
            self._now.distribution[bucket] = (accepting, not distributing)
            return [DistributionBucketFlagsSet(bucket, distributing=not distributing)]
        unused = not any(bucket in distributed for _, distributed in self._now.bags.values())
        if unused and not any(there == bucket for there, _ in self._now.operators) and self._random.random() < 0.3:
            del self._now.distribution[bucket]
            return [DistributionBucketDeleted(bucket)]
        worker = self._random.choice(WORKERS)
        status = {None: "invited", "invited": "active", "active": "none"}[self._now.operators.get((bucket, worker))]
        if status == "none":
            del self._now.operators[bucket, worker]
        else:
            self._now.operators[bucket, worker] = status
        return [DistributionOperatorChanged(bucket, worker, status)]

    def _create_bag(self) -> list[StorageFact]:
        bag = f"dynamic:channel:{self._new_id('channel')}"
        stored, distributed = self._some(self._now.storage), self._some(self._now.distribution)
        self._now.bags[bag] = (set(stored), set(distributed))
        made = self._new_objects(bag) if self._random.random() < 0.7 else []
        return [BagCreated(BagId.parse(bag), tuple(stored), tuple(distributed)), *made]

    def _delete_bag(self) -> list[StorageFact]:
        bag = self._one(self._now.bags)
        if bag is None or bag.startswith("static") or self._random.random() < 0.5:
            return []
        del self._now.bags[bag]
        for object_id in self._objects_of(bag):
            del self._now.objects[object_id]
        return [BagDeleted(BagId.parse(bag))]

    def _relink_bag(self) -> list[StorageFact]:
        bag = self._one({*self._now.bags, "static:council"})
        stored, distributed = self._now.bags.setdefault(bag, (set(), set()))
        if self._random.random() < 0.6:
            added, removed = self._some(set(self._now.storage) - stored, 2), self._some(stored, 2)
            stored |= set(added)
            stored -= set(removed)
            return [BagStorageChanged(BagId.parse(bag), tuple(added), tuple(removed))]
        more, fewer = self._some(set(self._now.distribution) - distributed, 2), self._some(distributed, 2)
        distributed |= set(more)
        distributed -= set(fewer)
        return [BagDistributionChanged(BagId.parse(bag), tuple(more), tuple(fewer))]

    def _upload(self) -> list[StorageFact]:
        bag = self._one(self._now.bags)
        return [] if bag is None else self._new_objects(bag)

    def _accept(self) -> list[StorageFact]:
        bag = self._one(self._now.bags)
        ids = [] if bag is None else self._some(self._objects_of(bag))
        for object_id in ids:
            self._now.objects[object_id] = (*self._now.objects[object_id][:3], True)
        return [ObjectsAccepted(BagId.parse(bag), 0, tuple(ids))] if ids else []

    def _delete_objects(self) -> list[StorageFact]:
        bag = self._one(self._now.bags)
        ids = [] if bag is None else self._some(self._objects_of(bag))
        for object_id in ids:
            del self._now.objects[object_id]
        return [ObjectsDeleted(BagId.parse(bag), tuple(ids))] if ids else []

    def _move_objects(self) -> list[StorageFact]:
        source, destination = self._one(self._now.bags), self._one(self._now.bags)
        ids = [] if source in (None, destination) else self._some(self._objects_of(source))
        for object_id in ids:
            self._now.objects[object_id] = (destination, *self._now.objects[object_id][1:])
        return [ObjectsMoved(BagId.parse(source), BagId.parse(destination), tuple(ids))] if ids else []

    _MOVES = (
        _create_storage_bucket,
        _change_storage_bucket,
        _change_storage_bucket,
        _create_distribution_bucket,
        _change_distribution_bucket,
        _change_distribution_bucket,
        _create_bag,
        _delete_bag,
        _relink_bag,
        _relink_bag,
        _upload,
        _accept,
        _accept,
        _delete_objects,
        _move_objects,
    )


class ModelQueryNode:
    """A query node of the model; before each answer it may process more blocks, up to `last` or the chain's height."""

    def __init__(self, chain: ModelChain, random: Random, height: int, last: int | None = None) -> None:
        self._chain = chain
        self._random = random
        self.height = height
        self._last = chain.height if last is None else last

    def _state(self) -> State:
        self.height = min(self._last, self.height + self._random.randrange(3))
        return self._chain.states[self.height]

    async def status(self) -> QueryNodeStatus:
        return QueryNodeStatus(self.height, "model")

    async def storage_buckets(self) -> tuple[StorageBucketFacts, ...]:
        return tuple(StorageBucketFacts(bucket, *row) for bucket, row in self._state().storage.items())  # type: ignore[arg-type]

    async def distribution_buckets(self) -> tuple[DistributionBucketFacts, ...]:
        state = self._state()
        return tuple(
            DistributionBucketFacts(
                bucket,
                *flags,
                tuple(
                    DistributionOperatorFacts(worker, status, None, None)  # type: ignore[arg-type]
                    for (there, worker), status in state.operators.items()
                    if there == bucket
                ),
            )
            for bucket, flags in state.distribution.items()
        )

    async def bags_page(self, after: str | None, limit: int) -> tuple[BagFacts, ...]:
        state = self._state()
        ids = sorted(bag for bag in state.bags if after is None or bag > after)[:limit]
        return tuple(BagFacts(bag, *(tuple(sorted(buckets)) for buckets in state.bags[bag])) for bag in ids)  # type: ignore[arg-type]

    async def objects_page(
        self,
        after: int | None,
        limit: int,
        *,
        storage_bucket_ids: Collection[int] | None = None,
        distribution_bucket_ids: Collection[str] | None = None,
    ) -> tuple[ObjectFacts, ...]:
        state = self._state()
        narrowed = storage_bucket_ids is not None or distribution_bucket_ids is not None
        bags = {
            bag
            for bag, (stored, distributed) in state.bags.items()
            if not narrowed
            or stored & set(storage_bucket_ids or ())
            or distributed & set(distribution_bucket_ids or ())
        }
        ids = sorted((i for i, row in state.objects.items() if row[0] in bags), key=str)
        page = [i for i in ids if after is None or str(i) > str(after)][:limit]
        return tuple(_object(i, state) for i in page)

    async def objects(self, bag_ids: Collection[str]) -> tuple[ObjectFacts, ...]:
        state = self._state()
        return tuple(_object(i, state) for i, row in state.objects.items() if row[0] in bag_ids)


def _object(object_id: int, state: State) -> ObjectFacts:
    bag, size, multihash, accepted = state.objects[object_id]
    return ObjectFacts(object_id, size, multihash, bag, accepted)
