"""Calls of the runtime, built from our own types."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from joygrpc.chain.port import Call
from joygrpc.content.ids import BagId, DistributionBucketId


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to be created; `size` in bytes."""

    size: int
    multihash: str


@dataclass(frozen=True, slots=True)
class AssetFees:
    """What the sender of new objects expects to pay; the chain refuses the call if it is not so any more.

    Storage values `Storage.DataObjectPerMegabyteFee` and `Storage.DataObjectStateBloatBondValue`, in the smallest unit.
    """

    per_megabyte: int
    bloat_bond: int


def accept_pending_data_objects(worker_id: int, bucket_id: int, bag_id: BagId, object_ids: Collection[int]) -> Call:
    """A storage bucket says that it holds objects of a bag; to be signed by the bucket's transactor."""
    return Call(
        "Storage",
        "accept_pending_data_objects",
        {
            "worker_id": worker_id,
            "storage_bucket_id": bucket_id,
            "bag_id": bag_id.to_scale(),
            "data_objects": sorted(set(object_ids)),
        },
    )


def set_storage_operator_metadata(worker_id: int, bucket_id: int, metadata: bytes) -> Call:
    """A storage operator publishes its endpoint and place (a serialised `StorageBucketOperatorMetadata`); to be signed by the worker."""
    return Call(
        "Storage",
        "set_storage_operator_metadata",
        {
            "worker_id": worker_id,
            "storage_bucket_id": bucket_id,
            "metadata": _hex(metadata),
        },
    )


def accept_storage_bucket_invitation(worker_id: int, bucket_id: int, transactor: str) -> Call:
    """A worker takes over a storage bucket; `transactor` (SS58) will sign its acceptances."""
    return Call(
        "Storage",
        "accept_storage_bucket_invitation",
        {
            "worker_id": worker_id,
            "storage_bucket_id": bucket_id,
            "transactor_account_id": transactor,
        },
    )


def set_distribution_operator_metadata(worker_id: int, bucket_id: str, metadata: bytes) -> Call:
    """A distribution operator publishes its endpoint and place (a serialised `DistributionBucketOperatorMetadata`)."""
    return Call(
        "Storage",
        "set_distribution_operator_metadata",
        {
            "worker_id": worker_id,
            "bucket_id": _distribution_bucket(bucket_id),
            "metadata": _hex(metadata),
        },
    )


def accept_distribution_bucket_invitation(worker_id: int, bucket_id: str) -> Call:
    """A worker takes over a distribution bucket (`family:index`)."""
    return Call(
        "Storage",
        "accept_distribution_bucket_invitation",
        {
            "worker_id": worker_id,
            "bucket_id": _distribution_bucket(bucket_id),
        },
    )


def update_storage_buckets_for_bag(bag_id: BagId, add: Collection[int], remove: Collection[int]) -> Call:
    """The storage lead assigns a bag to buckets and takes it from others."""
    return Call(
        "Storage",
        "update_storage_buckets_for_bag",
        {
            "bag_id": bag_id.to_scale(),
            "add_buckets": sorted(set(add)),
            "remove_buckets": sorted(set(remove)),
        },
    )


def update_distribution_buckets_for_bag(
    bag_id: BagId, family: int, add: Collection[int], remove: Collection[int]
) -> Call:
    """The distribution lead assigns a bag to buckets of one family and takes it from others."""
    return Call(
        "Storage",
        "update_distribution_buckets_for_bag",
        {
            "bag_id": bag_id.to_scale(),
            "family_id": family,
            "add_buckets_indices": sorted(set(add)),
            "remove_buckets_indices": sorted(set(remove)),
        },
    )


def create_channel_of_member(
    member_id: int,
    objects: Sequence[NewObject],
    storage_buckets: Collection[int],
    distribution_buckets: Collection[str],
    channel_bloat_bond: int,
    fees: AssetFees,
    metadata: bytes | None = None,
) -> Call:
    """A member creates a channel with its bag and first objects; to be signed by the member's controller.

    How many buckets of which families must be named is the chain's policy for channel bags. `channel_bloat_bond` is
    `Content.ChannelStateBloatBondValue`.
    """
    return Call(
        "Content",
        "create_channel",
        {
            "channel_owner": {"Member": member_id},
            "params": {
                "assets": _assets(objects, fees),
                "meta": None if metadata is None else _hex(metadata),
                "collaborators": {},
                "storage_buckets": sorted(set(storage_buckets)),
                "distribution_buckets": [
                    _distribution_bucket(bucket) for bucket in _sorted_buckets(distribution_buckets)
                ],
                "expected_channel_state_bloat_bond": channel_bloat_bond,
                "expected_data_object_state_bloat_bond": fees.bloat_bond,
            },
        },
    )


def update_channel_of_member(
    member_id: int,
    channel_id: int,
    fees: AssetFees,
    add: Sequence[NewObject] = (),
    remove: Collection[int] = (),
    storage_buckets_num: int | None = None,
    metadata: bytes | None = None,
) -> Call:
    """A channel's owner adds objects to its bag and removes others; to be signed by the member's controller.

    With objects to add or remove the chain wants to be told how many storage buckets the bag has (`storage_buckets_num`).
    """
    return Call(
        "Content",
        "update_channel",
        {
            "actor": {"Member": member_id},
            "channel_id": channel_id,
            "params": {
                "assets_to_upload": _assets(add, fees),
                "new_meta": None if metadata is None else _hex(metadata),
                "assets_to_remove": sorted(set(remove)),
                "collaborators": None,
                "expected_data_object_state_bloat_bond": fees.bloat_bond,
                "storage_buckets_num_witness": storage_buckets_num,
            },
        },
    )


def _assets(objects: Sequence[NewObject], fees: AssetFees) -> Mapping[str, object] | None:
    if not objects:
        return None
    return {
        "object_creation_list": [{"size": new.size, "ipfs_content_id": new.multihash} for new in objects],
        "expected_data_size_fee": fees.per_megabyte,
    }


def _sorted_buckets(bucket_ids: Collection[str]) -> list[str]:
    return sorted(set(bucket_ids), key=DistributionBucketId.parse)


def _distribution_bucket(bucket_id: str) -> Mapping[str, int]:
    bucket = DistributionBucketId.parse(bucket_id)
    return {"distribution_bucket_family_id": bucket.family, "distribution_bucket_index": bucket.index}


def _hex(data: bytes) -> str:
    # Bytes go as hex text: scalecodec would take other text for UTF-8.
    return "0x" + data.hex()
