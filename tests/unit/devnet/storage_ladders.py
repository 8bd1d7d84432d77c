"""The checks of the calls of storage lead and storage operators."""

from joygrpc.devnet.limits import Limits

from .ladders import (
    Ladder,
    bound,
    bucket,
    call_off,
    deleted,
    do,
    give,
    invite,
    lead,
    objects,
    operator_removed,
    unbound,
)
from .worlds import DISTRIBUTION_LEAD, STATIC_BAG, STRANGER, content_id

_VOUCHER_MAX = lead("update_storage_buckets_voucher_max_limits", new_objects_size=100, new_objects_number=10)


_LEAD: dict[str, Ladder] = {
    "delete_storage_bucket": Ladder(
        "storage lead", {"storage_bucket_id": 0}, ("StorageBucketDeleted", [0]),
        (
            # Its operator is not asked about.
            ("StorageBucketDoesntExist", do(bucket(0), bound(0), objects(5))),
            ("CannotDeleteNonEmptyStorageBucket", do(deleted(0))),
            ("StorageBucketIsBoundToBag", do(unbound(0))),
        ),
    ),
    "update_uploading_blocked_status": Ladder(
        "storage lead", {"new_status": True}, ("UploadingBlockStatusUpdated", [True])
    ),
    "update_data_size_fee": Ladder(
        "storage lead", {"new_data_size_fee": 7}, ("DataObjectPerMegabyteFeeUpdated", [7])
    ),
    "update_storage_buckets_per_bag_limit": Ladder(
        "storage lead", {"new_limit": 0}, ("StorageBucketsPerBagLimitUpdated", [13]),
        (
            ("StorageBucketsPerBagLimitTooLow", give(new_limit=14)),
            ("StorageBucketsPerBagLimitTooHigh", give(new_limit=13)),
        ),
    ),
    "update_storage_buckets_voucher_max_limits": Ladder(
        "storage lead", {"new_objects_size": 5, "new_objects_number": 6},
        ("StorageBucketsVoucherMaxLimitsUpdated", [5, 6]),
    ),
    "update_data_object_state_bloat_bond": Ladder(
        "storage lead", {"state_bloat_bond": 8}, ("DataObjectStateBloatBondValueUpdated", [8])
    ),
    "update_number_of_storage_buckets_in_dynamic_bag_creation_policy": Ladder(
        "storage lead", {"dynamic_bag_type": "Member", "number_of_storage_buckets": 14},
        ("NumberOfStorageBucketsInDynamicBagCreationPolicyUpdated", ["Member", 13]),
        (
            ("NumberOfStorageBucketsOutsideOfAllowedContraints", give(number_of_storage_buckets=0)),
            ("NumberOfStorageBucketsOutsideOfAllowedContraints", give(number_of_storage_buckets=13)),
        ),
    ),
    "update_blacklist": Ladder(
        "storage lead", {"remove_hashes": [b"short"], "add_hashes": [b"short", content_id(1), content_id(2)]},
        ("UpdateBlacklist", [[content_id(3)], [content_id(1)]]),
        (
            ("InvalidCidLength", give(remove_hashes=[content_id(3)])),
            ("InvalidCidLength", give(add_hashes=[content_id(1), content_id(2)])),
            ("BlacklistSizeLimitExceeded", give(add_hashes=[content_id(1)])),
        ),
        limits=Limits(blacklist_size=1),
    ),
    "create_storage_bucket": Ladder(
        "storage lead",
        {"invite_worker": 99, "accepting_new_bags": False, "size_limit": 101, "objects_limit": 11},
        ("StorageBucketCreated", [0, 2, False, 100, 10]),
        (
            ("VoucherMaxObjectSizeLimitExceeded", give(size_limit=100)),
            ("VoucherMaxObjectNumberLimitExceeded", give(objects_limit=10)),
            ("StorageProviderOperatorDoesntExist", give(invite_worker=2)),
        ),
        prepare=do(_VOUCHER_MAX),
    ),
    "update_storage_buckets_for_bag": Ladder(
        "storage lead", {"bag_id": "dynamic:channel:1", "add_buckets": [], "remove_buckets": []},
        ("StorageBucketsUpdatedForBag", [STATIC_BAG, [3], [0]]),
        (
            ("DynamicBagDoesntExist", give(bag_id=STATIC_BAG)),
            ("StorageBucketIdCollectionsAreEmpty", give(add_buckets=[1, 2, 98, 99], remove_buckets=[88])),
            ("StorageBucketPerBagLimitExceeded", give(add_buckets=[1, 99])),
            ("StorageBucketDoesntExist", give(remove_buckets=[1])),
            ("StorageBucketIsNotBoundToBag", give(remove_buckets=[0])),
            ("StorageBucketDoesntExist", give(add_buckets=[0, 1])),
            # Bucket 0 accepts no bags any more and is in both lists.
            ("StorageBucketDoesntAcceptNewBags", do(lead("update_storage_bucket_status", storage_bucket_id=0, accepting_new_bags=True))),
            ("StorageBucketIsBoundToBag", give(add_buckets=[1])),
            ("StorageBucketObjectNumberLimitReached", give(add_buckets=[2])),
            ("StorageBucketObjectSizeLimitReached", give(add_buckets=[3])),
        ),
        prepare=do(
            bucket(0), bucket(size_limit=1, objects_limit=1), bucket(size_limit=14, objects_limit=2), bucket(),
            bound(0), objects(7, 8),
            lead("update_storage_bucket_status", storage_bucket_id=0, accepting_new_bags=False),
            lead("update_storage_buckets_per_bag_limit", new_limit=2),
        ),
    ),
    "cancel_storage_bucket_operator_invite": Ladder(
        "storage lead", {"storage_bucket_id": 0}, ("StorageBucketInvitationCancelled", [0]),
        (
            ("StorageBucketDoesntExist", do(bucket())),
            ("NoStorageBucketInvitation", do(invite(1), lambda world: world.accept_storage(0, 1))),
            ("StorageProviderAlreadySet", do(operator_removed, invite(1))),
        ),
    ),
    "invite_storage_bucket_operator": Ladder(
        "storage lead", {"storage_bucket_id": 0, "operator_id": 99}, ("StorageBucketOperatorInvited", [0, 3]),
        (
            ("StorageBucketDoesntExist", do(bucket(0))),
            ("StorageProviderAlreadySet", do(operator_removed, invite(1))),
            ("InvitedStorageProvider", do(call_off)),
            # Worker 3 is the lead, who may be invited like any other.
            ("StorageProviderOperatorDoesntExist", give(operator_id=3)),
        ),
    ),
    "remove_storage_bucket_operator": Ladder(
        "storage lead", {"storage_bucket_id": 0}, ("StorageBucketOperatorRemoved", [0]),
        (
            ("StorageBucketDoesntExist", do(bucket())),
            ("StorageProviderMustBeSet", do(invite(0))),
            ("StorageProviderMustBeSet", do(lambda world: world.accept_storage(0, 0))),
        ),
    ),
    "update_storage_bucket_status": Ladder(
        "storage lead", {"storage_bucket_id": 0, "accepting_new_bags": False}, ("StorageBucketStatusUpdated", [0, False]),
        (("StorageBucketDoesntExist", do(bucket())),),
    ),
    "set_storage_bucket_voucher_limits": Ladder(
        "storage lead",
        {"storage_bucket_id": 0, "new_objects_size_limit": 101, "new_objects_number_limit": 11},
        ("StorageBucketVoucherLimitsSet", [0, 1, 0]),
        (
            ("StorageBucketDoesntExist", do(bucket(), bound(0), objects(9))),
            # Below what is used is allowed.
            ("VoucherMaxObjectSizeLimitExceeded", give(new_objects_size_limit=1)),
            ("VoucherMaxObjectNumberLimitExceeded", give(new_objects_number_limit=0)),
        ),
        prepare=do(_VOUCHER_MAX),
    ),
}  # fmt: skip

_OPERATOR: dict[str, Ladder] = {
    "accept_storage_bucket_invitation": Ladder(
        "storage worker", {"worker_id": 0, "storage_bucket_id": 0, "transactor_account_id": STRANGER},
        ("StorageBucketInvitationAccepted", [0, 0, STRANGER]),
        (
            ("StorageBucketDoesntExist", do(bucket())),
            ("NoStorageBucketInvitation", do(invite(1), lambda world: world.accept_storage(0, 1))),
            ("StorageProviderAlreadySet", do(operator_removed, invite(1))),
            ("DifferentStorageProviderInvited", do(call_off, invite(0))),
        ),
    ),
    "accept_pending_data_objects": Ladder(
        "transactor", {"worker_id": 9, "storage_bucket_id": 0, "bag_id": "dynamic:channel:9", "data_objects": []},
        ("PendingDataObjectsAccepted", [0, 0, STATIC_BAG, [0, 1]]),
        (
            ("StorageBucketDoesntExist", do(bucket())),
            ("StorageProviderMustBeSet", do(invite(0))),
            ("InvalidStorageProvider", do(lambda world: world.accept_storage(0, 0, transactor=DISTRIBUTION_LEAD))),
            ("InvalidStorageProvider", give(worker_id=0)),
            (
                "InvalidTransactorAccount",
                do(operator_removed, invite(0), lambda world: world.accept_storage(0, 0, transactor=STRANGER)),
            ),
            ("DynamicBagDoesntExist", give(bag_id=STATIC_BAG)),
            ("DataObjectIdParamsAreEmpty", give(data_objects=[0, 77])),
            ("StorageBucketIsNotBoundToBag", do(bound(0), objects(1, 2))),
            # One that is missing fails all; one that is accepted already passes again.
            ("DataObjectDoesntExist", give(data_objects=[1, 0])),
        ),
    ),
}  # fmt: skip
for _name, _event, _field in (
    ("set_storage_operator_metadata", ("StorageOperatorMetadataSet", [1, 0, b"\x01"]), "metadata"),
    ("storage_operator_remark", ("StorageOperatorRemarked", [0, 1, b"\x01"]), "msg"),
):
    _OPERATOR[_name] = Ladder(
        "storage worker",
        {"worker_id": 0, "storage_bucket_id": 0, _field: b"\x01"},
        _event,
        (
            ("StorageBucketDoesntExist", do(bucket())),
            ("StorageProviderMustBeSet", do(invite(0))),
            # Bucket 0 is operated by another worker in the end, bucket 1 by this one.
            ("InvalidStorageProvider", do(call_off, invite(1), lambda world: world.accept_storage(0, 1), bucket(0))),
            ("InvalidStorageProvider", give(storage_bucket_id=1)),
        ),
    )

STORAGE_LADDERS: dict[str, Ladder] = {**_LEAD, **_OPERATOR}
