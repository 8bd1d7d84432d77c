"""What holds after any sequence of calls, whatever they do."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.devnet.ledger.failures import DispatchFailure

from .walk import Walk
from .worlds import World


def check(world: World) -> None:
    ledger = world.ledger
    storage_bags: Counter[int] = Counter()
    distribution_bags: Counter[tuple[int, int]] = Counter()
    used: dict[int, list[int]] = {bucket_id: [0, 0] for bucket_id in ledger.storage_buckets}
    for bag_id, bag in ledger.bags.items():
        sizes = [ledger.objects[bag_id, number].size for number in ledger.objects.group(bag_id)]
        assert (bag.objects_number, bag.objects_total_size) == (len(sizes), sum(sizes))
        for bucket_id in bag.stored_by:
            storage_bags[bucket_id] += 1
            used[bucket_id][0] += len(sizes)
            used[bucket_id][1] += sum(sizes)
        for bucket in bag.distributed_by:
            distribution_bags[bucket.family, bucket.index] += 1
    for bucket_id, stored in ledger.storage_buckets.items():
        assert stored.assigned_bags == storage_bags[bucket_id]
        assert [stored.voucher.objects_used, stored.voucher.size_used] == used[bucket_id]
    for key, delivered in ledger.distribution_buckets.items():
        assert delivered.assigned_bags == distribution_bags[key]
    assert set(distribution_bags) <= set(ledger.distribution_buckets)
    money = sum(info.data.free + info.data.reserved for _, info in ledger.accounts.items())
    assert money == ledger.total_issuance.value
    assert ledger.blacklist_size.value == len(ledger.blacklist)
    assert ledger.family_number.value == len(ledger.families)
    for policy in ledger.policies.items():
        assert set(policy[1].families) <= set(ledger.families)


class History:
    """What must hold between one moment and the next."""

    def __init__(self, world: World) -> None:
        self._ledger = world.ledger
        self._accepted: set[int] = set()
        self._counters: list[int] = []
        self._ids: list[set[int]] = [set(), set(), set()]
        self._overdrawn: set[int] = set()

    def check(self, lowered: int | None = None) -> None:
        """`lowered` is the bucket whose limits were just set."""
        ledger = self._ledger
        objects = {object_id: stored for (_, object_id), stored in ledger.objects.items()}
        assert len(objects) == len(ledger.objects), "an object is in one bag"
        accepted = {object_id for object_id, stored in objects.items() if stored.accepted}
        assert self._accepted & objects.keys() <= accepted, "acceptance is for ever"
        self._accepted = accepted
        counters = [
            ledger.next_object_id.value,
            ledger.next_storage_bucket_id.value,
            ledger.next_family_id.value,
        ]
        ids = [set(objects), set(ledger.storage_buckets), set(ledger.families)]
        for before, now, known, present in zip(self._counters or [0] * 3, counters, self._ids, ids, strict=True):
            assert all(before <= new < now for new in present - known), "ids are given once, in order"
        self._counters, self._ids = counters, ids
        overdrawn = {
            bucket_id
            for bucket_id, bucket in ledger.storage_buckets.items()
            if bucket.voucher.objects_used > bucket.voucher.objects_limit
            or bucket.voucher.size_used > bucket.voucher.size_limit
        }
        assert overdrawn - self._overdrawn <= {lowered}, "only lower limits overdraw a voucher"
        self._overdrawn = overdrawn


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_books_always_balance(seed: int) -> None:
    world = World()
    walk, history = Walk(world, seed), History(world)
    for _ in range(150):
        before = world.snapshot()
        try:
            walk.step()
        except DispatchFailure:
            assert world.snapshot() == before
        check(world)
        history.check(walk.lowered)


@pytest.mark.parametrize("seed", range(3))
def test_the_walk_gets_somewhere(seed: int) -> None:
    """The property above is not kept by everything being refused."""
    world = World()
    walk = Walk(world, seed)
    for _ in range(1000):
        try:
            walk.step()
        except DispatchFailure:
            continue
    assert walk.seen.keys() >= {
        "DataObjectsUploaded",
        "DataObjectsUpdated",
        "DataObjectsMoved",
        "DataObjectsDeleted",
        "DynamicBagCreated",
        "StorageBucketsUpdatedForBag",
        "StorageBucketVoucherLimitsSet",
        "PendingDataObjectsAccepted",
        "DistributionBucketsUpdatedForBag",
    }
