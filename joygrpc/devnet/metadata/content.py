"""The content pallet, as far as channels own bags and objects."""

from __future__ import annotations

from typing import Final

from joygrpc.devnet.metadata.content_errors import CONTENT_ERRORS
from joygrpc.devnet.metadata.declarations import Pallet, StorageItem, call, event
from joygrpc.devnet.metadata.shared_types import ACCOUNT_ID, REPAYABLE_BLOAT_BOND, bounded_map, bounded_set
from joygrpc.devnet.metadata.storage_types import DISTRIBUTION_BUCKET_ID, OBJECT_CREATION
from joygrpc.devnet.scale import (
    BYTES,
    U8,
    U32,
    U64,
    U128,
    BTreeMap,
    BTreeSet,
    Enum,
    Option,
    Struct,
    Type,
    Variant,
    Vec,
    names,
)

_PERMISSION: Final = Enum(
    "pallet_content::types::iterable_enums::ChannelActionPermission",
    names(
        "UpdateChannelMetadata",
        "ManageNonVideoChannelAssets",
        "ManageChannelCollaborators",
        "UpdateVideoMetadata",
        "AddVideo",
        "ManageVideoAssets",
        "DeleteChannel",
        "DeleteVideo",
        "ManageVideoNfts",
        "AgentRemark",
        "TransferChannel",
        "ClaimChannelReward",
        "WithdrawFromChannelBalance",
        "IssueCreatorToken",
        "ClaimCreatorTokenPatronage",
        "InitAndManageCreatorTokenSale",
        "CreatorTokenIssuerTransfer",
        "MakeCreatorTokenPermissionless",
        "ReduceCreatorTokenPatronageRate",
        "ManageRevenueSplits",
        "DeissueCreatorToken",
        "AmmControl",
    ),
)
_PAUSABLE_FEATURE: Final = Enum(
    "pallet_content::permissions::curator_group::iterable_enums::PausableChannelFeature",
    names(
        "ChannelFundsTransfer",
        "CreatorCashout",
        "VideoNftIssuance",
        "VideoCreation",
        "VideoUpdate",
        "ChannelUpdate",
        "CreatorTokenIssuance",
    ),
)
_OWNER_IDS: Final = {"MemberId": U64, "CuratorGroupId": U64}
CHANNEL_OWNER: Final = Enum(
    "pallet_content::types::ChannelOwner",
    (Variant(0, "Member", {"member_id": U64}), Variant(1, "CuratorGroup", {"curator_group_id": U64})),
    _OWNER_IDS,
)
CONTENT_ACTOR: Final = Enum(
    "pallet_content::permissions::ContentActor",
    (
        Variant(0, "Curator", {"curator_group_id": U64, "curator_id": U64}),
        Variant(1, "Member", {"member_id": U64}),
        Variant(2, "Lead"),
    ),
    {"CuratorGroupId": U64, "CuratorId": U64, "MemberId": U64},
)
_COLLABORATORS: Final = bounded_map(U64, bounded_set(_PERMISSION))
_TRANSFER_COMMITMENT: Final = Struct(
    "pallet_content::types::TransferCommitmentParameters",
    {"new_collaborators": _COLLABORATORS, "price": U128, "transfer_id": U64},
    {"ChannelCollaboratorsMap": _COLLABORATORS, "Balance": U128, "TransferId": U64},
)
_TRANSFER_TYPES: Final[dict[str, Type | None]] = {
    "MemberId": U64,
    "CuratorGroupId": U64,
    "Balance": U128,
    "TransferId": U64,
    "ChannelCollaboratorsMap": _COLLABORATORS,
}
_PENDING_TRANSFER: Final = Struct(
    "pallet_content::types::PendingTransfer",
    {"new_owner": CHANNEL_OWNER, "transfer_params": _TRANSFER_COMMITMENT},
    _TRANSFER_TYPES,
)
_TRANSFER_STATUS: Final = Enum(
    "pallet_content::types::ChannelTransferStatus",
    (Variant(0, "NoActiveTransfer"), Variant(1, "PendingTransfer", {"transfer": _PENDING_TRANSFER})),
    _TRANSFER_TYPES,
)
_LIMIT_PER_PERIOD: Final = Struct(
    "pallet_content::types::LimitPerPeriod", {"limit": U64, "block_number_period": U32}, {"BlockNumber": U32}
)
_NFT_COUNTER: Final = Struct(
    "pallet_content::types::NftCounter", {"counter": U64, "last_updated": U32}, {"BlockNumber": U32}
)
_ASSET_SET: Final = bounded_set(U64)
_PAUSED_FEATURES: Final = bounded_set(_PAUSABLE_FEATURE)
CHANNEL: Final = Struct(
    "pallet_content::types::ChannelRecord",
    {
        "owner": CHANNEL_OWNER,
        "num_videos": U64,
        "collaborators": _COLLABORATORS,
        "cumulative_reward_claimed": U128,
        "privilege_level": U8,
        "paused_features": _PAUSED_FEATURES,
        "transfer_status": _TRANSFER_STATUS,
        "data_objects": _ASSET_SET,
        "daily_nft_limit": _LIMIT_PER_PERIOD,
        "weekly_nft_limit": _LIMIT_PER_PERIOD,
        "daily_nft_counter": _NFT_COUNTER,
        "weekly_nft_counter": _NFT_COUNTER,
        "creator_token_id": Option(U64),
        "channel_state_bloat_bond": REPAYABLE_BLOAT_BOND,
    },
    {
        "MemberId": U64,
        "CuratorGroupId": U64,
        "Balance": U128,
        "ChannelPrivilegeLevel": U8,
        "BlockNumber": U32,
        "TokenId": U64,
        "TransferId": U64,
        "ChannelAssetsSet": _ASSET_SET,
        "ChannelCollaboratorsMap": _COLLABORATORS,
        "PausedFeaturesSet": _PAUSED_FEATURES,
        "RepayableBloatBond": REPAYABLE_BLOAT_BOND,
    },
)

_STORAGE_ASSETS: Final = Struct(
    "pallet_content::types::StorageAssetsRecord",
    {"object_creation_list": Vec(OBJECT_CREATION), "expected_data_size_fee": U128},
    {"Balance": U128},
)
_AGENTS: Final = BTreeMap(U64, BTreeSet(_PERMISSION))
CHANNEL_CREATION: Final = Struct(
    "pallet_content::types::ChannelCreationParametersRecord",
    {
        "assets": Option(_STORAGE_ASSETS),
        "meta": Option(BYTES),
        "collaborators": _AGENTS,
        "storage_buckets": BTreeSet(U64),
        "distribution_buckets": BTreeSet(DISTRIBUTION_BUCKET_ID),
        "expected_channel_state_bloat_bond": U128,
        "expected_data_object_state_bloat_bond": U128,
    },
    {
        "StorageAssets": _STORAGE_ASSETS,
        "MemberId": U64,
        "StorageBucketId": U64,
        "DistributionBucketId": DISTRIBUTION_BUCKET_ID,
        "Balance": U128,
    },
)
CHANNEL_UPDATE: Final = Struct(
    "pallet_content::types::ChannelUpdateParametersRecord",
    {
        "assets_to_upload": Option(_STORAGE_ASSETS),
        "new_meta": Option(BYTES),
        "assets_to_remove": BTreeSet(U64),
        "collaborators": Option(_AGENTS),
        "expected_data_object_state_bloat_bond": U128,
        "storage_buckets_num_witness": Option(U32),
    },
    {"StorageAssets": _STORAGE_ASSETS, "DataObjectId": U64, "MemberId": U64, "Balance": U128},
)
_BAG_WITNESS: Final = Struct(
    "pallet_content::types::ChannelBagWitness", {"storage_buckets_num": U32, "distribution_buckets_num": U32}
)


def _item(name: str, value: Type, *keys: Type) -> StorageItem:
    return StorageItem("Content", name, value, keys)


def _event(index: int, name: str, *types: Type) -> Variant:
    return event("Content", index, name, *types)


def content_pallet() -> Pallet:
    """The content pallet: channels only."""
    ids = BTreeSet(U64)
    return Pallet(
        "Content",
        26,
        "Content",
        storage=(
            _item("ChannelById", CHANNEL, U64),
            _item("NextChannelId", U64),
            _item("ChannelStateBloatBondValue", U128),
        ),
        calls=Enum(
            "pallet_content::Call",
            (
                call(5, "create_channel", channel_owner=CHANNEL_OWNER, params=CHANNEL_CREATION),
                call(6, "update_channel", actor=CONTENT_ACTOR, channel_id=U64, params=CHANNEL_UPDATE),
                call(
                    9,
                    "delete_channel",
                    actor=CONTENT_ACTOR,
                    channel_id=U64,
                    channel_bag_witness=_BAG_WITNESS,
                    num_objects_to_delete=U64,
                ),
                call(42, "channel_owner_remark", channel_id=U64, msg=BYTES),
            ),
            {"T": None},
        ),
        events=Enum(
            "pallet_content::RawEvent",
            (
                _event(5, "ChannelCreated", U64, CHANNEL, CHANNEL_CREATION, ACCOUNT_ID),
                _event(6, "ChannelUpdated", CONTENT_ACTOR, U64, CHANNEL_UPDATE, ids),
                _event(8, "ChannelStateBloatBondValueUpdated", U128),
                _event(10, "ChannelAssetsRemoved", CONTENT_ACTOR, U64, ids, CHANNEL),
                _event(11, "ChannelDeleted", CONTENT_ACTOR, U64),
                _event(14, "ChannelAssetsDeletedByModerator", CONTENT_ACTOR, U64, ids, BYTES),
                _event(42, "ChannelOwnerRemarked", U64, BYTES),
            ),
        ),
        errors=Enum("pallet_content::errors::Error", names(*CONTENT_ERRORS), {"T": None}),
    )
