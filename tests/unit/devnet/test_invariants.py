"""What holds after any sequence of calls, whatever they do."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.devnet.ledger.failures import DispatchFailure

from .worlds import DISTRIBUTION_LEAD, STATIC_BAG, STORAGE_LEAD, STORAGE_WORKERS, World


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


def step(world: World, chance: random.Random) -> None:
    """Something that may or may not be allowed."""
    bag = chance.choice([STATIC_BAG, "dynamic:channel:1", "dynamic:channel:2"])
    bucket = chance.randrange(4)

    def some(limit: int) -> list[int]:
        return [chance.randrange(limit) for _ in range(chance.randrange(3))]

    def lead(name: str, **arguments: Any) -> None:
        world.call(STORAGE_LEAD, "Storage", name, **arguments)

    def distribute(name: str, **arguments: Any) -> None:
        world.call(DISTRIBUTION_LEAD, "Storage", name, **arguments)

    actions = [
        lambda: world.storage_bucket(chance.randrange(3), size_limit=200, objects_limit=9),
        lambda: lead("delete_storage_bucket", storage_bucket_id=bucket),
        lambda: lead("update_storage_buckets_for_bag", bag_id=bag, add_buckets=some(4), remove_buckets=some(4)),
        lambda: lead(
            "set_storage_bucket_voucher_limits",
            storage_bucket_id=bucket,
            new_objects_size_limit=chance.randrange(300),
            new_objects_number_limit=chance.randrange(12),
        ),
        world.distribution_bucket,
        lambda: distribute("delete_distribution_bucket", bucket_id=f"0:{bucket}"),
        lambda: distribute(
            "update_distribution_buckets_for_bag",
            bag_id=bag,
            family_id=0,
            add_buckets_indices=some(4),
            remove_buckets_indices=some(4),
        ),
        lambda: world.objects(bag, *(chance.randrange(40) for _ in range(chance.randrange(4)))),
        lambda: world.admin.delete_objects(bag, some(30)),
        lambda: world.admin.move_objects(bag, STATIC_BAG, some(30)),
        lambda: world.admin.create_channel(0, storage_buckets=some(4), distribution_buckets=[]),
        lambda: world.call(
            STORAGE_WORKERS[0],
            "Storage",
            "accept_pending_data_objects",
            worker_id=0,
            storage_bucket_id=bucket,
            bag_id=bag,
            data_objects=some(30),
        ),
    ]
    with world.ledger.attempt():
        chance.choice(actions)()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_books_always_balance(seed: int) -> None:
    chance = random.Random(seed)
    world = World()
    world.admin.create_family()
    for _ in range(120):
        before = world.snapshot()
        try:
            step(world, chance)
        except DispatchFailure:
            assert world.snapshot() == before
        check(world)


@pytest.mark.parametrize("seed", range(3))
def test_the_walk_gets_somewhere(seed: int) -> None:
    """The property above is not kept by everything being refused."""
    chance = random.Random(seed)
    world = World()
    world.admin.create_family()
    done = 0
    for _ in range(200):
        try:
            step(world, chance)
        except DispatchFailure:
            continue
        done += 1
    assert done > 30
