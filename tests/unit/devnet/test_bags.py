"""Objects and dynamic bags: what other pallets ask of the storage pallet."""

from dataclasses import replace

import pytest

from joygrpc.content import DistributionBucketId
from joygrpc.devnet.events import Event
from joygrpc.devnet.ledger import bags
from joygrpc.devnet.ledger.bags import NewObject, Upload
from joygrpc.devnet.ledger.balances import TREASURY, free_balance
from joygrpc.devnet.ledger.failures import ModuleError
from joygrpc.devnet.ledger.records import Bag
from joygrpc.devnet.limits import Limits

from .worlds import BAG, OWNER, STATIC_BAG, STRANGER, World, content_id, storage_names

MEGABYTE = 1_048_576


def upload(world: World, *sizes: int, payer: str = OWNER) -> Upload:
    objects = tuple(NewObject(size, content_id(number)) for number, size in enumerate(sizes))
    return Upload(payer, objects, world.ledger.data_size_fee.value, world.ledger.object_bloat_bond.value)


def refused(world: World, action: object, *arguments: object) -> str:
    before = world.snapshot()
    with pytest.raises(ModuleError) as caught, world.ledger.attempt():
        action(world.ledger, *arguments)  # type: ignore[operator]
    assert world.snapshot() == before
    return caught.value.name


def lower_limits(world: World, *, bucket: int, size: int, number: int) -> None:
    world.admin.lead_storage(
        "set_storage_bucket_voucher_limits",
        storage_bucket_id=bucket,
        new_objects_size_limit=size,
        new_objects_number_limit=number,
    )


def events(world: World) -> tuple[Event, ...]:
    return world.ledger.take_events()


@pytest.fixture
def world() -> World:
    """Channel 1 in buckets 0 and 1, with room for 100 bytes and 3 objects each."""
    world = World()
    for _ in range(2):
        world.storage_bucket(size_limit=100, objects_limit=3)
    world.channel([0, 1])
    events(world)
    return world


class TestUpload:
    def test_ids_follow_the_list_and_the_bag_grows(self, world: World) -> None:
        assert bags.upload_objects(world.ledger, BAG, upload(world, 10, 20)) == [0, 1]
        assert bags.upload_objects(world.ledger, BAG, upload(world, 5)) == [2]
        bag = world.ledger.bags[BAG]
        assert (bag.objects_number, bag.objects_total_size) == (3, 35)
        assert not world.ledger.objects[BAG, 0].accepted
        assert storage_names(events(world)) == ["VoucherChanged", "VoucherChanged", "DataObjectsUploaded"] * 2

    def test_the_event_carries_parameters_and_bond(self, world: World) -> None:
        bags.upload_objects(world.ledger, BAG, upload(world, 10))
        event = events(world)[-1]
        bond = world.ledger.object_bloat_bond.value
        assert event.fields["upload_parameters"] == {
            "bag_id": BAG,
            "object_creation_list": [{"size": 10, "ipfs_content_id": content_id(0)}],
            "state_bloat_bond_source_account_id": OWNER,
            "expected_data_size_fee": world.ledger.data_size_fee.value,
            "expected_data_object_state_bloat_bond": bond,
        }
        assert event.fields["state_bloat_bond"] == bond

    def test_refusals_in_order(self, world: World) -> None:
        ledger, good = world.ledger, upload(world, 10)
        assert refused(world, bags.upload_objects, BAG, upload(world)) == "NoObjectsOnUpload"
        wrong_both = replace(good, expected_data_size_fee=1, expected_state_bloat_bond=1)
        assert refused(world, bags.upload_objects, BAG, wrong_both) == "DataSizeFeeChanged"
        wrong_bond = replace(good, expected_state_bloat_bond=1)
        assert refused(world, bags.upload_objects, BAG, wrong_bond) == "DataObjectStateBloatBondChanged"
        assert refused(world, bags.upload_objects, "dynamic:channel:9", good) == "DynamicBagDoesntExist"
        ledger.uploading_blocked.value = True
        assert refused(world, bags.upload_objects, BAG, upload(world, 0)) == "UploadingBlocked"
        ledger.uploading_blocked.value = False
        assert refused(world, bags.upload_objects, BAG, upload(world, 60 * 2**30 + 1)) == "MaxDataObjectSizeExceeded"
        assert refused(world, bags.upload_objects, BAG, upload(world, 0)) == "ZeroObjectSize"
        for content, error in ((b"", "EmptyContentId"), (b"short", "InvalidCidLength")):
            odd = replace(good, objects=(NewObject(1, content),))
            assert refused(world, bags.upload_objects, BAG, odd) == error
        ledger.blacklist[content_id(0)] = ()
        assert refused(world, bags.upload_objects, BAG, upload(world, 1000)) == "DataObjectBlacklisted"
        del ledger.blacklist[content_id(0)]
        too_many = upload(world, 101, 1, 1, 1)
        assert refused(world, bags.upload_objects, BAG, too_many) == "StorageBucketObjectNumberLimitReached"
        assert refused(world, bags.upload_objects, BAG, upload(world, 101)) == "StorageBucketObjectSizeLimitReached"
        poor = upload(world, 10, payer="0x" + "77" * 32)
        assert refused(world, bags.upload_objects, BAG, poor) == "InsufficientBalance"

    @pytest.mark.parametrize(
        ("sizes", "megabytes"),
        [((1,), 1), ((MEGABYTE,), 1), ((MEGABYTE + 1,), 2), ((MEGABYTE // 2, MEGABYTE // 2), 1)],
    )
    def test_bonds_go_to_the_treasury_and_the_fee_is_burnt(self, sizes: tuple[int, ...], megabytes: int) -> None:
        world = World()
        ledger = world.ledger
        before, treasury = free_balance(ledger, OWNER), free_balance(ledger, TREASURY)
        issuance = ledger.total_issuance.value
        bags.upload_objects(ledger, STATIC_BAG, upload(world, *sizes))
        bonds, fee = len(sizes) * ledger.object_bloat_bond.value, megabytes * ledger.data_size_fee.value
        assert before - free_balance(ledger, OWNER) == bonds + fee
        assert free_balance(ledger, TREASURY) - treasury == bonds
        assert issuance - ledger.total_issuance.value == fee

    def test_no_bond_means_no_fee(self, world: World) -> None:
        world.ledger.object_bloat_bond.value = 0
        before = free_balance(world.ledger, OWNER)
        bags.upload_objects(world.ledger, BAG, upload(world, 10))
        assert free_balance(world.ledger, OWNER) == before


class TestDeletion:
    def test_bonds_come_back(self, world: World) -> None:
        ids = bags.upload_objects(world.ledger, BAG, upload(world, 10, 20))
        before = free_balance(world.ledger, STRANGER)
        events(world)
        bags.delete_objects(world.ledger, STRANGER, BAG, ids[:1])
        assert free_balance(world.ledger, STRANGER) - before == world.ledger.object_bloat_bond.value
        assert storage_names(events(world)) == ["VoucherChanged", "VoucherChanged", "DataObjectsDeleted"]
        assert world.ledger.objects.group(BAG) == ids[1:]

    def test_a_bond_may_belong_to_somebody_else(self, world: World) -> None:
        (object_id,) = bags.upload_objects(world.ledger, BAG, upload(world, 10))
        stored = world.ledger.objects[BAG, object_id]
        bond = replace(stored.state_bloat_bond, repayment_restricted_to=STRANGER)
        world.ledger.objects[BAG, object_id] = replace(stored, state_bloat_bond=bond)
        before = free_balance(world.ledger, STRANGER)
        bags.delete_objects(world.ledger, OWNER, BAG, [object_id])
        assert free_balance(world.ledger, STRANGER) > before

    def test_refusals_in_order(self, world: World) -> None:
        bags.upload_objects(world.ledger, BAG, upload(world, 10, 20))
        lower_limits(world, bucket=1, size=0, number=0)
        absent = "dynamic:channel:9"
        assert refused(world, bags.delete_objects, OWNER, absent, []) == "DataObjectIdCollectionIsEmpty"
        assert refused(world, bags.delete_objects, OWNER, absent, [0, 9]) == "DynamicBagDoesntExist"
        assert refused(world, bags.delete_objects, OWNER, BAG, [0, 9]) == "DataObjectDoesntExist"
        assert refused(world, bags.delete_objects, OWNER, BAG, [0]) == "StorageBucketObjectNumberLimitReached"

    def test_blocked_uploads_do_not_block_it(self, world: World) -> None:
        ids = bags.upload_objects(world.ledger, BAG, upload(world, 10))
        world.ledger.uploading_blocked.value = True
        bags.delete_objects(world.ledger, OWNER, BAG, ids)
        assert world.ledger.bags[BAG].objects_number == 0

    def test_a_bucket_that_is_overdrawn_blocks_it(self, world: World) -> None:
        bags.upload_objects(world.ledger, BAG, upload(world, 10, 20))
        for size, number, error in ((9, 9, "Size"), (99, 0, "Number")):
            lower_limits(world, bucket=1, size=size, number=number)
            expected = f"StorageBucketObject{error}LimitReached"
            assert refused(world, bags.delete_objects, OWNER, BAG, [1]) == expected


class TestReplacement:
    def test_capacity_is_judged_on_the_net(self, world: World) -> None:
        old = bags.upload_objects(world.ledger, BAG, upload(world, 90, 5, 5))
        events(world)
        new = bags.replace_objects(world.ledger, BAG, upload(world, 90), old[:1])
        event = events(world)[-1]
        assert (event.name, event.fields["uploaded_data_object_ids"]) == ("DataObjectsUpdated", new)
        assert event.fields["removed_data_object_ids"] == old[:1]

    def test_both_lists_may_be_empty_and_prices_are_not_compared_then(self, world: World) -> None:
        assert bags.replace_objects(world.ledger, BAG, Upload(OWNER, (), 1, 1), []) == []

    def test_refusals_in_order(self, world: World) -> None:
        def refusal(bag: str, up: Upload, removals: list[int]) -> str:
            return refused(world, bags.replace_objects, bag, up, removals)

        absent, good = "dynamic:channel:9", upload(world, 10)
        wrong = replace(upload(world, 0), expected_data_size_fee=1, expected_state_bloat_bond=1)
        assert refusal(absent, wrong, [9]) == "DataSizeFeeChanged"
        wrong = replace(upload(world, 0), expected_state_bloat_bond=1)
        assert refusal(absent, wrong, [9]) == "DataObjectStateBloatBondChanged"
        assert refusal(absent, upload(world, 0), [9]) == "DynamicBagDoesntExist"
        assert refusal(BAG, upload(world, 0), [9]) == "ZeroObjectSize"
        assert refusal(BAG, upload(world, 101, 1, 1, 1), [9]) == "DataObjectDoesntExist"
        assert refusal(BAG, upload(world, 101, 1, 1, 1), []) == "StorageBucketObjectNumberLimitReached"
        poor = "0x" + "77" * 32
        assert refusal(BAG, upload(world, 101, payer=poor), []) == "StorageBucketObjectSizeLimitReached"
        assert refusal(BAG, replace(good, payer=poor), []) == "InsufficientBalance"


class TestMove:
    def test_objects_keep_id_bond_and_acceptance(self, world: World) -> None:
        (object_id, other) = bags.upload_objects(world.ledger, BAG, upload(world, 10, 20))
        before = world.ledger.objects[BAG, object_id]
        events(world)
        bags.move_objects(world.ledger, BAG, STATIC_BAG, [object_id])
        assert world.ledger.objects[STATIC_BAG, object_id] == before
        assert world.ledger.objects.group(BAG) == [other]
        assert world.ledger.bags[STATIC_BAG].objects_total_size == 10
        assert storage_names(events(world)) == ["VoucherChanged", "VoucherChanged", "DataObjectsMoved"]

    def test_a_bucket_of_both_bags_needs_room_twice(self, world: World) -> None:
        world.admin.bind_bag(STATIC_BAG, add_storage=[0])
        ids = bags.upload_objects(world.ledger, BAG, upload(world, 60))
        expected = "StorageBucketObjectSizeLimitReached"
        assert refused(world, bags.move_objects, BAG, STATIC_BAG, ids) == expected

    def test_refusals_in_order(self, world: World) -> None:
        assert refused(world, bags.move_objects, BAG, "dynamic:channel:9", [0]) == "DynamicBagDoesntExist"
        assert refused(world, bags.move_objects, BAG, BAG, []) == "SourceAndDestinationBagsAreEqual"
        assert refused(world, bags.move_objects, BAG, STATIC_BAG, []) == "DataObjectIdCollectionIsEmpty"
        assert refused(world, bags.move_objects, BAG, STATIC_BAG, [0]) == "DataObjectDoesntExist"
        ids = bags.upload_objects(world.ledger, BAG, upload(world, 10, 20))
        world.admin.bind_bag(STATIC_BAG, add_storage=[world.storage_bucket(size_limit=29, objects_limit=1)])
        assert refused(world, bags.move_objects, BAG, STATIC_BAG, ids) == "StorageBucketObjectNumberLimitReached"
        lower_limits(world, bucket=2, size=29, number=2)
        assert refused(world, bags.move_objects, BAG, STATIC_BAG, ids) == "StorageBucketObjectSizeLimitReached"

    def test_totals_do_not_overflow(self, world: World) -> None:
        ids = bags.upload_objects(world.ledger, BAG, upload(world, 10))
        world.ledger.bags[STATIC_BAG] = Bag(objects_total_size=2**64 - 10)
        assert refused(world, bags.move_objects, BAG, STATIC_BAG, ids) == "ArithmeticError"


class TestDynamicBags:
    @pytest.fixture
    def world(self) -> World:
        """Buckets 0 and 1 and families 0 and 1 of two buckets each; the policy wants one, and one of each family."""
        world = World()
        for _ in range(2):
            world.storage_bucket(size_limit=100, objects_limit=2)
            world.admin.create_family()
        for family in (0, 0, 1, 1):
            world.distribution_bucket(family)
        world.admin.set_parameter("channel_storage_buckets", 1)
        world.admin.set_parameter("channel_families", {0: 1, 1: 1})
        events(world)
        return world

    def test_creation_counts_bags_and_vouchers(self, world: World) -> None:
        ids = bags.create_dynamic_bag(world.ledger, BAG, upload(world, 10), [1], ["0:1", "1:0"])
        bag = world.ledger.bags[BAG]
        assert bag.stored_by == {1}
        assert bag.distributed_by == {DistributionBucketId(0, 1), DistributionBucketId(1, 0)}
        assert world.ledger.storage_buckets[1].assigned_bags == 1
        assert world.ledger.distribution_buckets[0, 1].assigned_bags == 1
        happened = events(world)
        assert storage_names(happened) == ["VoucherChanged", "DynamicBagCreated"]
        assert happened[-1].fields["data_object_ids"] == ids

    def test_whether_buckets_accept_bags_is_not_asked(self, world: World) -> None:
        world.admin.lead_storage("update_storage_bucket_status", storage_bucket_id=0, accepting_new_bags=False)
        bags.create_dynamic_bag(world.ledger, BAG, upload(world), [0], ["0:0", "1:0"])

    def test_refusals_in_order(self, world: World) -> None:
        good, distribution = upload(world, 10), ["0:0", "1:0"]

        def refusal(up: Upload, storage: list[int], distributed: list[str]) -> str:
            return refused(world, bags.create_dynamic_bag, BAG, up, storage, distributed)

        wrong = replace(good, expected_data_size_fee=1, expected_state_bloat_bond=1)
        assert refusal(wrong, [], []) == "DataObjectStateBloatBondChanged"
        assert refusal(replace(good, expected_data_size_fee=1), [], []) == "DataSizeFeeChanged"
        assert refusal(good, [0, 1], []) == "StorageBucketsNumberViolatesDynamicBagCreationPolicy"
        assert refusal(good, [9], []) == "StorageBucketDoesntExist"
        for distributed in ([], ["0:0"], ["0:0", "0:1", "1:0"], ["0:0", "0:1"]):
            assert refusal(good, [0], distributed) == "DistributionBucketsViolatesDynamicBagCreationPolicy"
        assert refusal(good, [0], ["0:0", "1:9"]) == "DistributionBucketDoesntExist"
        assert refusal(upload(world, 0), [0], distribution) == "ZeroObjectSize"
        assert refusal(upload(world, 101), [0], distribution) == "StorageBucketObjectSizeLimitReached"
        poor = upload(world, 10, payer="0x" + "77" * 32)
        assert refusal(poor, [0], distribution) == "InsufficientBalance"
        bags.create_dynamic_bag(world.ledger, BAG, good, [0], distribution)
        assert refusal(good, [0], distribution) == "DynamicBagExists"

    def test_the_bag_is_looked_for_after_the_objects_and_before_room(self, world: World) -> None:
        buckets = [0], ["0:0", "1:0"]
        bags.create_dynamic_bag(world.ledger, BAG, upload(world), *buckets)
        assert refused(world, bags.create_dynamic_bag, BAG, upload(world, 0), *buckets) == "ZeroObjectSize"
        assert refused(world, bags.create_dynamic_bag, BAG, upload(world, 101), *buckets) == "DynamicBagExists"

    def test_deletion_asks_whether_the_rest_fits(self, world: World) -> None:
        buckets = [0], ["0:0", "1:0"]
        bags.create_dynamic_bag(world.ledger, BAG, upload(world, 10), *buckets)
        bags.create_dynamic_bag(world.ledger, "dynamic:channel:2", upload(world, 20), *buckets)
        lower_limits(world, bucket=0, size=5, number=1)
        expected = "StorageBucketObjectSizeLimitReached"
        assert refused(world, bags.delete_dynamic_bag, OWNER, BAG) == expected
        lower_limits(world, bucket=0, size=20, number=0)
        expected = "StorageBucketObjectNumberLimitReached"
        assert refused(world, bags.delete_dynamic_bag, OWNER, BAG) == expected
        lower_limits(world, bucket=0, size=20, number=1)
        bags.delete_dynamic_bag(world.ledger, OWNER, BAG)

    def test_deletion_takes_the_objects_along_without_an_event_of_theirs(self, world: World) -> None:
        bags.create_dynamic_bag(world.ledger, BAG, upload(world, 10, 20), [0], ["0:0", "1:0"])
        before = free_balance(world.ledger, STRANGER)
        events(world)
        bags.delete_dynamic_bag(world.ledger, STRANGER, BAG)
        assert free_balance(world.ledger, STRANGER) - before == 2 * world.ledger.object_bloat_bond.value
        assert storage_names(events(world)) == ["VoucherChanged", "DynamicBagDeleted"]
        assert len(world.ledger.objects) == 0
        assert world.ledger.storage_buckets[0].assigned_bags == 0
        assert world.ledger.distribution_buckets[0, 0].assigned_bags == 0
        assert refused(world, bags.delete_dynamic_bag, STRANGER, BAG) == "DynamicBagDoesntExist"


def test_ten_thousand_objects_do_not_get_slower() -> None:
    """Changes per upload stay the same however many objects there are."""
    world = World(Limits())
    bag = world.channel([world.storage_bucket()])
    world.ledger.journal.commit()
    counts = []
    for _ in range(3):
        world.objects(bag, *[10] * 100)
        counts.append(len(world.ledger.journal.commit()))
    assert counts == [counts[0]] * 3
