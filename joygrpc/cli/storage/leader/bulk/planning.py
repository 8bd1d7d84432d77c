"""Which bags go where. Pure: the same facts give the same plan.

A plan takes the bags one after the other and counts the room that the changes before have left, as the chain will when it carries them
out in that order. So what remains of a plan after a part of it was carried out is the plan that the chain's facts give then: a run that
was interrupted goes on by planning anew.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from joygrpc.chain.port import ChainBag, ChainStorageBucket
from joygrpc.cli.storage.leader.bulk.facts import BagChange, Facts, changed_buckets, free_bytes, is_active, takes


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Copies of a bag for which there is no bucket; `reason` says why."""

    bag: ChainBag
    copies: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order in which they are to be made; `shortfalls` are what could not be planned."""

    facts: Facts
    changes: tuple[BagChange, ...]
    shortfalls: tuple[Shortfall, ...] = ()


Step = Callable[["Room", ChainBag], tuple[BagChange | None, Shortfall | None]]


class Room:
    """The buckets as the changes planned so far leave them."""

    def __init__(self, facts: Facts) -> None:
        self.buckets = dict(facts.buckets)
        self.bag_limit = facts.bag_limit

    def make(self, change: BagChange) -> None:
        """Count a change."""
        self.buckets |= changed_buckets(self.buckets, change)

    def roomiest(self, bag: ChainBag, count: int, allowed: Callable[[ChainStorageBucket], bool]) -> list[int]:
        """Up to `count` buckets for the bag: those with most free bytes first, the lower id of equals."""
        candidates = [
            bucket
            for bucket_id, bucket in self.buckets.items()
            if bucket_id not in bag.stored_by and allowed(bucket) and takes(bucket, bag)
        ]
        candidates.sort(key=lambda bucket: (-free_bytes(bucket), bucket.bucket_id))
        return [bucket.bucket_id for bucket in candidates[:count]]

    def fullest(self, holders: Collection[int], count: int) -> list[int]:
        """`count` of the holders: those with least free bytes first, the lower id of equals."""
        return sorted(holders, key=lambda id_: (free_bytes(self.buckets[id_]), id_))[:count]


def _plan(facts: Facts, bags: Iterable[ChainBag], step: Step) -> Plan:
    room = Room(facts)
    changes, shortfalls = [], []
    for bag in bags:
        change, shortfall = step(room, bag)
        if change is not None:
            room.make(change)
            changes.append(change)
        if shortfall is not None:
            shortfalls.append(shortfall)
    return Plan(facts, tuple(changes), tuple(shortfalls))


def plan_replication(facts: Facts, rate: int, *, active_only: bool) -> Plan:
    """Every bag into `rate` buckets.

    `active_only`: only buckets with an operator count, and only they get bags; others keep theirs, unless a bag would be in too many buckets.
    """

    def counts(bucket: ChainStorageBucket) -> bool:
        return not active_only or is_active(bucket)

    def step(room: Room, bag: ChainBag) -> tuple[BagChange | None, Shortfall | None]:
        counted = {id_ for id_ in bag.stored_by if counts(room.buckets[id_])}
        if len(counted) == rate:
            return None, None
        remove = room.fullest(counted, len(counted) - rate) if len(counted) > rate else []
        wanted = max(0, rate - len(counted))
        add = room.roomiest(bag, wanted, counts)
        excess = len(bag.stored_by) + len(add) - len(remove) - room.bag_limit
        if excess > 0:
            remove += room.fullest(bag.stored_by - counted, excess)
        short = wanted - len(add)
        return (
            BagChange(bag, tuple(add), tuple(remove)) if add or remove else None,
            Shortfall(bag, short, "no bucket takes new bags and has room for it") if short else None,
        )

    return _plan(facts, facts.bags, step)


def plan_copies(facts: Facts, sources: Collection[int], targets: Collection[int], copies: int) -> Plan:
    """Every bag that a source holds into `copies` of the targets; those that hold it already count."""
    wanted_of = frozenset(targets)

    def step(room: Room, bag: ChainBag) -> tuple[BagChange | None, Shortfall | None]:
        wanted = max(0, copies - len(bag.stored_by & wanted_of))
        places = min(wanted, max(0, room.bag_limit - len(bag.stored_by)))
        add = room.roomiest(bag, places, lambda bucket: bucket.bucket_id in wanted_of)
        reason = (
            "it would be in too many buckets" if places < wanted else "no target takes new bags and has room for it"
        )
        return (
            BagChange(bag, tuple(add), ()) if add else None,
            Shortfall(bag, wanted - len(add), reason) if len(add) < wanted else None,
        )

    held = (bag for bag in facts.bags if not bag.stored_by.isdisjoint(sources))
    return _plan(facts, held, step)


def plan_emptying(facts: Facts, bucket_id: int) -> Plan:
    """The bucket out of all its bags."""
    held = (bag for bag in facts.bags if bucket_id in bag.stored_by)
    return _plan(facts, held, lambda _, bag: (BagChange(bag, (), (bucket_id,)), None))


def plan_updates(facts: Facts, bags: Collection[ChainBag], add: Collection[int], remove: Collection[int]) -> Plan:
    """The same buckets for each of the bags; what is so already is left out."""

    def step(_room: Room, bag: ChainBag) -> tuple[BagChange | None, Shortfall | None]:
        added = tuple(sorted(set(add) - bag.stored_by))
        removed = tuple(sorted(set(remove) & bag.stored_by))
        return (BagChange(bag, added, removed) if added or removed else None), None

    return _plan(facts, bags, step)


def bags_without_bucket(plan: Plan) -> list[ChainBag]:
    """Bags that the plan takes out of their last bucket."""
    return [
        change.bag
        for change in plan.changes
        if change.bag.stored_by and not (change.bag.stored_by | set(change.add)) - set(change.remove)
    ]


def batches(plan: Plan, size: int) -> Iterator[tuple[BagChange, ...]]:
    """The changes in batches of `size`, in order."""
    for start in range(0, len(plan.changes), size):
        yield plan.changes[start : start + size]
