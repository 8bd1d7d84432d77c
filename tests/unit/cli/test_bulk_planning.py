"""Plans for many bags: what the chain would say to each change, and what holds at the end."""

from hypothesis import assume, given
from hypothesis import strategies as st

from joygrpc.chain import ChainBag, ChainStorageBucket
from joygrpc.cli.storage.leader.bulk.facts import BagChange, Facts, after, is_active, order_of
from joygrpc.cli.storage.leader.bulk.planning import (
    Plan,
    bags_without_bucket,
    batches,
    plan_copies,
    plan_emptying,
    plan_replication,
    plan_updates,
)
from joygrpc.content import BagId

from .bulk_facts import bag, bucket, facts_of

BUCKETS = 6


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    numbers = draw(st.lists(st.integers(0, 1000), unique=True, max_size=12))
    bags = [
        ChainBag(
            BagId.channel(number),
            draw(st.frozensets(st.integers(0, BUCKETS - 1), max_size=BUCKETS)),
            frozenset(),
            draw(st.integers(0, 50)),
            draw(st.integers(0, 5)),
        )
        for number in numbers
    ]
    buckets = [
        ChainStorageBucket(
            bucket_id,
            draw(st.sampled_from(["missing", "invited", "active", "active"])),
            None,
            None,
            draw(st.sampled_from([True, True, True, False])),
            draw(st.integers(0, 400)),
            draw(st.integers(0, 40)),
            0,
            0,
        )
        for bucket_id in range(BUCKETS)
    ]
    return facts_of(buckets, bags, draw(st.integers(1, 8)))


def carried_out_by_chain(plan: Plan) -> Facts:
    """Carry the changes out one after the other, with the chain's checks in its order."""
    facts = plan.facts
    for change in plan.changes:
        now = next(b for b in facts.bags if b.bag_id == change.bag.bag_id)
        assert now == change.bag
        assert change.add or change.remove
        assert not set(change.add) & set(change.remove)
        assert len(now.stored_by) + len(change.add) - len(change.remove) <= facts.bag_limit
        assert set(change.remove) <= now.stored_by
        for bucket_id in change.add:
            target = facts.buckets[bucket_id]
            assert target.accepting_new_bags
            assert bucket_id not in now.stored_by
            assert target.objects_used + now.objects_number <= target.objects_limit
            assert target.size_used + now.objects_total_size <= target.size_limit
        facts = after(facts, [change])
    assert facts_of(list(facts.buckets.values()), facts.bags, facts.bag_limit) == facts
    return facts


def replicas(facts: Facts, one: ChainBag, *, active_only: bool) -> int:
    return sum(1 for bucket_id in one.stored_by if not active_only or is_active(facts.buckets[bucket_id]))


@given(any_facts(), st.integers(1, 5), st.booleans())
def test_replication_meets_the_rate_and_the_chain_takes_every_change(
    facts: Facts, rate: int, active_only: bool
) -> None:
    assume(rate <= facts.bag_limit)
    plan = plan_replication(facts, rate, active_only=active_only)
    then = carried_out_by_chain(plan)
    lacking = {short.bag.bag_id: short.copies for short in plan.shortfalls}
    for one in then.bags:
        assert replicas(then, one, active_only=active_only) + lacking.get(one.bag_id, 0) == rate
    if active_only:
        added = {bucket_id for change in plan.changes for bucket_id in change.add}
        assert all(is_active(facts.buckets[bucket_id]) for bucket_id in added)


@given(any_facts(), st.integers(1, 5), st.booleans(), st.data())
def test_an_interrupted_replication_goes_on_with_what_was_left(
    facts: Facts, rate: int, active_only: bool, data: st.DataObject
) -> None:
    assume(rate <= facts.bag_limit)
    plan = plan_replication(facts, rate, active_only=active_only)
    assume(not plan.shortfalls)
    done = data.draw(st.integers(0, len(plan.changes)))
    rest = plan_replication(after(facts, plan.changes[:done]), rate, active_only=active_only)
    assert rest.changes == plan.changes[done:]


@given(
    any_facts(), st.frozensets(st.integers(0, 2), min_size=1), st.frozensets(st.integers(3, 5), min_size=1), st.data()
)
def test_copies_only_add_and_can_be_repeated(
    facts: Facts, sources: frozenset[int], targets: frozenset[int], data: st.DataObject
) -> None:
    copies = data.draw(st.integers(1, len(targets)))
    plan = plan_copies(facts, sources, targets, copies)
    then = carried_out_by_chain(plan)
    lacking = {short.bag.bag_id: short.copies for short in plan.shortfalls}
    for before, one in zip(facts.bags, then.bags, strict=True):
        assert before.stored_by <= one.stored_by
        if before.stored_by & sources:
            assert len(one.stored_by & targets) + lacking.get(one.bag_id, 0) >= copies
        else:
            assert one == before
    assert plan_copies(then, sources, targets, copies).changes == ()


@given(any_facts(), st.integers(0, BUCKETS - 1))
def test_emptying_leaves_nothing_and_touches_no_other_bucket(facts: Facts, bucket_id: int) -> None:
    plan = plan_emptying(facts, bucket_id)
    assume(all(len(change.bag.stored_by) - 1 <= facts.bag_limit for change in plan.changes))
    then = carried_out_by_chain(plan)
    assert then.buckets[bucket_id].size_used == 0
    assert [one.stored_by for one in then.bags] == [one.stored_by - {bucket_id} for one in facts.bags]


def test_bags_are_taken_by_their_bytes_and_buckets_by_free_bytes() -> None:
    bags = [bag(256, []), bag(2, []), bag(1, []), ChainBag(BagId.council(), frozenset(), frozenset(), 1, 1)]
    facts = facts_of([bucket(0, size_limit=100), bucket(1, size_limit=105)], bags)
    plan = plan_replication(facts, 1, active_only=True)
    assert [str(change.bag.bag_id) for change in plan.changes] == [
        "static:council",
        "dynamic:channel:256",
        "dynamic:channel:1",
        "dynamic:channel:2",
    ]
    assert [order_of(change.bag.bag_id) for change in plan.changes] == sorted(order_of(b.bag_id) for b in bags)
    # 105 and 100 bytes free: 1 gets a byte (104), 1 gets ten (94), then 0 (90), then 1.
    assert [change.add for change in plan.changes] == [(1,), (1,), (0,), (1,)]


def test_the_fullest_holder_leaves_first() -> None:
    facts = facts_of(
        [bucket(0, size_limit=50), bucket(1, size_limit=20), bucket(2, size_limit=90)], [bag(1, [0, 1, 2])]
    )
    assert plan_replication(facts, 1, active_only=True).changes == (BagChange(facts.bags[0], (), (1, 0)),)


def test_buckets_without_operator_make_room_when_a_bag_is_in_too_many() -> None:
    missing = bucket(0, operator_status="missing")
    facts = facts_of([missing, bucket(1), bucket(2)], [bag(1, [0, 1])], bag_limit=2)
    (change,) = plan_replication(facts, 2, active_only=True).changes
    assert (change.add, change.remove) == ((2,), (0,))
    assert not plan_replication(facts, 2, active_only=False).changes


def test_what_cannot_be_done_is_told() -> None:
    facts = facts_of([bucket(0), bucket(1, accepting_new_bags=False)], [bag(1, [0])])
    plan = plan_replication(facts, 2, active_only=True)
    assert [(short.copies, "room" in short.reason) for short in plan.shortfalls] == [(1, True)]
    full = plan_copies(facts_of([bucket(0), bucket(1)], [bag(1, [0])], bag_limit=1), [0], [1], 1)
    assert "too many buckets" in full.shortfalls[0].reason


def test_updates_leave_out_what_is_so_already() -> None:
    facts = facts_of([bucket(n) for n in range(3)], [bag(1, [0]), bag(2, [1])])
    plan = plan_updates(facts, facts.bags, [1], [0])
    assert [(change.add, change.remove) for change in plan.changes] == [((1,), (0,))]


def test_bags_that_nobody_would_keep_are_found() -> None:
    facts = facts_of([bucket(0), bucket(1)], [bag(1, [0]), bag(2, [0, 1])])
    assert [str(one.bag_id) for one in bags_without_bucket(plan_emptying(facts, 0))] == ["dynamic:channel:1"]


def test_batches_keep_the_order() -> None:
    facts = facts_of([bucket(0)], [bag(n, []) for n in range(5)])
    plan = plan_replication(facts, 1, active_only=True)
    parts = list(batches(plan, 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert tuple(change for part in parts for change in part) == plan.changes
