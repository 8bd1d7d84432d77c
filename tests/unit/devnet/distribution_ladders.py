"""The checks of the calls of distribution lead and distribution operators."""

from joygrpc.devnet.limits import Limits

from .ladders import Ladder, delivered, delivering, delivery_lead, do, family, give, invite_delivery
from .worlds import STATIC_BAG

_DELIVERED_BY_0 = do(family, delivering, lambda world: world.admin.add_distribution_operator("0:0", 0))

_LEAD: dict[str, Ladder] = {
    "create_distribution_bucket_family": Ladder(
        "distribution lead", {}, ("DistributionBucketFamilyCreated", [1]),
        (
            (
                "MaxDistributionBucketFamilyNumberLimitExceeded",
                do(delivery_lead("delete_distribution_bucket_family", family_id=0)),
            ),
        ),
        limits=Limits(max_distribution_families=1),
        prepare=do(family),
    ),
    "delete_distribution_bucket_family": Ladder(
        "distribution lead", {"family_id": 0}, ("DistributionBucketFamilyDeleted", [0]),
        (
            ("DistributionBucketFamilyDoesntExist", do(
                family, family, delivering, delivered(0),
                lambda world: world.admin.set_parameter("member_families", {0: 1}),
                lambda world: world.admin.set_parameter("channel_families", {0: 1}),
            )),
            ("DistributionBucketIsBoundToBag", do(
                lambda world: world.admin.bind_bag(STATIC_BAG, remove_distribution=["0:0"])
            )),
            ("DistributionFamilyBoundToBagCreationPolicy", do(
                lambda world: world.admin.set_parameter("member_families", {1: 1})
            )),
            ("DistributionFamilyBoundToBagCreationPolicy", do(
                lambda world: world.admin.set_parameter("channel_families", {1: 1})
            )),
        ),
    ),
    "create_distribution_bucket": Ladder(
        "distribution lead", {"family_id": 0, "accepting_new_bags": False},
        ("DistributionBucketCreated", [0, False, "0:0"]),
        (("DistributionBucketFamilyDoesntExist", do(family)),),
    ),
    "update_distribution_bucket_status": Ladder(
        "distribution lead", {"bucket_id": "0:0", "accepting_new_bags": False},
        ("DistributionBucketStatusUpdated", ["0:0", False]),
        (("DistributionBucketDoesntExist", do(family, delivering)),),
    ),
    "delete_distribution_bucket": Ladder(
        "distribution lead", {"bucket_id": "0:0"}, ("DistributionBucketDeleted", ["0:0"]),
        (
            ("DistributionBucketDoesntExist", do(_DELIVERED_BY_0, delivered(0), invite_delivery(1))),
            ("DistributionBucketIsBoundToBag", do(
                lambda world: world.admin.bind_bag(STATIC_BAG, remove_distribution=["0:0"])
            )),
            # The invitation of worker 1 does not hinder.
            ("DistributionProviderOperatorSet", do(
                delivery_lead("remove_distribution_bucket_operator", bucket_id="0:0", operator_worker_id=0)
            )),
        ),
    ),
    "update_distribution_buckets_for_bag": Ladder(
        "distribution lead",
        {"bag_id": "dynamic:channel:1", "family_id": 9, "add_buckets_indices": [], "remove_buckets_indices": []},
        ("DistributionBucketsUpdatedForBag", [STATIC_BAG, 0, [1], [0]]),
        (
            ("DistributionBucketIdCollectionsAreEmpty", give(add_buckets_indices=[1, 2, 9], remove_buckets_indices=[8])),
            ("DynamicBagDoesntExist", give(bag_id=STATIC_BAG)),
            ("DistributionBucketFamilyDoesntExist", give(family_id=0)),
            ("MaxDistributionBucketNumberPerBagLimitExceeded", give(add_buckets_indices=[9])),
            ("DistributionBucketDoesntExist", give(remove_buckets_indices=[1])),
            ("DistributionBucketIsNotBoundToBag", give(remove_buckets_indices=[0])),
            ("DistributionBucketDoesntExist", give(add_buckets_indices=[0])),
            ("DistributionBucketDoesntAcceptNewBags", do(
                delivery_lead("update_distribution_bucket_status", bucket_id="0:0", accepting_new_bags=True)
            )),
            ("DistributionBucketIsBoundToBag", give(add_buckets_indices=[1])),
        ),
        prepare=do(
            family, delivering, delivering, delivering, delivered(0),
            delivery_lead("update_distribution_bucket_status", bucket_id="0:0", accepting_new_bags=False),
            delivery_lead("update_distribution_buckets_per_bag_limit", new_limit=2),
        ),
    ),
    "update_distribution_buckets_per_bag_limit": Ladder(
        "distribution lead", {"new_limit": 0}, ("DistributionBucketsPerBagLimitUpdated", [51]),
        (
            ("DistributionBucketsPerBagLimitTooLow", give(new_limit=52)),
            ("DistributionBucketsPerBagLimitTooHigh", give(new_limit=51)),
        ),
    ),
    "update_distribution_bucket_mode": Ladder(
        "distribution lead", {"bucket_id": "0:0", "distributing": False}, ("DistributionBucketModeUpdated", ["0:0", False]),
        (("DistributionBucketDoesntExist", do(family, delivering)),),
    ),
    "update_families_in_dynamic_bag_creation_policy": Ladder(
        "distribution lead", {"dynamic_bag_type": "Channel", "families": {}},
        ("FamiliesInDynamicBagCreationPolicyUpdated", ["Channel", {0: 51, 9: 0}]),
        (
            ("NumberOfDistributionBucketsOutsideOfAllowedContraints", give(families={0: 0})),
            ("NumberOfDistributionBucketsOutsideOfAllowedContraints", give(families={9: 52})),
            ("NumberOfDistributionBucketsOutsideOfAllowedContraints", give(families={0: 1, 9: 50})),
            ("DistributionBucketFamilyDoesntExist", give(families={0: 51, 9: 0})),
        ),
        prepare=do(family),
    ),
    "invite_distribution_bucket_operator": Ladder(
        "distribution lead", {"bucket_id": "0:0", "operator_worker_id": 99},
        ("DistributionBucketOperatorInvited", ["0:0", 2]),
        (
            ("DistributionBucketDoesntExist", do(_DELIVERED_BY_0, invite_delivery(1))),
            ("DistributionProviderOperatorDoesntExist", give(operator_worker_id=1)),
            ("DistributionProviderOperatorAlreadyInvited", give(operator_worker_id=0)),
            ("DistributionProviderOperatorSet", give(operator_worker_id=2)),
            ("MaxNumberOfPendingInvitationsLimitForDistributionBucketReached", do(
                delivery_lead("cancel_distribution_bucket_operator_invite", bucket_id="0:0", operator_worker_id=1)
            )),
        ),
        limits=Limits(max_pending_invitations=1),
    ),
    "cancel_distribution_bucket_operator_invite": Ladder(
        "distribution lead", {"bucket_id": "0:0", "operator_worker_id": 1},
        ("DistributionBucketInvitationCancelled", ["0:0", 1]),
        (
            ("DistributionBucketDoesntExist", do(family, delivering)),
            ("NoDistributionBucketInvitation", do(invite_delivery(1))),
        ),
    ),
    "remove_distribution_bucket_operator": Ladder(
        "distribution lead", {"bucket_id": "0:0", "operator_worker_id": 1},
        ("DistributionBucketOperatorRemoved", ["0:0", 0]),
        (
            ("DistributionBucketDoesntExist", do(_DELIVERED_BY_0, invite_delivery(1))),
            ("MustBeDistributionProviderOperatorForBucket", give(operator_worker_id=0)),
        ),
    ),
    "set_distribution_bucket_family_metadata": Ladder(
        "distribution lead", {"family_id": 0, "metadata": b"\x01"}, ("DistributionBucketFamilyMetadataSet", [0, b"\x01"]),
        (("DistributionBucketFamilyDoesntExist", do(family)),),
    ),
}  # fmt: skip

_OPERATOR: dict[str, Ladder] = {
    "accept_distribution_bucket_invitation": Ladder(
        "distribution worker", {"worker_id": 0, "bucket_id": "0:0"},
        ("DistributionBucketInvitationAccepted", [0, "0:0"]),
        (
            ("DistributionBucketDoesntExist", do(
                family, delivering, lambda world: world.admin.add_distribution_operator("0:0", 1)
            )),
            ("NoDistributionBucketInvitation", do(invite_delivery(0))),
            ("MaxNumberOfOperatorsPerDistributionBucketReached", do(
                delivery_lead("remove_distribution_bucket_operator", bucket_id="0:0", operator_worker_id=1)
            )),
        ),
        limits=Limits(max_distribution_operators=1),
    ),
    "set_distribution_operator_metadata": Ladder(
        "distribution worker", {"worker_id": 0, "bucket_id": "0:0", "metadata": b"\x01"},
        ("DistributionBucketMetadataSet", [0, "0:0", b"\x01"]),
        (
            ("DistributionBucketDoesntExist", do(family, delivering, invite_delivery(0))),
            ("MustBeDistributionProviderOperatorForBucket", do(lambda world: world.accept_delivery("0:0", 0))),
        ),
    ),
    "distribution_operator_remark": Ladder(
        "distribution worker", {"worker_id": 0, "distribution_bucket_id": "0:0", "msg": b"\x01"},
        ("DistributionOperatorRemarked", [0, "0:0", b"\x01"]),
        (
            ("DistributionBucketDoesntExist", do(family, delivering, invite_delivery(0))),
            ("MustBeDistributionProviderOperatorForBucket", do(lambda world: world.accept_delivery("0:0", 0))),
        ),
    ),
}  # fmt: skip

DISTRIBUTION_LADDERS: dict[str, Ladder] = {**_LEAD, **_OPERATOR}
