"""What may be moved out, and when nothing may: decisions over facts, without any I/O."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from joygrpc.chain import ChainBag, ChainDataObject
from joygrpc.directory import DirectoryStatus
from joygrpc.storage.objects import KeptObject


class Verdict(StrEnum):
    """What is thought of an object that the node's picture of the chain does not call owed."""

    DELETED = "deleted"
    """Goes: the chain has deleted it."""
    MOVED = "moved"
    """Goes: its bag is stored by others, and enough of them proved that they have it."""
    OWED = "owed"
    """Stays: the chain itself says that it is owed."""
    TOO_NEW = "too_new"
    """Stays: it came too recently."""
    FEW_REPLICAS = "few_replicas"
    """Stays: too few other operators proved that they have it."""
    DELETION_UNCONFIRMED = "deletion_unconfirmed"
    """Stays: the chain does not have it, but nobody recorded its deletion."""
    WHEREABOUTS_UNKNOWN = "whereabouts_unknown"
    """Stays: chain and query node do not agree on where it is."""
    DIFFERENT = "different"
    """Stays: the chain has other content under its id."""

    @property
    def goes(self) -> bool:
        """Whether the object is moved out."""
        return self in (Verdict.DELETED, Verdict.MOVED)


@dataclass(frozen=True, slots=True)
class CleanupRules:
    """The bounds of a cleanup."""

    max_lag_blocks: int = 100
    """Most blocks between the chain's head and query node or picture, in either direction."""
    max_head_age: timedelta = timedelta(minutes=10)
    """Oldest block that is taken for the chain's head."""
    min_replicas: int = 2
    """Other operators that must prove to have a moved object."""
    new_object: timedelta = timedelta(hours=1)
    """Objects that came within this time are left alone."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How chain, query node and picture stand at one moment; heights are 0 when unknown."""

    served: frozenset[int]
    """The node's buckets."""
    syncing: bool
    chain_head: int
    head_time: datetime
    """When the chain's best block was made, as it says itself."""
    query_node_height: int
    picture: DirectoryStatus


@dataclass(frozen=True, slots=True)
class Replica:
    """An operator that proved to have an object; `addresses` are all ways to its node, as `host:port`."""

    worker_id: int
    addresses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What chain and query node say of an object that the picture does not call owed."""

    kept: KeptObject
    told_bag: str | None
    """Bag in which the query node has it; None when it has no such object."""
    on_chain: ChainDataObject | None
    """The chain's entry, in the bag on record or in the one that the query node tells."""
    bag: ChainBag | None
    """The chain's entry of that bag."""
    deletion_recorded: bool
    """Whether the query node, or a finalized block that this node saw, tells that the object was deleted."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One object of the plan. `replicas` operators proved to have it, and `replicas_needed` must; 0 where that does not matter."""

    kept: KeptObject
    bag: str
    verdict: Verdict
    replicas: int = 0
    replicas_needed: int = 0


def hindrance(around: Surroundings, rules: CleanupRules, now: datetime) -> str | None:
    """Why nothing may be moved out now, in words for the operator; None when all is well."""
    picture, head, lag = around.picture, around.chain_head, rules.max_lag_blocks
    if not around.served:
        return "no bucket is served"
    if around.syncing:
        return "the chain node is catching up"
    if abs(now - around.head_time) > rules.max_head_age:
        return (
            f"the chain's best block is of {around.head_time:%Y-%m-%d %H:%M:%S} UTC, too far from this machine's time"
        )
    if not picture.complete:
        return "the node's picture of the chain is not complete"
    if picture.last_error:
        return f"the node's picture of the chain could not be refreshed: {picture.last_error}"
    if around.query_node_height <= 0 or head <= 0:
        return "the height of chain or query node is not known"
    if abs(head - around.query_node_height) > lag:
        return f"the query node is at {around.query_node_height}, the chain at {head}: more than {lag} blocks apart"
    if abs(head - picture.directory_height) > lag:
        return f"the node's picture is of {picture.directory_height}, the chain at {head}: more than {lag} blocks apart"
    return None


def distinct_operators(replicas: Sequence[Replica], own_worker: int, own_addresses: Collection[str]) -> int:
    """How many different operators' nodes are among them, this node's own left out.

    Two buckets of one worker are one; so are two workers who publish the same address.
    """
    workers, addresses = {own_worker}, set(own_addresses)
    count = 0
    for replica in replicas:
        if replica.worker_id in workers or not addresses.isdisjoint(replica.addresses):
            continue
        workers.add(replica.worker_id)
        addresses |= replica.addresses
        count += 1
    return count


def judge(facts: Whereabouts, served: Collection[int], replicas: int, rules: CleanupRules, now: datetime) -> PlanItem:
    """What is to become of an object; `replicas` is how many other operators proved to have it."""
    kept, entry = facts.kept, facts.on_chain
    bag = kept.bag if entry is None else str(entry.bag_id)
    if kept.stored_at is not None and now - kept.stored_at < rules.new_object:
        return PlanItem(kept, bag, Verdict.TOO_NEW)
    if entry is None:
        return PlanItem(kept, bag, _judge_absent(facts))
    if facts.bag is None:
        return PlanItem(kept, bag, Verdict.WHEREABOUTS_UNKNOWN)
    if not facts.bag.stored_by.isdisjoint(served):
        return PlanItem(kept, bag, Verdict.OWED)
    if (entry.size, entry.multihash) != (kept.size, kept.multihash):
        return PlanItem(kept, bag, Verdict.DIFFERENT)
    enough = replicas >= rules.min_replicas
    return PlanItem(kept, bag, Verdict.MOVED if enough else Verdict.FEW_REPLICAS, replicas, rules.min_replicas)


def _judge_absent(facts: Whereabouts) -> Verdict:
    if facts.told_bag is not None:
        return Verdict.WHEREABOUTS_UNKNOWN
    return Verdict.DELETED if facts.deletion_recorded else Verdict.DELETION_UNCONFIRMED
