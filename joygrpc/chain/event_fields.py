"""Names for the fields of events whose runtime metadata gives them none."""

from collections.abc import Mapping
from types import MappingProxyType

_WORKING_GROUP: Mapping[str, tuple[str, ...]] = {
    "OpeningFilled": ("opening_id", "worker_ids", "successful_application_ids"),
    "LeaderSet": ("worker_id",),
    "WorkerRoleAccountUpdated": ("worker_id", "role_account_id"),
    "LeaderUnset": (),
    "WorkerExited": ("worker_id",),
    "WorkerStartedLeaving": ("worker_id", "rationale"),
    "TerminatedWorker": ("worker_id", "penalty", "rationale"),
    "TerminatedLeader": ("worker_id", "penalty", "rationale"),
}

EVENT_FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Storage": {
            "StorageBucketCreated": (
                "bucket_id",
                "invited_worker",
                "accepting_new_bags",
                "size_limit",
                "objects_limit",
            ),
            "StorageBucketInvitationAccepted": ("bucket_id", "worker_id", "transactor_account_id"),
            "StorageBucketsUpdatedForBag": ("bag_id", "added_buckets", "removed_buckets"),
            "DataObjectsUploaded": ("data_object_ids", "upload_parameters", "state_bloat_bond"),
            "StorageOperatorMetadataSet": ("bucket_id", "worker_id", "metadata"),
            "StorageBucketVoucherLimitsSet": ("bucket_id", "size_limit", "objects_limit"),
            "PendingDataObjectsAccepted": ("bucket_id", "worker_id", "bag_id", "data_object_ids"),
            "StorageBucketInvitationCancelled": ("bucket_id",),
            "StorageBucketOperatorInvited": ("bucket_id", "worker_id"),
            "StorageBucketOperatorRemoved": ("bucket_id",),
            "UploadingBlockStatusUpdated": ("new_status",),
            "DataObjectPerMegabyteFeeUpdated": ("new_fee",),
            "StorageBucketsPerBagLimitUpdated": ("new_limit",),
            "StorageBucketsVoucherMaxLimitsUpdated": ("new_objects_size_limit", "new_objects_number_limit"),
            "DataObjectsMoved": ("src_bag_id", "dest_bag_id", "data_object_ids"),
            "DataObjectsDeleted": ("account_id", "bag_id", "data_object_ids"),
            "StorageBucketStatusUpdated": ("bucket_id", "accepting_new_bags"),
            "UpdateBlacklist": ("remove_hashes", "add_hashes"),
            "DynamicBagDeleted": ("bag_id",),
            "DynamicBagCreated": ("bag_creation_parameters", "data_object_ids"),
            "VoucherChanged": ("bucket_id", "voucher"),
            "StorageBucketDeleted": ("bucket_id",),
            "NumberOfStorageBucketsInDynamicBagCreationPolicyUpdated": ("dynamic_bag_type", "new_number"),
            "DistributionBucketFamilyCreated": ("family_id",),
            "DistributionBucketFamilyDeleted": ("family_id",),
            "DistributionBucketCreated": ("family_id", "accepting_new_bags", "bucket_id"),
            "DistributionBucketStatusUpdated": ("bucket_id", "accepting_new_bags"),
            "DistributionBucketDeleted": ("bucket_id",),
            "DistributionBucketsUpdatedForBag": (
                "bag_id",
                "family_id",
                "added_bucket_indices",
                "removed_bucket_indices",
            ),
            "DistributionBucketsPerBagLimitUpdated": ("new_limit",),
            "DistributionBucketModeUpdated": ("bucket_id", "distributing"),
            "FamiliesInDynamicBagCreationPolicyUpdated": ("dynamic_bag_type", "families"),
            "DistributionBucketOperatorInvited": ("bucket_id", "worker_id"),
            "DistributionBucketInvitationCancelled": ("bucket_id", "worker_id"),
            "DistributionBucketInvitationAccepted": ("worker_id", "bucket_id"),
            "DistributionBucketMetadataSet": ("worker_id", "bucket_id", "metadata"),
            "DistributionBucketOperatorRemoved": ("bucket_id", "worker_id"),
            "DistributionBucketFamilyMetadataSet": ("family_id", "metadata"),
            "DataObjectStateBloatBondValueUpdated": ("new_state_bloat_bond",),
            "DataObjectsUpdated": ("upload_parameters", "uploaded_data_object_ids", "removed_data_object_ids"),
            "StorageOperatorRemarked": ("worker_id", "bucket_id", "message"),
            "DistributionOperatorRemarked": ("worker_id", "bucket_id", "message"),
        },
        "Content": {
            "ChannelCreated": ("channel_id", "channel", "channel_creation_parameters", "channel_account"),
            "ChannelUpdated": ("actor", "channel_id", "channel_update_parameters", "new_data_object_ids"),
            "ChannelAssetsRemoved": ("actor", "channel_id", "data_object_ids", "channel"),
            "ChannelDeleted": ("actor", "channel_id"),
        },
        "StorageWorkingGroup": _WORKING_GROUP,
        "DistributionWorkingGroup": _WORKING_GROUP,
    }
)
"""By pallet and event, in SCALE order."""


def name_fields(pallet: str, event: str, names: tuple[str | None, ...], attributes: object) -> dict[str, object]:
    """The fields of a decoded event by name.

    `names` are those of the runtime's metadata, `attributes` what scalecodec made of the fields: a dict when they have names; without, a tuple,
    the bare value when there is one, or None when there is none. Fields that nobody names are called by their position.
    """
    if not names:
        return {}
    values: tuple[object, ...]
    if None not in names and isinstance(attributes, Mapping):
        return {str(name): attributes[name] for name in names}
    values = (attributes,) if len(names) == 1 else tuple(attributes)  # type: ignore[arg-type]
    ours = EVENT_FIELDS.get(pallet, {}).get(event, ())
    if len(ours) != len(values):
        ours = tuple(name or str(position) for position, name in enumerate(names))
    return dict(zip(ours, values, strict=True))
