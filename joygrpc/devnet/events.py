"""What the devnet's chain says happened: the events of a block in plain Python values.

Values in `Event.fields`, at any depth:

| on chain | here |
|---|---|
| integers, bool | `int`, `bool` |
| AccountId32, H256 | `str`, `0x` and 64 hex digits |
| BagId, DynamicBagId | `str`: `static:council`, `static:wg:storage`, `dynamic:member:7`, `dynamic:channel:1` |
| DistributionBucketId | `str`: `{family}:{index}` |
| byte strings (metadata, content ids, remarks) | `bytes` |
| BTreeSet, Vec | `list`, sets ascending |
| BTreeMap | `dict`, keys ascending |
| Option | the value or `None` |
| records (Voucher, UploadParameters, ...) | `dict[str, object]`, see `RECORD_FIELDS` |
| enums without values (DynamicBagType, ...) | `str`: the variant's name |
| enums with a value (ContentActor, ChannelOwner, DispatchError) | `dict` with one key, the variant's name; variants without values as `str` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `fields` holds exactly the names that `EVENT_FIELDS` lists, in that order."""

    pallet: str
    name: str
    fields: dict[str, object]
    extrinsic_index: int | None = None
    """Position of the extrinsic in its block; None for what the block itself did."""


@dataclass(frozen=True, slots=True)
class FinalizedBlock:
    """A block that is final, with all its events in order.

    `hash` is `0x` and 64 hex digits; `timestamp_ms` is Unix time in milliseconds.
    """

    number: int
    hash: str
    timestamp_ms: int
    events: tuple[Event, ...]
    extrinsic_hashes: tuple[str, ...] = ()
    """BLAKE2b-256 of each extrinsic, by `Event.extrinsic_index`."""


RECORD_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Voucher": ("size_limit", "objects_limit", "size_used", "objects_used"),
        "DataObjectCreationParameters": ("size", "ipfs_content_id"),
        "UploadParameters": (
            "bag_id",
            "object_creation_list",
            "state_bloat_bond_source_account_id",
            "expected_data_size_fee",
            "expected_data_object_state_bloat_bond",
        ),
        "DynamicBagCreationParameters": (
            "bag_id",
            "object_creation_list",
            "state_bloat_bond_source_account_id",
            "expected_data_size_fee",
            "expected_data_object_state_bloat_bond",
            "storage_buckets",
            "distribution_buckets",
        ),
        "StorageAssets": ("object_creation_list", "expected_data_size_fee"),
        "ChannelCreationParameters": (
            "assets",
            "meta",
            "collaborators",
            "storage_buckets",
            "distribution_buckets",
            "expected_channel_state_bloat_bond",
            "expected_data_object_state_bloat_bond",
        ),
        "ChannelUpdateParameters": (
            "assets_to_upload",
            "new_meta",
            "assets_to_remove",
            "collaborators",
            "expected_data_object_state_bloat_bond",
            "storage_buckets_num_witness",
        ),
        "BuyMembershipParameters": ("root_account", "controller_account", "handle", "metadata", "referrer_id"),
        "CreateMemberParameters": ("root_account", "controller_account", "handle", "metadata", "is_founding_member"),
    }
)
"""Fields of the records that events carry, in SCALE order."""

_STORAGE: Final[Mapping[str, tuple[str, ...]]] = {
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
}

_CONTENT: Final[Mapping[str, tuple[str, ...]]] = {
    # `channel` is the whole channel record: owner, data_objects and the rest as a dict.
    "ChannelCreated": ("channel_id", "channel", "channel_creation_parameters", "channel_account"),
    "ChannelUpdated": ("actor", "channel_id", "channel_update_parameters", "new_data_object_ids"),
    "ChannelStateBloatBondValueUpdated": ("new_state_bloat_bond",),
    "ChannelAssetsRemoved": ("actor", "channel_id", "data_object_ids", "channel"),
    "ChannelDeleted": ("actor", "channel_id"),
    "ChannelAssetsDeletedByModerator": ("actor", "channel_id", "data_object_ids", "rationale"),
    "ChannelOwnerRemarked": ("channel_id", "message"),
}

_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "MembershipBought": ("member_id", "buy_membership_parameters", "invites"),
    "MemberProfileUpdated": ("member_id", "handle", "metadata"),
    "MemberAccountsUpdated": ("member_id", "root_account", "controller_account"),
    "MembershipPriceUpdated": ("new_price",),
    "MemberRemarked": ("member_id", "message", "payment"),
    "MemberCreated": ("member_id", "create_member_parameters", "invites"),
}

_WORKING_GROUP: Final[Mapping[str, tuple[str, ...]]] = {
    "OpeningFilled": ("opening_id", "worker_ids", "successful_application_ids"),
    "LeaderSet": ("worker_id",),
    "WorkerRoleAccountUpdated": ("worker_id", "role_account_id"),
    "LeaderUnset": (),
    "WorkerExited": ("worker_id",),
    "WorkerStartedLeaving": ("worker_id", "rationale"),
    "TerminatedWorker": ("worker_id", "penalty", "rationale"),
    "TerminatedLeader": ("worker_id", "penalty", "rationale"),
    "BudgetSet": ("new_budget",),
    "LeadRemarked": ("message",),
    "WorkerRemarked": ("worker_id", "message"),
}

_DISPATCH_INFO: Final = ("dispatch_info",)

EVENT_FIELDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "System": {
            "ExtrinsicSuccess": _DISPATCH_INFO,
            "ExtrinsicFailed": ("dispatch_error", "dispatch_info"),
            "CodeUpdated": (),
            "NewAccount": ("account",),
            "KilledAccount": ("account",),
            "Remarked": ("sender", "hash"),
        },
        "Utility": {
            "BatchInterrupted": ("index", "error"),
            "BatchCompleted": (),
            "BatchCompletedWithErrors": (),
            "ItemCompleted": (),
            "ItemFailed": ("error",),
            "DispatchedAs": ("result",),
        },
        "Balances": {
            "Endowed": ("account", "free_balance"),
            "DustLost": ("account", "amount"),
            "Transfer": ("from", "to", "amount"),
            "BalanceSet": ("who", "free", "reserved"),
            "Reserved": ("who", "amount"),
            "Unreserved": ("who", "amount"),
            "ReserveRepatriated": ("from", "to", "amount", "destination_status"),
            "Deposit": ("who", "amount"),
            "Withdraw": ("who", "amount"),
            "Slashed": ("who", "amount"),
        },
        "TransactionPayment": {"TransactionFeePaid": ("who", "actual_fee", "tip")},
        "Members": _MEMBERS,
        "Content": _CONTENT,
        "Storage": _STORAGE,
        "StorageWorkingGroup": _WORKING_GROUP,
        "DistributionWorkingGroup": _WORKING_GROUP,
    }
)
"""Names of the fields by pallet and event, in SCALE order."""
