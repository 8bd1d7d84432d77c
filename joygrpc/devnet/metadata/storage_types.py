"""The storage pallet's own types."""

from __future__ import annotations

from typing import Any, Final

from joygrpc.content import BagId, DistributionBucketId, InvalidBagId, InvalidDistributionBucketId
from joygrpc.devnet.metadata.shared_types import (
    ACCOUNT_ID,
    REPAYABLE_BLOAT_BOND,
    WORKING_GROUP,
    bounded_map,
    bounded_set,
    bounded_vec,
)
from joygrpc.devnet.scale import (
    BOOL,
    BYTES,
    U8,
    U32,
    U64,
    U128,
    BTreeSet,
    Enum,
    Reader,
    ScaleError,
    Struct,
    Variant,
    Vec,
    names,
)

_IDS: Final = {"MemberId": U64, "ChannelId": U64}
_STATIC_BAG_ID: Final = Enum(
    "pallet_storage::StaticBagId",
    (Variant(0, "Council"), Variant(1, "WorkingGroup", {"group": WORKING_GROUP})),
)


def _bag(text: Any) -> BagId:
    try:
        return BagId.parse(str(text))
    except InvalidBagId as error:
        raise ScaleError(str(error)) from error


class _DynamicBagIdType(Enum):
    """Values are texts, `dynamic:member:{id}` or `dynamic:channel:{id}`."""

    def write(self, value: Any, out: bytearray) -> None:
        bag = _bag(value)
        if bag.number is None:
            raise ScaleError(f"{value} is not a dynamic bag")
        out += bag.scale_bytes()[1:]

    def read(self, reader: Reader) -> str:
        return str(BagId.from_scale({"Dynamic": super().read(reader)}))


class _BagIdType(Enum):
    """Values are texts in the canonical form of `BagId`."""

    def write(self, value: Any, out: bytearray) -> None:
        out += _bag(value).scale_bytes()

    def read(self, reader: Reader) -> str:
        ((kind, content),) = super().read(reader).items()
        return str(content) if kind == "Dynamic" else str(BagId.from_scale({"Static": content}))


DYNAMIC_BAG_ID: Final = _DynamicBagIdType(
    "pallet_storage::DynamicBagIdType",
    (Variant(0, "Member", {"id": U64}), Variant(1, "Channel", {"id": U64})),
    _IDS,
)
BAG_ID: Final = _BagIdType(
    "pallet_storage::BagIdType",
    (Variant(0, "Static", {"id": _STATIC_BAG_ID}), Variant(1, "Dynamic", {"id": DYNAMIC_BAG_ID})),
    _IDS,
)
DYNAMIC_BAG_TYPE: Final = Enum("pallet_storage::DynamicBagType", names("Member", "Channel"))


class _DistributionBucketIdType(Struct):
    """Values are texts, `{family}:{index}`, ordered by family, then index."""

    def write(self, value: Any, out: bytearray) -> None:
        family, index = self.order(value)
        super().write({"distribution_bucket_family_id": family, "distribution_bucket_index": index}, out)

    def read(self, reader: Reader) -> Any:
        record = super().read(reader)
        return f"{record['distribution_bucket_family_id']}:{record['distribution_bucket_index']}"

    def order(self, value: Any) -> tuple[int, int]:
        try:
            bucket = DistributionBucketId.parse(str(value))
        except InvalidDistributionBucketId as error:
            raise ScaleError(str(error)) from error
        return bucket.family, bucket.index


DISTRIBUTION_BUCKET_ID: Final = _DistributionBucketIdType(
    "pallet_storage::DistributionBucketIdRecord",
    {"distribution_bucket_family_id": U64, "distribution_bucket_index": U64},
    {"DistributionBucketFamilyId": U64, "DistributionBucketIndex": U64},
)

_STORAGE_BUCKET_SET: Final = bounded_set(U64)
_DISTRIBUTION_BUCKET_SET: Final = bounded_set(DISTRIBUTION_BUCKET_ID)
BAG: Final = Struct(
    "pallet_storage::BagRecord",
    {
        "stored_by": _STORAGE_BUCKET_SET,
        "distributed_by": _DISTRIBUTION_BUCKET_SET,
        "objects_total_size": U64,
        "objects_number": U64,
    },
    {"StorageBucketIdsSet": _STORAGE_BUCKET_SET, "DistributionBucketIdsSet": _DISTRIBUTION_BUCKET_SET},
)

VOUCHER: Final = Struct(
    "pallet_storage::Voucher", {"size_limit": U64, "objects_limit": U64, "size_used": U64, "objects_used": U64}
)
_WORKER_AND_ACCOUNT: Final = {"WorkerId": U64, "AccountId": ACCOUNT_ID}
OPERATOR_STATUS: Final = Enum(
    "pallet_storage::StorageBucketOperatorStatus",
    (
        Variant(0, "Missing"),
        Variant(1, "InvitedStorageWorker", {"worker_id": U64}),
        Variant(2, "StorageWorker", {"worker_id": U64, "transactor_account_id": ACCOUNT_ID}),
    ),
    _WORKER_AND_ACCOUNT,
)
STORAGE_BUCKET: Final = Struct(
    "pallet_storage::StorageBucketRecord",
    {"operator_status": OPERATOR_STATUS, "accepting_new_bags": BOOL, "voucher": VOUCHER, "assigned_bags": U64},
    _WORKER_AND_ACCOUNT,
)

CONTENT_ID: Final = bounded_vec(U8)
DATA_OBJECT: Final = Struct(
    "pallet_storage::DataObject",
    {"accepted": BOOL, "state_bloat_bond": REPAYABLE_BLOAT_BOND, "size": U64, "ipfs_content_id": CONTENT_ID},
    {"RepayableBloatBond": REPAYABLE_BLOAT_BOND},
)

FAMILY: Final = Struct(
    "pallet_storage::DistributionBucketFamilyRecord",
    {"next_distribution_bucket_index": U64},
    {"DistributionBucketIndex": U64},
)
_WORKER_SET: Final = bounded_set(U64)
DISTRIBUTION_BUCKET: Final = Struct(
    "pallet_storage::DistributionBucketRecord",
    {
        "accepting_new_bags": BOOL,
        "distributing": BOOL,
        "pending_invitations": _WORKER_SET,
        "operators": _WORKER_SET,
        "assigned_bags": U64,
    },
    {"DistributionBucketInvitedOperators": _WORKER_SET, "DistributionBucketOperators": _WORKER_SET},
)

_FAMILY_COUNTS: Final = bounded_map(U64, U32)
CREATION_POLICY: Final = Struct(
    "pallet_storage::DynamicBagCreationPolicy",
    {"number_of_storage_buckets": U32, "families": _FAMILY_COUNTS},
    {"DistributionBucketFamilyToNumberOfBucketsMap": _FAMILY_COUNTS},
)

OBJECT_CREATION: Final = Struct("pallet_storage::DataObjectCreationParameters", {"size": U64, "ipfs_content_id": BYTES})
_UPLOAD_FIELDS: Final = {
    "object_creation_list": Vec(OBJECT_CREATION),
    "state_bloat_bond_source_account_id": ACCOUNT_ID,
    "expected_data_size_fee": U128,
    "expected_data_object_state_bloat_bond": U128,
}
UPLOAD_PARAMETERS: Final = Struct(
    "pallet_storage::UploadParametersRecord",
    {"bag_id": BAG_ID, **_UPLOAD_FIELDS},
    {"BagId": BAG_ID, "AccountId": ACCOUNT_ID, "Balance": U128},
)
BAG_CREATION_PARAMETERS: Final = Struct(
    "pallet_storage::DynBagCreationParametersRecord",
    {
        "bag_id": DYNAMIC_BAG_ID,
        **_UPLOAD_FIELDS,
        "storage_buckets": BTreeSet(U64),
        "distribution_buckets": BTreeSet(DISTRIBUTION_BUCKET_ID),
    },
    {
        "BagId": DYNAMIC_BAG_ID,
        "AccountId": ACCOUNT_ID,
        "Balance": U128,
        "StorageBucketId": U64,
        "DistributionBucketId": DISTRIBUTION_BUCKET_ID,
    },
)
