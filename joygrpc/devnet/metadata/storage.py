"""The storage pallet: bags, objects, buckets and families."""

from __future__ import annotations

from typing import Final

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.declarations import Constant, Pallet, StorageItem, call, event
from joygrpc.devnet.metadata.shared_types import ACCOUNT_ID
from joygrpc.devnet.metadata.storage_types import (
    BAG,
    BAG_CREATION_PARAMETERS,
    BAG_ID,
    CONTENT_ID,
    CREATION_POLICY,
    DATA_OBJECT,
    DISTRIBUTION_BUCKET,
    DISTRIBUTION_BUCKET_ID,
    DYNAMIC_BAG_ID,
    DYNAMIC_BAG_TYPE,
    FAMILY,
    STORAGE_BUCKET,
    UPLOAD_PARAMETERS,
    VOUCHER,
)
from joygrpc.devnet.scale import (
    BOOL,
    BYTES,
    U32,
    U64,
    U128,
    UNIT,
    BTreeMap,
    BTreeSet,
    Enum,
    Option,
    Type,
    Variant,
    names,
)

_IDS: Final = BTreeSet(U64)
_CONTENT_IDS: Final = BTreeSet(BYTES)
_FAMILIES: Final = BTreeMap(U64, U32)


def _item(name: str, value: Type, *keys: Type, optional: bool = False) -> StorageItem:
    return StorageItem("Storage", name, value, keys, "Optional" if optional else "Default")


def _event(index: int, name: str, *types: Type) -> Variant:
    return event("Storage", index, name, *types)


def _storage_items() -> tuple[StorageItem, ...]:
    return (
        _item("UploadingBlocked", BOOL),
        _item("Bags", BAG, BAG_ID),
        _item("NextStorageBucketId", U64),
        _item("NextDataObjectId", U64),
        _item("StorageBucketById", STORAGE_BUCKET, U64, optional=True),
        _item("Blacklist", UNIT, CONTENT_ID),
        _item("CurrentBlacklistSize", U64),
        _item("DataObjectPerMegabyteFee", U128),
        _item("StorageBucketsPerBagLimit", U32),
        _item("VoucherMaxObjectsSizeLimit", U64),
        _item("VoucherMaxObjectsNumberLimit", U64),
        _item("DataObjectStateBloatBondValue", U128),
        _item("DynamicBagCreationPolicies", CREATION_POLICY, DYNAMIC_BAG_TYPE),
        _item("DataObjectsById", DATA_OBJECT, BAG_ID, U64),
        _item("NextDistributionBucketFamilyId", U64),
        _item("DistributionBucketFamilyById", FAMILY, U64),
        _item("DistributionBucketByFamilyIdById", DISTRIBUTION_BUCKET, U64, U64),
        _item("DistributionBucketFamilyNumber", U64),
        _item("DistributionBucketsPerBagLimit", U32),
    )


def _constants(limits: Limits) -> tuple[Constant, ...]:
    return (
        Constant("BlacklistSizeLimit", U64, limits.blacklist_size),
        Constant("MinStorageBucketsPerBag", U32, limits.min_storage_buckets_per_bag),
        Constant("MaxStorageBucketsPerBag", U32, limits.max_storage_buckets_per_bag),
        Constant("MinDistributionBucketsPerBag", U32, limits.min_distribution_buckets_per_bag),
        Constant("MaxDistributionBucketsPerBag", U32, limits.max_distribution_buckets_per_bag),
        Constant("DefaultMemberDynamicBagNumberOfStorageBuckets", U32, limits.default_storage_buckets_per_member_bag),
        Constant("DefaultChannelDynamicBagNumberOfStorageBuckets", U32, limits.default_storage_buckets_per_channel_bag),
        Constant("MaxDistributionBucketFamilyNumber", U64, limits.max_distribution_families),
        Constant("MaxNumberOfPendingInvitationsPerDistributionBucket", U32, limits.max_pending_invitations),
        Constant("MaxNumberOfOperatorsPerDistributionBucket", U32, limits.max_distribution_operators),
        Constant("MaxDataObjectSize", U64, limits.max_object_size),
    )


def _calls() -> tuple[Variant, ...]:
    bucket = DISTRIBUTION_BUCKET_ID
    return (
        call(0, "delete_storage_bucket", storage_bucket_id=U64),
        call(1, "update_uploading_blocked_status", new_status=BOOL),
        call(2, "update_data_size_fee", new_data_size_fee=U128),
        call(3, "update_storage_buckets_per_bag_limit", new_limit=U32),
        call(4, "update_storage_buckets_voucher_max_limits", new_objects_size=U64, new_objects_number=U64),
        call(5, "update_data_object_state_bloat_bond", state_bloat_bond=U128),
        call(
            6,
            "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
            dynamic_bag_type=DYNAMIC_BAG_TYPE,
            number_of_storage_buckets=U32,
        ),
        call(7, "update_blacklist", remove_hashes=_CONTENT_IDS, add_hashes=_CONTENT_IDS),
        call(
            8,
            "create_storage_bucket",
            invite_worker=Option(U64),
            accepting_new_bags=BOOL,
            size_limit=U64,
            objects_limit=U64,
        ),
        call(9, "update_storage_buckets_for_bag", bag_id=BAG_ID, add_buckets=_IDS, remove_buckets=_IDS),
        call(10, "cancel_storage_bucket_operator_invite", storage_bucket_id=U64),
        call(11, "invite_storage_bucket_operator", storage_bucket_id=U64, operator_id=U64),
        call(12, "remove_storage_bucket_operator", storage_bucket_id=U64),
        call(13, "update_storage_bucket_status", storage_bucket_id=U64, accepting_new_bags=BOOL),
        call(
            14,
            "set_storage_bucket_voucher_limits",
            storage_bucket_id=U64,
            new_objects_size_limit=U64,
            new_objects_number_limit=U64,
        ),
        call(
            15,
            "accept_storage_bucket_invitation",
            worker_id=U64,
            storage_bucket_id=U64,
            transactor_account_id=ACCOUNT_ID,
        ),
        call(16, "set_storage_operator_metadata", worker_id=U64, storage_bucket_id=U64, metadata=BYTES),
        call(
            17,
            "accept_pending_data_objects",
            worker_id=U64,
            storage_bucket_id=U64,
            bag_id=BAG_ID,
            data_objects=_IDS,
        ),
        call(18, "create_distribution_bucket_family"),
        call(19, "delete_distribution_bucket_family", family_id=U64),
        call(20, "create_distribution_bucket", family_id=U64, accepting_new_bags=BOOL),
        call(21, "update_distribution_bucket_status", bucket_id=bucket, accepting_new_bags=BOOL),
        call(22, "delete_distribution_bucket", bucket_id=bucket),
        call(
            23,
            "update_distribution_buckets_for_bag",
            bag_id=BAG_ID,
            family_id=U64,
            add_buckets_indices=_IDS,
            remove_buckets_indices=_IDS,
        ),
        call(24, "update_distribution_buckets_per_bag_limit", new_limit=U32),
        call(25, "update_distribution_bucket_mode", bucket_id=bucket, distributing=BOOL),
        call(
            26,
            "update_families_in_dynamic_bag_creation_policy",
            dynamic_bag_type=DYNAMIC_BAG_TYPE,
            families=_FAMILIES,
        ),
        call(27, "invite_distribution_bucket_operator", bucket_id=bucket, operator_worker_id=U64),
        call(28, "cancel_distribution_bucket_operator_invite", bucket_id=bucket, operator_worker_id=U64),
        call(29, "remove_distribution_bucket_operator", bucket_id=bucket, operator_worker_id=U64),
        call(30, "set_distribution_bucket_family_metadata", family_id=U64, metadata=BYTES),
        call(31, "accept_distribution_bucket_invitation", worker_id=U64, bucket_id=bucket),
        call(32, "set_distribution_operator_metadata", worker_id=U64, bucket_id=bucket, metadata=BYTES),
        call(33, "storage_operator_remark", worker_id=U64, storage_bucket_id=U64, msg=BYTES),
        call(34, "distribution_operator_remark", worker_id=U64, distribution_bucket_id=bucket, msg=BYTES),
    )


def _events() -> tuple[Variant, ...]:
    bucket = DISTRIBUTION_BUCKET_ID
    return (
        _event(0, "StorageBucketCreated", U64, Option(U64), BOOL, U64, U64),
        _event(1, "StorageBucketInvitationAccepted", U64, U64, ACCOUNT_ID),
        _event(2, "StorageBucketsUpdatedForBag", BAG_ID, _IDS, _IDS),
        _event(3, "DataObjectsUploaded", _IDS, UPLOAD_PARAMETERS, U128),
        _event(4, "StorageOperatorMetadataSet", U64, U64, BYTES),
        _event(5, "StorageBucketVoucherLimitsSet", U64, U64, U64),
        _event(6, "PendingDataObjectsAccepted", U64, U64, BAG_ID, _IDS),
        _event(7, "StorageBucketInvitationCancelled", U64),
        _event(8, "StorageBucketOperatorInvited", U64, U64),
        _event(9, "StorageBucketOperatorRemoved", U64),
        _event(10, "UploadingBlockStatusUpdated", BOOL),
        _event(11, "DataObjectPerMegabyteFeeUpdated", U128),
        _event(12, "StorageBucketsPerBagLimitUpdated", U32),
        _event(13, "StorageBucketsVoucherMaxLimitsUpdated", U64, U64),
        _event(14, "DataObjectsMoved", BAG_ID, BAG_ID, _IDS),
        _event(15, "DataObjectsDeleted", ACCOUNT_ID, BAG_ID, _IDS),
        _event(16, "StorageBucketStatusUpdated", U64, BOOL),
        _event(17, "UpdateBlacklist", _CONTENT_IDS, _CONTENT_IDS),
        _event(18, "DynamicBagDeleted", DYNAMIC_BAG_ID),
        _event(19, "DynamicBagCreated", BAG_CREATION_PARAMETERS, _IDS),
        _event(20, "VoucherChanged", U64, VOUCHER),
        _event(21, "StorageBucketDeleted", U64),
        _event(22, "NumberOfStorageBucketsInDynamicBagCreationPolicyUpdated", DYNAMIC_BAG_TYPE, U32),
        _event(23, "DistributionBucketFamilyCreated", U64),
        _event(24, "DistributionBucketFamilyDeleted", U64),
        _event(25, "DistributionBucketCreated", U64, BOOL, bucket),
        _event(26, "DistributionBucketStatusUpdated", bucket, BOOL),
        _event(27, "DistributionBucketDeleted", bucket),
        _event(28, "DistributionBucketsUpdatedForBag", BAG_ID, U64, _IDS, _IDS),
        _event(29, "DistributionBucketsPerBagLimitUpdated", U32),
        _event(30, "DistributionBucketModeUpdated", bucket, BOOL),
        _event(31, "FamiliesInDynamicBagCreationPolicyUpdated", DYNAMIC_BAG_TYPE, _FAMILIES),
        _event(32, "DistributionBucketOperatorInvited", bucket, U64),
        _event(33, "DistributionBucketInvitationCancelled", bucket, U64),
        _event(34, "DistributionBucketInvitationAccepted", U64, bucket),
        _event(35, "DistributionBucketMetadataSet", U64, bucket, BYTES),
        _event(36, "DistributionBucketOperatorRemoved", bucket, U64),
        _event(37, "DistributionBucketFamilyMetadataSet", U64, BYTES),
        _event(38, "DataObjectStateBloatBondValueUpdated", U128),
        _event(39, "DataObjectsUpdated", UPLOAD_PARAMETERS, _IDS, _IDS),
        _event(40, "StorageOperatorRemarked", U64, U64, BYTES),
        _event(41, "DistributionOperatorRemarked", U64, bucket, BYTES),
    )


_ERRORS: Final = (
    "ArithmeticError",
    "InvalidCidLength",
    "NoObjectsOnUpload",
    "StorageBucketDoesntExist",
    "StorageBucketIsNotBoundToBag",
    "StorageBucketIsBoundToBag",
    "NoStorageBucketInvitation",
    "StorageProviderAlreadySet",
    "StorageProviderMustBeSet",
    "DifferentStorageProviderInvited",
    "InvitedStorageProvider",
    "StorageBucketIdCollectionsAreEmpty",
    "StorageBucketsNumberViolatesDynamicBagCreationPolicy",
    "DistributionBucketsViolatesDynamicBagCreationPolicy",
    "EmptyContentId",
    "ZeroObjectSize",
    "InvalidStateBloatBondSourceAccount",
    "InvalidStorageProvider",
    "InsufficientBalance",
    "DataObjectDoesntExist",
    "UploadingBlocked",
    "DataObjectIdCollectionIsEmpty",
    "SourceAndDestinationBagsAreEqual",
    "DataObjectBlacklisted",
    "BlacklistSizeLimitExceeded",
    "VoucherMaxObjectSizeLimitExceeded",
    "VoucherMaxObjectNumberLimitExceeded",
    "StorageBucketObjectNumberLimitReached",
    "StorageBucketObjectSizeLimitReached",
    "InsufficientTreasuryBalance",
    "CannotDeleteNonEmptyStorageBucket",
    "DataObjectIdParamsAreEmpty",
    "StorageBucketsPerBagLimitTooLow",
    "StorageBucketsPerBagLimitTooHigh",
    "StorageBucketPerBagLimitExceeded",
    "StorageBucketDoesntAcceptNewBags",
    "DynamicBagExists",
    "DynamicBagDoesntExist",
    "StorageProviderOperatorDoesntExist",
    "DataSizeFeeChanged",
    "DataObjectStateBloatBondChanged",
    "CannotDeleteNonEmptyDynamicBag",
    "MaxDistributionBucketFamilyNumberLimitExceeded",
    "DistributionBucketFamilyDoesntExist",
    "DistributionBucketDoesntExist",
    "DistributionBucketIdCollectionsAreEmpty",
    "DistributionBucketDoesntAcceptNewBags",
    "MaxDistributionBucketNumberPerBagLimitExceeded",
    "DistributionBucketIsNotBoundToBag",
    "DistributionBucketIsBoundToBag",
    "DistributionBucketsPerBagLimitTooLow",
    "DistributionBucketsPerBagLimitTooHigh",
    "DistributionProviderOperatorDoesntExist",
    "DistributionProviderOperatorAlreadyInvited",
    "DistributionProviderOperatorSet",
    "NoDistributionBucketInvitation",
    "MustBeDistributionProviderOperatorForBucket",
    "MaxNumberOfPendingInvitationsLimitForDistributionBucketReached",
    "MaxNumberOfOperatorsPerDistributionBucketReached",
    "DistributionFamilyBoundToBagCreationPolicy",
    "MaxDataObjectSizeExceeded",
    "InvalidTransactorAccount",
    "NumberOfStorageBucketsOutsideOfAllowedContraints",
    "NumberOfDistributionBucketsOutsideOfAllowedContraints",
    "CallDisabled",
)


def storage_pallet(limits: Limits) -> Pallet:
    """The storage pallet, complete."""
    return Pallet(
        "Storage",
        27,
        "Storage",
        storage=_storage_items(),
        constants=_constants(limits),
        calls=Enum("pallet_storage::Call", _calls(), {"T": None}),
        events=Enum("pallet_storage::RawEvent", _events()),
        errors=Enum("pallet_storage::Error", names(*_ERRORS), {"T": None}),
    )
