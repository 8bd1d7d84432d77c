"""Calls of the distribution lead and of distribution operators."""

from typing import Any

import pytest

from joygrpc.content import DistributionBucketId
from joygrpc.devnet.limits import Limits

from .worlds import DISTRIBUTION_LEAD, DISTRIBUTION_WORKERS, OWNER, STATIC_BAG, World, storage_names

LEAD_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("create_distribution_bucket_family", {}),
    ("delete_distribution_bucket_family", {"family_id": 0}),
    ("create_distribution_bucket", {"family_id": 0, "accepting_new_bags": True}),
    ("update_distribution_bucket_status", {"bucket_id": "0:0", "accepting_new_bags": True}),
    ("delete_distribution_bucket", {"bucket_id": "0:0"}),
    (
        "update_distribution_buckets_for_bag",
        {"bag_id": STATIC_BAG, "family_id": 0, "add_buckets_indices": [0], "remove_buckets_indices": []},
    ),
    ("update_distribution_buckets_per_bag_limit", {"new_limit": 5}),
    ("update_distribution_bucket_mode", {"bucket_id": "0:0", "distributing": False}),
    ("update_families_in_dynamic_bag_creation_policy", {"dynamic_bag_type": "Channel", "families": {0: 1}}),
    ("invite_distribution_bucket_operator", {"bucket_id": "0:0", "operator_worker_id": 0}),
    ("cancel_distribution_bucket_operator_invite", {"bucket_id": "0:0", "operator_worker_id": 0}),
    ("remove_distribution_bucket_operator", {"bucket_id": "0:0", "operator_worker_id": 0}),
    ("set_distribution_bucket_family_metadata", {"family_id": 0, "metadata": b"x"}),
]
WORKER_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("accept_distribution_bucket_invitation", {"bucket_id": "0:0"}),
    ("set_distribution_operator_metadata", {"bucket_id": "0:0", "metadata": b"x"}),
    ("distribution_operator_remark", {"distribution_bucket_id": "0:0", "msg": b"x"}),
]


def refusal(world: World, name: str, **arguments: Any) -> str:
    return world.refusal(DISTRIBUTION_LEAD, "Storage", name, **arguments).removeprefix("Storage.")


def lead(world: World, name: str, **arguments: Any) -> list[str]:
    return storage_names(world.call(DISTRIBUTION_LEAD, "Storage", name, **arguments))


@pytest.mark.parametrize(("name", "arguments"), LEAD_CALLS)
def test_only_the_lead_may(world: World, name: str, arguments: dict[str, Any]) -> None:
    assert world.refusal(None, "Storage", name, **arguments) == "BadOrigin"
    assert world.refusal(OWNER, "Storage", name, **arguments) == "DistributionWorkingGroup.IsNotLeadAccount"


@pytest.mark.parametrize(("name", "arguments"), WORKER_CALLS)
def test_only_the_worker_may(world: World, name: str, arguments: dict[str, Any]) -> None:
    group = "DistributionWorkingGroup"
    mine, other = DISTRIBUTION_WORKERS[0], DISTRIBUTION_WORKERS[1]
    assert world.refusal(mine, "Storage", name, worker_id=99, **arguments) == f"{group}.WorkerDoesNotExist"
    refused = world.refusal(other, "Storage", name, worker_id=0, **arguments)
    assert refused == f"{group}.SignerIsNotWorkerRoleAccount"
    refused = world.refusal(mine, "Storage", name, worker_id=0, **arguments)
    assert refused == "Storage.DistributionBucketDoesntExist"


@pytest.mark.parametrize(("name", "arguments"), [item for item in LEAD_CALLS if "bucket_id" in item[1]])
def test_the_bucket_must_exist(world: World, name: str, arguments: dict[str, Any]) -> None:
    assert refusal(world, name, **arguments) == "DistributionBucketDoesntExist"


@pytest.mark.parametrize(("name", "arguments"), [item for item in LEAD_CALLS if "family_id" in item[1]])
def test_the_family_must_exist(world: World, name: str, arguments: dict[str, Any]) -> None:
    assert refusal(world, name, **arguments) == "DistributionBucketFamilyDoesntExist"


class TestFamilies:
    def test_there_are_only_so_many(self) -> None:
        world = World(Limits(max_distribution_families=1))
        world.admin.create_family()
        refused = refusal(world, "create_distribution_bucket_family")
        assert refused == "MaxDistributionBucketFamilyNumberLimitExceeded"
        lead(world, "delete_distribution_bucket_family", family_id=0)
        assert world.admin.create_family() == 1

    def test_bound_buckets_and_policies_keep_a_family(self, world: World) -> None:
        world.admin.create_family()
        bucket = world.distribution_bucket()
        world.admin.bind_bag(STATIC_BAG, add_distribution=[bucket])
        assert refusal(world, "delete_distribution_bucket_family", family_id=0) == "DistributionBucketIsBoundToBag"
        world.admin.bind_bag(STATIC_BAG, remove_distribution=[bucket])
        world.admin.set_parameter("member_families", {0: 1})
        refused = refusal(world, "delete_distribution_bucket_family", family_id=0)
        assert refused == "DistributionFamilyBoundToBagCreationPolicy"

    def test_its_buckets_outlive_it(self, world: World) -> None:
        world.admin.create_family()
        bucket = world.distribution_bucket(worker=0)
        lead(world, "delete_distribution_bucket_family", family_id=0)
        assert lead(world, "update_distribution_bucket_mode", bucket_id=bucket, distributing=False) == [
            "DistributionBucketModeUpdated"
        ]

    @pytest.mark.parametrize(
        ("families", "error"),
        [
            ({}, "NumberOfDistributionBucketsOutsideOfAllowedContraints"),
            ({0: 0}, "NumberOfDistributionBucketsOutsideOfAllowedContraints"),
            ({0: 52}, "NumberOfDistributionBucketsOutsideOfAllowedContraints"),
            ({7: 1}, "DistributionBucketFamilyDoesntExist"),
        ],
    )
    def test_policies_have_bounds(self, world: World, families: dict[int, int], error: str) -> None:
        world.admin.create_family()
        name = "update_families_in_dynamic_bag_creation_policy"
        assert refusal(world, name, dynamic_bag_type="Channel", families=families) == error

    def test_a_policy_drops_zeros_but_the_event_keeps_them(self, world: World) -> None:
        world.admin.create_family()
        (event,) = world.call(
            DISTRIBUTION_LEAD,
            "Storage",
            "update_families_in_dynamic_bag_creation_policy",
            dynamic_bag_type="Channel",
            families={0: 2, 9: 0},
        )
        assert event.fields["families"] == {0: 2, 9: 0}
        assert dict(world.ledger.policies["Channel"].families) == {0: 2}


class TestBuckets:
    @pytest.fixture
    def world(self) -> World:
        """Family 0 with buckets 0:0 to 0:3."""
        world = World()
        world.admin.create_family()
        for _ in range(4):
            world.distribution_bucket()
        return world

    def test_indices_are_not_used_again(self, world: World) -> None:
        lead(world, "delete_distribution_bucket", bucket_id="0:3")
        assert world.distribution_bucket() == "0:4"

    def test_bags_and_operators_keep_a_bucket(self, world: World) -> None:
        world.admin.bind_bag(STATIC_BAG, add_distribution=["0:0"])
        assert refusal(world, "delete_distribution_bucket", bucket_id="0:0") == "DistributionBucketIsBoundToBag"
        world.admin.add_distribution_operator("0:1", 0)
        assert refusal(world, "delete_distribution_bucket", bucket_id="0:1") == "DistributionProviderOperatorSet"
        world.admin.lead_distribution("invite_distribution_bucket_operator", bucket_id="0:2", operator_worker_id=0)
        assert lead(world, "delete_distribution_bucket", bucket_id="0:2") == ["DistributionBucketDeleted"]

    def test_limits_per_bag(self, world: World) -> None:
        name = "update_distribution_buckets_per_bag_limit"
        assert refusal(world, name, new_limit=0) == "DistributionBucketsPerBagLimitTooLow"
        assert refusal(world, name, new_limit=52) == "DistributionBucketsPerBagLimitTooHigh"
        assert lead(world, name, new_limit=51) == ["DistributionBucketsPerBagLimitUpdated"]

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            (
                {"add_buckets_indices": [], "bag_id": "dynamic:channel:9"},
                "DistributionBucketIdCollectionsAreEmpty",
            ),
            ({"bag_id": "dynamic:channel:9", "family_id": 9}, "DynamicBagDoesntExist"),
            ({"family_id": 9}, "DistributionBucketFamilyDoesntExist"),
            ({"add_buckets_indices": [0, 1, 2, 9]}, "MaxDistributionBucketNumberPerBagLimitExceeded"),
            ({"remove_buckets_indices": [9]}, "DistributionBucketDoesntExist"),
            ({"remove_buckets_indices": [2]}, "DistributionBucketIsNotBoundToBag"),
            ({"add_buckets_indices": [9]}, "DistributionBucketDoesntExist"),
            ({"add_buckets_indices": [3]}, "DistributionBucketDoesntAcceptNewBags"),
            ({"add_buckets_indices": [0]}, "DistributionBucketIsBoundToBag"),
        ],
    )
    def test_binding_refused_in_order(self, world: World, change: dict[str, Any], error: str) -> None:
        world.admin.bind_bag(STATIC_BAG, add_distribution=["0:0"])
        world.admin.lead_distribution("update_distribution_bucket_status", bucket_id="0:3", accepting_new_bags=False)
        plain = {"bag_id": STATIC_BAG, "family_id": 0, "add_buckets_indices": [1], "remove_buckets_indices": []}
        assert refusal(world, "update_distribution_buckets_for_bag", **(plain | change)) == error

    def test_bindings_are_counted(self, world: World) -> None:
        world.admin.bind_bag(STATIC_BAG, add_distribution=["0:0", "0:1"])
        world.admin.bind_bag(STATIC_BAG, add_distribution=["0:2"], remove_distribution=["0:0"])
        assert world.ledger.bags[STATIC_BAG].distributed_by == {
            DistributionBucketId(0, 1),
            DistributionBucketId(0, 2),
        }
        counts = [world.ledger.distribution_buckets[0, index].assigned_bags for index in range(4)]
        assert counts == [0, 1, 1, 0]


class TestOperators:
    @pytest.fixture
    def world(self) -> World:
        """Bucket 0:0: worker 0 operates, worker 1 is invited, worker 2 is neither; no more invitations fit."""
        world = World(Limits(max_pending_invitations=1, max_distribution_operators=1))
        world.admin.create_family()
        bucket = world.distribution_bucket(worker=0)
        world.admin.lead_distribution("invite_distribution_bucket_operator", bucket_id=bucket, operator_worker_id=1)
        return world

    @pytest.mark.parametrize(
        ("name", "worker", "error"),
        [
            ("invite_distribution_bucket_operator", 99, "DistributionProviderOperatorDoesntExist"),
            ("invite_distribution_bucket_operator", 1, "DistributionProviderOperatorAlreadyInvited"),
            ("invite_distribution_bucket_operator", 0, "DistributionProviderOperatorSet"),
            (
                "invite_distribution_bucket_operator",
                2,
                "MaxNumberOfPendingInvitationsLimitForDistributionBucketReached",
            ),
            ("cancel_distribution_bucket_operator_invite", 0, "NoDistributionBucketInvitation"),
            ("remove_distribution_bucket_operator", 1, "MustBeDistributionProviderOperatorForBucket"),
        ],
    )
    def test_the_lead_is_refused(self, world: World, name: str, worker: int, error: str) -> None:
        assert refusal(world, name, bucket_id="0:0", operator_worker_id=worker) == error

    def test_the_lead_cancels_and_removes(self, world: World) -> None:
        bucket = {"bucket_id": "0:0"}
        lead(world, "cancel_distribution_bucket_operator_invite", operator_worker_id=1, **bucket)
        lead(world, "remove_distribution_bucket_operator", operator_worker_id=0, **bucket)
        left = world.ledger.distribution_buckets[0, 0]
        assert (left.pending_invitations, left.operators) == (frozenset(), frozenset())

    def test_an_operator_needs_an_invitation_and_a_free_place(self, world: World) -> None:
        def accept(worker: int) -> dict[str, Any]:
            return {
                "signer": DISTRIBUTION_WORKERS[worker],
                "pallet": "Storage",
                "name": "accept_distribution_bucket_invitation",
                "worker_id": worker,
                "bucket_id": "0:0",
            }

        assert world.refusal(**accept(2)) == "Storage.NoDistributionBucketInvitation"
        assert world.refusal(**accept(1)) == "Storage.MaxNumberOfOperatorsPerDistributionBucketReached"
        lead(world, "remove_distribution_bucket_operator", bucket_id="0:0", operator_worker_id=0)
        (event,) = world.call(**accept(1))
        assert event.fields == {"worker_id": 1, "bucket_id": "0:0"}

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("set_distribution_operator_metadata", {"bucket_id": "0:0", "metadata": b"\x01"}),
            ("distribution_operator_remark", {"distribution_bucket_id": "0:0", "msg": b"\x01"}),
        ],
    )
    def test_only_operators_describe_a_bucket(self, world: World, name: str, arguments: dict[str, Any]) -> None:
        refused = world.refusal(DISTRIBUTION_WORKERS[1], "Storage", name, worker_id=1, **arguments)
        assert refused == "Storage.MustBeDistributionProviderOperatorForBucket"
        (event,) = world.call(DISTRIBUTION_WORKERS[0], "Storage", name, worker_id=0, **arguments)
        assert list(event.fields.values()) == [0, "0:0", b"\x01"]
