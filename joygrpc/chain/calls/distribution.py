"""Calls about distribution buckets: the lead's, then the operator's. Buckets are named `family:index`."""

from collections.abc import Collection, Mapping

from joygrpc.chain.calls.storage import DynamicBagType
from joygrpc.chain.calls.values import bucket_value, bytes_value, numbers_value
from joygrpc.chain.port import Call
from joygrpc.content.ids import BagId


def _call(function: str, **args: object) -> Call:
    return Call("Storage", function, args)


# The lead's


def create_distribution_bucket_family() -> Call:
    """A new family."""
    return _call("create_distribution_bucket_family")


def delete_distribution_bucket_family(family_id: int) -> Call:
    """Remove a family whose buckets have no bags and that no creation policy names."""
    return _call("delete_distribution_bucket_family", family_id=family_id)


def set_distribution_bucket_family_metadata(family_id: int, metadata: bytes) -> Call:
    """Describe a family (a serialised `DistributionBucketFamilyMetadata`)."""
    return _call("set_distribution_bucket_family_metadata", family_id=family_id, metadata=bytes_value(metadata))


def create_distribution_bucket(family_id: int, accepting_new_bags: bool) -> Call:
    """A new bucket of a family."""
    return _call("create_distribution_bucket", family_id=family_id, accepting_new_bags=accepting_new_bags)


def delete_distribution_bucket(bucket_id: str) -> Call:
    """Remove a bucket without bags and operators."""
    return _call("delete_distribution_bucket", bucket_id=bucket_value(bucket_id))


def update_distribution_bucket_status(bucket_id: str, accepting_new_bags: bool) -> Call:
    """Whether new bags may be put into a bucket."""
    return _call(
        "update_distribution_bucket_status", bucket_id=bucket_value(bucket_id), accepting_new_bags=accepting_new_bags
    )


def update_distribution_bucket_mode(bucket_id: str, distributing: bool) -> Call:
    """Whether a bucket delivers."""
    return _call("update_distribution_bucket_mode", bucket_id=bucket_value(bucket_id), distributing=distributing)


def update_distribution_buckets_for_bag(
    bag_id: BagId, family: int, add: Collection[int], remove: Collection[int]
) -> Call:
    """Assign a bag to buckets of one family and take it from others; by their indices in the family."""
    return _call(
        "update_distribution_buckets_for_bag",
        bag_id=bag_id.to_scale(),
        family_id=family,
        add_buckets_indices=numbers_value(add),
        remove_buckets_indices=numbers_value(remove),
    )


def update_distribution_buckets_per_bag_limit(limit: int) -> Call:
    """In how many buckets a bag may be, all families together."""
    return _call("update_distribution_buckets_per_bag_limit", new_limit=limit)


def update_families_in_dynamic_bag_creation_policy(bag_type: DynamicBagType, families: Mapping[int, int]) -> Call:
    """In how many buckets of which families a new bag of the type begins; replaces what held before."""
    return _call("update_families_in_dynamic_bag_creation_policy", dynamic_bag_type=bag_type, families=dict(families))


def invite_distribution_bucket_operator(bucket_id: str, worker_id: int) -> Call:
    """Invite a worker to a bucket."""
    return _call("invite_distribution_bucket_operator", bucket_id=bucket_value(bucket_id), operator_worker_id=worker_id)


def cancel_distribution_bucket_operator_invite(bucket_id: str, worker_id: int) -> Call:
    """Take an invitation back."""
    return _call(
        "cancel_distribution_bucket_operator_invite", bucket_id=bucket_value(bucket_id), operator_worker_id=worker_id
    )


def remove_distribution_bucket_operator(bucket_id: str, worker_id: int) -> Call:
    """Dismiss an operator of a bucket."""
    return _call("remove_distribution_bucket_operator", bucket_id=bucket_value(bucket_id), operator_worker_id=worker_id)


# The operator's


def accept_distribution_bucket_invitation(worker_id: int, bucket_id: str) -> Call:
    """A worker takes over a bucket."""
    return _call("accept_distribution_bucket_invitation", worker_id=worker_id, bucket_id=bucket_value(bucket_id))


def set_distribution_operator_metadata(worker_id: int, bucket_id: str, metadata: bytes) -> Call:
    """An operator publishes its endpoint and place (a serialised `DistributionBucketOperatorMetadata`)."""
    return _call(
        "set_distribution_operator_metadata",
        worker_id=worker_id,
        bucket_id=bucket_value(bucket_id),
        metadata=bytes_value(metadata),
    )


def distribution_operator_remark(worker_id: int, bucket_id: str, message: bytes) -> Call:
    """An operator leaves a message on the chain."""
    return _call(
        "distribution_operator_remark",
        worker_id=worker_id,
        distribution_bucket_id=bucket_value(bucket_id),
        msg=bytes_value(message),
    )
