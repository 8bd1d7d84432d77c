"""What a plan is made from, and what a change makes of it. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from joygrpc.chain.port import ChainBag, ChainStorageBucket
from joygrpc.content.ids import BagId


def order_of(bag_id: BagId) -> int:
    """Bags are taken in the order of their SCALE bytes read as a number."""
    return int.from_bytes(bag_id.scale_bytes(), "big")


@dataclass(frozen=True, slots=True)
class Facts:
    """All storage buckets, the bags in order, and in how many buckets a bag may be."""

    buckets: Mapping[int, ChainStorageBucket]
    bags: tuple[ChainBag, ...]
    bag_limit: int

    @classmethod
    def of(cls, buckets: Iterable[ChainStorageBucket], bags: Iterable[ChainBag], bag_limit: int) -> "Facts":
        """The facts in order."""
        return cls(
            {bucket.bucket_id: bucket for bucket in sorted(buckets, key=lambda bucket: bucket.bucket_id)},
            tuple(sorted(bags, key=lambda bag: order_of(bag.bag_id))),
            bag_limit,
        )

    @property
    def storage_used(self) -> int:
        """Bytes in all buckets together."""
        return sum(bucket.size_used for bucket in self.buckets.values())

    def replication(self, active_only: bool) -> float:
        """In how many buckets (with an operator) a bag is on average; 0 without bags."""
        counted = {id_ for id_, bucket in self.buckets.items() if not active_only or is_active(bucket)}
        return sum(len(bag.stored_by & counted) for bag in self.bags) / len(self.bags) if self.bags else 0.0


@dataclass(frozen=True, slots=True)
class BagChange:
    """The buckets that a bag gets and leaves; `bag` as it was before."""

    bag: ChainBag
    add: tuple[int, ...]
    remove: tuple[int, ...]


def is_active(bucket: ChainStorageBucket) -> bool:
    """Whether an operator has taken the bucket over."""
    return bucket.operator_status == "active"


def free_bytes(bucket: ChainStorageBucket) -> int:
    """Bytes that the bucket may still take; below zero when its limit was lowered."""
    return bucket.size_limit - bucket.size_used


def takes(bucket: ChainStorageBucket, bag: ChainBag) -> bool:
    """Whether the chain lets the bag into the bucket."""
    return (
        bucket.accepting_new_bags
        and bucket.objects_used + bag.objects_number <= bucket.objects_limit
        and bucket.size_used + bag.objects_total_size <= bucket.size_limit
    )


def changed_buckets(buckets: Mapping[int, ChainStorageBucket], change: BagChange) -> dict[int, ChainStorageBucket]:
    """The buckets that a change touches, as they are afterwards."""
    size, objects = change.bag.objects_total_size, change.bag.objects_number
    return {
        bucket_id: replace(
            bucket, size_used=bucket.size_used + sign * size, objects_used=bucket.objects_used + sign * objects
        )
        for ids, sign in ((change.add, 1), (change.remove, -1))
        for bucket_id in ids
        for bucket in (buckets[bucket_id],)
    }


def after(facts: Facts, changes: Iterable[BagChange]) -> Facts:
    """The facts once the changes are made."""
    buckets = dict(facts.buckets)
    stored_by: dict[BagId, frozenset[int]] = {}
    for change in changes:
        buckets |= changed_buckets(buckets, change)
        stored_by[change.bag.bag_id] = (change.bag.stored_by | set(change.add)) - set(change.remove)
    bags = tuple(
        replace(bag, stored_by=stored_by[bag.bag_id]) if bag.bag_id in stored_by else bag for bag in facts.bags
    )
    return replace(facts, buckets=buckets, bags=bags)
