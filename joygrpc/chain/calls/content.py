"""Calls of channel owners; to be signed by the member's controller."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from joygrpc.chain.calls.values import buckets_value, bytes_value, numbers_value
from joygrpc.chain.port import Call


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
                "meta": None if metadata is None else bytes_value(metadata),
                "collaborators": {},
                "storage_buckets": numbers_value(storage_buckets),
                "distribution_buckets": buckets_value(distribution_buckets),
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
                "new_meta": None if metadata is None else bytes_value(metadata),
                "assets_to_remove": numbers_value(remove),
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
