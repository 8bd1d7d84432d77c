"""What a cleanup may move out, row by row, and when it moves out nothing at all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from joygrpc.chain import ChainBag, ChainDataObject
from joygrpc.content import BagId
from joygrpc.directory import DirectoryStatus
from joygrpc.storage.cleanup_facts import addresses_of
from joygrpc.storage.cleanup_plan import (
    CleanupRules,
    Replica,
    Surroundings,
    Verdict,
    Whereabouts,
    distinct_operators,
    hindrance,
    judge,
)
from joygrpc.storage.objects import KeptObject, ObjectState

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
RULES = CleanupRules()
BAG, OTHER_BAG = BagId.channel(1), BagId.channel(2)
OWN = frozenset({0, 5})

WELL = Surroundings(
    served=OWN,
    syncing=False,
    chain_head=1000,
    head_time=NOW - timedelta(seconds=6),
    query_node_height=998,
    picture=DirectoryStatus(True, 999, 998, "1", 1000, ""),
)


def picture(**changes: object) -> DirectoryStatus:
    return replace(WELL.picture, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"served": frozenset()}, "no bucket"),
        ({"syncing": True}, "catching up"),
        ({"head_time": NOW - timedelta(minutes=11)}, "best block is of 2024-05-01 11:49:00"),
        ({"head_time": NOW + timedelta(minutes=11)}, "best block"),
        ({"picture": picture(complete=False)}, "not complete"),
        ({"picture": picture(last_error="QUERY_NODE_UNAVAILABLE")}, "QUERY_NODE_UNAVAILABLE"),
        ({"query_node_height": 0}, "not known"),
        ({"chain_head": 0}, "not known"),
        ({"query_node_height": 900}, None),
        ({"query_node_height": 899}, "query node is at 899"),
        # A chain node that stands still makes the lag negative.
        ({"query_node_height": 1100}, None),
        ({"query_node_height": 1101}, "query node is at 1101"),
        ({"picture": picture(directory_height=899)}, "picture is of 899"),
        ({"picture": picture(directory_height=1101)}, "picture is of 1101"),
    ],
)
def test_what_keeps_a_cleanup_from_running(changes: dict[str, object], why: str | None) -> None:
    found = hindrance(replace(WELL, **changes), RULES, NOW)  # type: ignore[arg-type]
    assert (found is None) == (why is None)
    assert why is None or why in str(found)


def kept(**changes: object) -> KeptObject:
    values = {"stored_at": NOW - timedelta(days=1)} | changes
    return KeptObject(1, 10, "gW", ObjectState.STORED, str(BAG), **values)  # type: ignore[arg-type]


def entry(bag: BagId = BAG, size: int = 10, multihash: str = "gW", accepted: bool = True) -> ChainDataObject:
    return ChainDataObject(1, bag, size, multihash, accepted)


def stored_by(*buckets: int, bag: BagId = BAG) -> ChainBag:
    return ChainBag(bag, frozenset(buckets), frozenset(), 0, 0)


GONE = Whereabouts(kept(), told_bag=None, on_chain=None, bag=None, deletion_recorded=True)
ELSEWHERE = Whereabouts(kept(), str(BAG), entry(), stored_by(1, 2), deletion_recorded=False)


@pytest.mark.parametrize(
    ("facts", "replicas", "verdict"),
    [
        (GONE, 0, Verdict.DELETED),
        (replace(GONE, kept=kept(stored_at=None)), 0, Verdict.DELETED),
        (replace(GONE, deletion_recorded=False), 0, Verdict.DELETION_UNCONFIRMED),
        # The query node still has it, be it late or right: the chain was asked in the bag that it tells, too.
        (replace(GONE, told_bag=str(BAG)), 0, Verdict.WHEREABOUTS_UNKNOWN),
        (replace(GONE, told_bag=str(OTHER_BAG), deletion_recorded=False), 0, Verdict.WHEREABOUTS_UNKNOWN),
        (replace(GONE, kept=kept(stored_at=NOW - timedelta(minutes=59))), 0, Verdict.TOO_NEW),
        (ELSEWHERE, 2, Verdict.MOVED),
        (ELSEWHERE, 3, Verdict.MOVED),
        (ELSEWHERE, 1, Verdict.FEW_REPLICAS),
        (ELSEWHERE, 0, Verdict.FEW_REPLICAS),
        (replace(ELSEWHERE, kept=kept(stored_at=NOW)), 9, Verdict.TOO_NEW),
        (replace(ELSEWHERE, bag=stored_by(1, 2, 5)), 9, Verdict.OWED),
        (replace(ELSEWHERE, bag=stored_by(0), on_chain=entry(accepted=False)), 9, Verdict.OWED),
        (replace(ELSEWHERE, bag=None), 9, Verdict.WHEREABOUTS_UNKNOWN),
        (replace(ELSEWHERE, on_chain=entry(size=11)), 9, Verdict.DIFFERENT),
        (replace(ELSEWHERE, on_chain=entry(multihash="gX")), 9, Verdict.DIFFERENT),
        # A deletion that was recorded does not count against the chain's own word.
        (replace(ELSEWHERE, bag=stored_by(0), deletion_recorded=True), 9, Verdict.OWED),
        (replace(ELSEWHERE, told_bag=None, deletion_recorded=True), 0, Verdict.FEW_REPLICAS),
    ],
)
def test_what_becomes_of_an_object(facts: Whereabouts, replicas: int, verdict: Verdict) -> None:
    item = judge(facts, OWN, replicas, RULES, NOW)
    assert item.verdict is verdict
    assert verdict.goes == (verdict in (Verdict.DELETED, Verdict.MOVED))


def test_the_plan_names_the_bag_where_the_object_is_now() -> None:
    facts = replace(ELSEWHERE, on_chain=entry(OTHER_BAG), bag=stored_by(1, bag=OTHER_BAG))
    item = judge(facts, OWN, 1, RULES, NOW)
    assert (item.bag, item.replicas, item.replicas_needed) == (str(OTHER_BAG), 1, 2)


def replica(worker_id: int, *addresses: str) -> Replica:
    return Replica(worker_id, frozenset(addresses))


@pytest.mark.parametrize(
    ("replicas", "count"),
    [
        ([], 0),
        ([replica(1, "a:1"), replica(2, "b:1")], 2),
        # Two buckets of one operator.
        ([replica(1, "a:1"), replica(1, "b:1")], 1),
        # Two operators who name one node.
        ([replica(1, "a:1"), replica(2, "a:1")], 1),
        ([replica(1, "a:1", "g:1"), replica(2, "b:1", "g:1")], 1),
        # This node itself, by its worker or by its address.
        ([replica(0, "c:1")], 0),
        ([replica(3, "own:1")], 0),
    ],
)
def test_operators_are_counted_not_buckets(replicas: list[Replica], count: int) -> None:
    assert distinct_operators(replicas, 0, {"own:1"}) == count


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert addresses_of("https://Host.example", None) == addresses_of("https://host.example:443", None)
    assert addresses_of("http://h:80", "h:50051") == {"h:80", "h:50051"}
    assert addresses_of("http://h/a", None) != addresses_of("http://h/b", None)
    assert addresses_of(None, None) == frozenset()
