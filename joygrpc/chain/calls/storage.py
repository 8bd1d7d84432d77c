"""Calls about storage buckets: the lead's, then the operator's. Sizes in bytes, money in the smallest unit."""

from collections.abc import Collection
from typing import Literal

from joygrpc.chain.calls.values import bytes_value, numbers_value
from joygrpc.chain.port import Call
from joygrpc.content.ids import BagId

DynamicBagType = Literal["Channel", "Member"]


def _call(function: str, **args: object) -> Call:
    return Call("Storage", function, args)


# The lead's


def create_storage_bucket(
    invited_worker: int | None, accepting_new_bags: bool, size_limit: int, objects_limit: int
) -> Call:
    """A new bucket; a worker may be invited at once."""
    return _call(
        "create_storage_bucket",
        invite_worker=invited_worker,
        accepting_new_bags=accepting_new_bags,
        size_limit=size_limit,
        objects_limit=objects_limit,
    )


def delete_storage_bucket(bucket_id: int) -> Call:
    """Remove a bucket that has no bag and no object; its operator is not asked."""
    return _call("delete_storage_bucket", storage_bucket_id=bucket_id)


def invite_storage_bucket_operator(bucket_id: int, worker_id: int) -> Call:
    """Invite a worker to a bucket without operator."""
    return _call("invite_storage_bucket_operator", storage_bucket_id=bucket_id, operator_id=worker_id)


def cancel_storage_bucket_operator_invite(bucket_id: int) -> Call:
    """Take an invitation back."""
    return _call("cancel_storage_bucket_operator_invite", storage_bucket_id=bucket_id)


def remove_storage_bucket_operator(bucket_id: int) -> Call:
    """Dismiss a bucket's operator; its bags stay with the bucket."""
    return _call("remove_storage_bucket_operator", storage_bucket_id=bucket_id)


def update_storage_bucket_status(bucket_id: int, accepting_new_bags: bool) -> Call:
    """Whether new bags may be put into a bucket."""
    return _call("update_storage_bucket_status", storage_bucket_id=bucket_id, accepting_new_bags=accepting_new_bags)


def set_storage_bucket_voucher_limits(bucket_id: int, size_limit: int, objects_limit: int) -> Call:
    """How much a bucket may hold."""
    return _call(
        "set_storage_bucket_voucher_limits",
        storage_bucket_id=bucket_id,
        new_objects_size_limit=size_limit,
        new_objects_number_limit=objects_limit,
    )


def update_storage_buckets_voucher_max_limits(max_size: int, max_objects: int) -> Call:
    """How high the limits of any bucket may be set."""
    return _call("update_storage_buckets_voucher_max_limits", new_objects_size=max_size, new_objects_number=max_objects)


def update_storage_buckets_per_bag_limit(limit: int) -> Call:
    """In how many buckets a bag may be."""
    return _call("update_storage_buckets_per_bag_limit", new_limit=limit)


def update_data_size_fee(fee: int) -> Call:
    """Fee per megabyte of new objects."""
    return _call("update_data_size_fee", new_data_size_fee=fee)


def update_data_object_state_bloat_bond(bond: int) -> Call:
    """Bond per new object."""
    return _call("update_data_object_state_bloat_bond", state_bloat_bond=bond)


def update_number_of_storage_buckets_in_dynamic_bag_creation_policy(bag_type: DynamicBagType, number: int) -> Call:
    """In how many buckets a new bag of the type begins."""
    return _call(
        "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
        dynamic_bag_type=bag_type,
        number_of_storage_buckets=number,
    )


def update_uploading_blocked_status(blocked: bool) -> Call:
    """Stop, or allow, new objects in the whole network."""
    return _call("update_uploading_blocked_status", new_status=blocked)


def update_blacklist(remove: Collection[str], add: Collection[str]) -> Call:
    """Change the multihashes that no new object may have."""
    return _call("update_blacklist", remove_hashes=sorted(set(remove)), add_hashes=sorted(set(add)))


def update_storage_buckets_for_bag(bag_id: BagId, add: Collection[int], remove: Collection[int]) -> Call:
    """Assign a bag to buckets and take it from others."""
    return _call(
        "update_storage_buckets_for_bag",
        bag_id=bag_id.to_scale(),
        add_buckets=numbers_value(add),
        remove_buckets=numbers_value(remove),
    )


# The operator's


def accept_storage_bucket_invitation(worker_id: int, bucket_id: int, transactor: str) -> Call:
    """A worker takes over a bucket; `transactor` (SS58) will sign its acceptances."""
    return _call(
        "accept_storage_bucket_invitation",
        worker_id=worker_id,
        storage_bucket_id=bucket_id,
        transactor_account_id=transactor,
    )


def set_storage_operator_metadata(worker_id: int, bucket_id: int, metadata: bytes) -> Call:
    """An operator publishes its endpoint and place (a serialised `StorageBucketOperatorMetadata`); to be signed by the worker."""
    return _call(
        "set_storage_operator_metadata",
        worker_id=worker_id,
        storage_bucket_id=bucket_id,
        metadata=bytes_value(metadata),
    )


def accept_pending_data_objects(worker_id: int, bucket_id: int, bag_id: BagId, object_ids: Collection[int]) -> Call:
    """A bucket says that it holds objects of a bag; to be signed by the bucket's transactor."""
    return _call(
        "accept_pending_data_objects",
        worker_id=worker_id,
        storage_bucket_id=bucket_id,
        bag_id=bag_id.to_scale(),
        data_objects=numbers_value(object_ids),
    )


def storage_operator_remark(worker_id: int, bucket_id: int, message: bytes) -> Call:
    """An operator leaves a message on the chain."""
    return _call("storage_operator_remark", worker_id=worker_id, storage_bucket_id=bucket_id, msg=bytes_value(message))
