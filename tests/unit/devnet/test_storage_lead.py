"""Calls of the storage lead: what they refuse, in order, and what they change."""

from typing import Any

import pytest

from joygrpc.devnet.ledger.records import Invited, Missing, Operated
from joygrpc.devnet.limits import Limits

from .worlds import BAG, OWNER, STATIC_BAG, STORAGE_LEAD, STORAGE_WORKERS, World, content_id, storage_names

LEAD_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("delete_storage_bucket", {"storage_bucket_id": 0}),
    ("update_uploading_blocked_status", {"new_status": True}),
    ("update_data_size_fee", {"new_data_size_fee": 1}),
    ("update_storage_buckets_per_bag_limit", {"new_limit": 5}),
    ("update_storage_buckets_voucher_max_limits", {"new_objects_size": 1, "new_objects_number": 1}),
    ("update_data_object_state_bloat_bond", {"state_bloat_bond": 1}),
    (
        "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
        {"dynamic_bag_type": "Channel", "number_of_storage_buckets": 3},
    ),
    ("update_blacklist", {"remove_hashes": [], "add_hashes": []}),
    (
        "create_storage_bucket",
        {"invite_worker": None, "accepting_new_bags": True, "size_limit": 1, "objects_limit": 1},
    ),
    ("update_storage_buckets_for_bag", {"bag_id": STATIC_BAG, "add_buckets": [0], "remove_buckets": []}),
    ("cancel_storage_bucket_operator_invite", {"storage_bucket_id": 0}),
    ("invite_storage_bucket_operator", {"storage_bucket_id": 0, "operator_id": 0}),
    ("remove_storage_bucket_operator", {"storage_bucket_id": 0}),
    ("update_storage_bucket_status", {"storage_bucket_id": 0, "accepting_new_bags": False}),
    (
        "set_storage_bucket_voucher_limits",
        {"storage_bucket_id": 0, "new_objects_size_limit": 1, "new_objects_number_limit": 1},
    ),
]
BUCKET_CALLS = [(name, arguments) for name, arguments in LEAD_CALLS if "storage_bucket_id" in arguments]


@pytest.mark.parametrize(("name", "arguments"), LEAD_CALLS)
def test_only_the_lead_may(world: World, name: str, arguments: dict[str, Any]) -> None:
    assert world.refusal(None, "Storage", name, **arguments) == "BadOrigin"
    assert world.refusal(OWNER, "Storage", name, **arguments) == "StorageWorkingGroup.IsNotLeadAccount"
    world.ledger.storage_group.lead.value = None
    assert world.refusal(STORAGE_LEAD, "Storage", name, **arguments) == "StorageWorkingGroup.CurrentLeadNotSet"


@pytest.mark.parametrize(("name", "arguments"), BUCKET_CALLS)
def test_the_bucket_must_exist(world: World, name: str, arguments: dict[str, Any]) -> None:
    assert world.refusal(STORAGE_LEAD, "Storage", name, **arguments) == "Storage.StorageBucketDoesntExist"


@pytest.mark.parametrize(
    ("name", "arguments", "event", "cell", "value"),
    [
        (
            "update_uploading_blocked_status",
            {"new_status": True},
            "UploadingBlockStatusUpdated",
            "uploading_blocked",
            True,
        ),
        ("update_data_size_fee", {"new_data_size_fee": 9}, "DataObjectPerMegabyteFeeUpdated", "data_size_fee", 9),
        (
            "update_data_object_state_bloat_bond",
            {"state_bloat_bond": 8},
            "DataObjectStateBloatBondValueUpdated",
            "object_bloat_bond",
            8,
        ),
        (
            "update_storage_buckets_per_bag_limit",
            {"new_limit": 13},
            "StorageBucketsPerBagLimitUpdated",
            "storage_buckets_per_bag",
            13,
        ),
    ],
)
def test_parameters(world: World, name: str, arguments: dict[str, Any], event: str, cell: str, value: object) -> None:
    events = world.call(STORAGE_LEAD, "Storage", name, **arguments)
    assert storage_names(events) == [event]
    assert list(events[0].fields.values()) == [value]
    assert getattr(world.ledger, cell).value == value


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("update_storage_buckets_per_bag_limit", {"new_limit": 2}, "StorageBucketsPerBagLimitTooLow"),
        ("update_storage_buckets_per_bag_limit", {"new_limit": 14}, "StorageBucketsPerBagLimitTooHigh"),
        (
            "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
            {"dynamic_bag_type": "Channel", "number_of_storage_buckets": 2},
            "NumberOfStorageBucketsOutsideOfAllowedContraints",
        ),
        (
            "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
            {"dynamic_bag_type": "Member", "number_of_storage_buckets": 14},
            "NumberOfStorageBucketsOutsideOfAllowedContraints",
        ),
    ],
)
def test_parameters_have_bounds(name: str, arguments: dict[str, Any], error: str) -> None:
    world = World(Limits(min_storage_buckets_per_bag=3))
    assert world.refusal(STORAGE_LEAD, "Storage", name, **arguments) == f"Storage.{error}"


def test_the_policy_keeps_its_families(world: World) -> None:
    world.admin.create_family()
    world.admin.set_parameter("channel_families", {0: 2})
    world.admin.set_parameter("channel_storage_buckets", 4)
    policy = world.ledger.policies["Channel"]
    assert (policy.number_of_storage_buckets, dict(policy.families)) == (4, {0: 2})


class TestBlacklist:
    def update(self, world: World, remove: list[bytes], add: list[bytes]) -> None:
        world.call(STORAGE_LEAD, "Storage", "update_blacklist", remove_hashes=remove, add_hashes=add)

    def test_a_hash_in_both_lists_is_judged_by_what_was_there(self, world: World) -> None:
        present, absent = content_id(1), content_id(2)
        self.update(world, [], [present])
        self.update(world, [present, absent], [present, absent])
        assert set(world.ledger.blacklist) == {absent}
        assert world.ledger.blacklist_size.value == 1

    def test_hashes_have_46_bytes(self, world: World) -> None:
        for lists in ([b"short"], []), ([], [b"short"]):
            refused = world.refusal(
                STORAGE_LEAD, "Storage", "update_blacklist", remove_hashes=lists[0], add_hashes=lists[1]
            )
            assert refused == "Storage.InvalidCidLength"

    def test_the_size_is_limited_on_the_net(self) -> None:
        world = World(Limits(blacklist_size=1))
        self.update(world, [], [content_id(1)])
        more = {"remove_hashes": [], "add_hashes": [content_id(2)]}
        assert (
            world.refusal(STORAGE_LEAD, "Storage", "update_blacklist", **more) == "Storage.BlacklistSizeLimitExceeded"
        )
        self.update(world, [content_id(1)], [content_id(2)])
        assert set(world.ledger.blacklist) == {content_id(2)}


class TestBuckets:
    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"size_limit": 101}, "VoucherMaxObjectSizeLimitExceeded"),
            ({"objects_limit": 11}, "VoucherMaxObjectNumberLimitExceeded"),
            ({"invite_worker": 77}, "StorageProviderOperatorDoesntExist"),
        ],
    )
    def test_creation_refused(self, world: World, change: dict[str, Any], error: str) -> None:
        world.admin.set_parameter("voucher_max_limits", (100, 10))
        arguments = {"invite_worker": None, "accepting_new_bags": True, "size_limit": 100, "objects_limit": 10}
        refused = world.refusal(STORAGE_LEAD, "Storage", "create_storage_bucket", **(arguments | change))
        assert refused == f"Storage.{error}"

    def test_a_leader_can_be_invited_like_any_worker(self, world: World) -> None:
        lead = world.ledger.storage_group.lead.value
        events = world.call(
            STORAGE_LEAD,
            "Storage",
            "create_storage_bucket",
            invite_worker=lead,
            accepting_new_bags=True,
            size_limit=5,
            objects_limit=6,
        )
        assert events[0].fields == {
            "bucket_id": 0,
            "invited_worker": lead,
            "accepting_new_bags": True,
            "size_limit": 5,
            "objects_limit": 6,
        }

    def test_ids_are_not_used_again(self, world: World) -> None:
        first = world.storage_bucket(None)
        world.call(STORAGE_LEAD, "Storage", "delete_storage_bucket", storage_bucket_id=first)
        assert world.storage_bucket(None) == first + 1

    def test_a_bucket_with_bags_or_objects_stays(self, world: World) -> None:
        bucket = world.storage_bucket()
        bag = world.channel([bucket])
        delete = {"storage_bucket_id": bucket}
        refused = world.refusal(STORAGE_LEAD, "Storage", "delete_storage_bucket", **delete)
        assert refused == "Storage.StorageBucketIsBoundToBag"
        world.objects(bag, 10)
        refused = world.refusal(STORAGE_LEAD, "Storage", "delete_storage_bucket", **delete)
        assert refused == "Storage.CannotDeleteNonEmptyStorageBucket"

    def test_voucher_limits_may_be_set_below_use(self, world: World) -> None:
        bucket = world.storage_bucket()
        world.objects(world.channel([bucket]), 10, 20)
        events = world.call(
            STORAGE_LEAD,
            "Storage",
            "set_storage_bucket_voucher_limits",
            storage_bucket_id=bucket,
            new_objects_size_limit=1,
            new_objects_number_limit=1,
        )
        assert storage_names(events) == ["StorageBucketVoucherLimitsSet"]
        assert world.ledger.storage_buckets[bucket].voucher.to_scale() == {
            "size_limit": 1,
            "objects_limit": 1,
            "size_used": 30,
            "objects_used": 2,
        }


class TestOperators:
    """Which status of a bucket allows what."""

    @pytest.fixture
    def buckets(self, world: World) -> dict[str, int]:
        missing, invited = world.storage_bucket(None), world.storage_bucket(None)
        world.admin.lead_storage("invite_storage_bucket_operator", storage_bucket_id=invited, operator_id=1)
        return {"missing": missing, "invited": invited, "operated": world.storage_bucket(0)}

    @pytest.mark.parametrize(
        ("name", "status", "outcome"),
        [
            ("cancel_storage_bucket_operator_invite", "missing", "NoStorageBucketInvitation"),
            ("cancel_storage_bucket_operator_invite", "operated", "StorageProviderAlreadySet"),
            ("cancel_storage_bucket_operator_invite", "invited", Missing()),
            ("invite_storage_bucket_operator", "operated", "StorageProviderAlreadySet"),
            ("invite_storage_bucket_operator", "invited", "InvitedStorageProvider"),
            ("invite_storage_bucket_operator", "missing", Invited(2)),
            ("remove_storage_bucket_operator", "missing", "StorageProviderMustBeSet"),
            ("remove_storage_bucket_operator", "invited", "StorageProviderMustBeSet"),
            ("remove_storage_bucket_operator", "operated", Missing()),
        ],
    )
    def test_statuses(self, world: World, buckets: dict[str, int], name: str, status: str, outcome: object) -> None:
        arguments = {"storage_bucket_id": buckets[status]}
        if name == "invite_storage_bucket_operator":
            arguments["operator_id"] = 2
        if isinstance(outcome, str):
            assert world.refusal(STORAGE_LEAD, "Storage", name, **arguments) == f"Storage.{outcome}"
        else:
            world.call(STORAGE_LEAD, "Storage", name, **arguments)
            assert world.ledger.storage_buckets[buckets[status]].operator_status == outcome

    def test_the_invited_worker_must_exist(self, world: World, buckets: dict[str, int]) -> None:
        arguments = {"storage_bucket_id": buckets["missing"], "operator_id": 99}
        refused = world.refusal(STORAGE_LEAD, "Storage", "invite_storage_bucket_operator", **arguments)
        assert refused == "Storage.StorageProviderOperatorDoesntExist"

    def test_removal_keeps_bags_and_objects(self, world: World, buckets: dict[str, int]) -> None:
        bag = world.channel([buckets["operated"]])
        world.objects(bag, 5)
        world.call(STORAGE_LEAD, "Storage", "remove_storage_bucket_operator", storage_bucket_id=buckets["operated"])
        bucket = world.ledger.storage_buckets[buckets["operated"]]
        assert (bucket.assigned_bags, bucket.voucher.objects_used) == (1, 1)

    def test_an_accepted_invitation_names_worker_and_transactor(self, world: World, buckets: dict[str, int]) -> None:
        status = world.ledger.storage_buckets[buckets["operated"]].operator_status
        assert status == Operated(0, STORAGE_WORKERS[0])


class TestBagsOfBuckets:
    def update(self, world: World, bag: str, add: list[int], remove: list[int]) -> list[str]:
        events = world.call(
            STORAGE_LEAD,
            "Storage",
            "update_storage_buckets_for_bag",
            bag_id=bag,
            add_buckets=add,
            remove_buckets=remove,
        )
        return storage_names(events)

    def refusal(self, world: World, bag: str, add: list[int], remove: list[int]) -> str:
        return world.refusal(
            STORAGE_LEAD,
            "Storage",
            "update_storage_buckets_for_bag",
            bag_id=bag,
            add_buckets=add,
            remove_buckets=remove,
        )

    def test_vouchers_move_with_the_bag(self, world: World) -> None:
        old, new = world.storage_bucket(0), world.storage_bucket(1)
        bag = world.channel([old])
        world.objects(bag, 10, 20)
        assert self.update(world, bag, [new], [old]) == [
            "VoucherChanged",
            "VoucherChanged",
            "StorageBucketsUpdatedForBag",
        ]
        used = {
            bucket_id: (bucket.assigned_bags, bucket.voucher.objects_used, bucket.voucher.size_used)
            for bucket_id, bucket in world.ledger.storage_buckets.items()
        }
        assert used == {old: (0, 0, 0), new: (1, 2, 30)}
        assert world.ledger.bags[bag].stored_by == {new}

    def test_a_static_bag_comes_into_being_when_written(self, world: World) -> None:
        bucket = world.storage_bucket()
        assert STATIC_BAG not in world.ledger.bags
        self.update(world, STATIC_BAG, [bucket], [])
        assert world.ledger.bags[STATIC_BAG].stored_by == {bucket}

    def test_refusals_in_order(self, world: World) -> None:
        bound, free, full, closed = (world.storage_bucket() for _ in range(4))
        bag = world.channel([bound])
        world.objects(bag, 10)
        for bucket, size, number in ((full, 9, 9), (closed, 99, 99)):
            world.admin.lead_storage(
                "set_storage_bucket_voucher_limits",
                storage_bucket_id=bucket,
                new_objects_size_limit=size,
                new_objects_number_limit=number,
            )
        world.admin.lead_storage("update_storage_bucket_status", storage_bucket_id=closed, accepting_new_bags=False)
        world.ledger.storage_buckets_per_bag.value = 2
        assert self.refusal(world, "dynamic:channel:99", [], []) == "Storage.DynamicBagDoesntExist"
        assert self.refusal(world, bag, [], []) == "Storage.StorageBucketIdCollectionsAreEmpty"
        assert self.refusal(world, bag, [free, full], []) == "Storage.StorageBucketPerBagLimitExceeded"
        assert self.refusal(world, bag, [], [99]) == "Storage.StorageBucketDoesntExist"
        assert self.refusal(world, bag, [], [free]) == "Storage.StorageBucketIsNotBoundToBag"
        assert self.refusal(world, bag, [99], []) == "Storage.StorageBucketDoesntExist"
        assert self.refusal(world, bag, [closed], []) == "Storage.StorageBucketDoesntAcceptNewBags"
        assert self.refusal(world, bag, [bound], []) == "Storage.StorageBucketIsBoundToBag"
        assert self.refusal(world, bag, [bound], [bound]) == "Storage.StorageBucketIsBoundToBag"
        assert self.refusal(world, bag, [full], []) == "Storage.StorageBucketObjectSizeLimitReached"

    def test_number_is_judged_before_size(self, world: World) -> None:
        bound, full = world.storage_bucket(), world.storage_bucket(objects_limit=0, size_limit=0)
        bag = world.channel([bound])
        world.objects(bag, 10)
        assert self.refusal(world, bag, [full], []) == "Storage.StorageBucketObjectNumberLimitReached"


def test_the_bag_of_a_channel_is_named_after_it(world: World) -> None:
    assert world.channel([world.storage_bucket()]) == BAG
