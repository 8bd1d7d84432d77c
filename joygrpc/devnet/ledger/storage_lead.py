"""Calls of the storage lead: buckets, limits, fees, the blacklist and which buckets hold a bag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from joygrpc.devnet.ledger.bags import CONTENT_ID_LENGTH, find_bag, find_policy
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ensure, found
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import (
    Invited,
    Missing,
    Operated,
    OperatorStatus,
    StorageBucket,
    Voucher,
)
from joygrpc.devnet.ledger.working_groups import ensure_lead

PALLET: Final = "Storage"


def find_storage_bucket(ledger: Ledger, bucket_id: int) -> StorageBucket:
    """The bucket, or ModuleError."""
    return found(ledger.storage_buckets.get(bucket_id), PALLET, "StorageBucketDoesntExist")


def _ensure_storage_lead(ledger: Ledger, origin: Origin) -> None:
    ensure_lead(ledger.storage_group, origin)


def _ensure_operator_exists(ledger: Ledger, worker_id: int) -> None:
    ensure(worker_id in ledger.storage_group.workers, PALLET, "StorageProviderOperatorDoesntExist")


def _ensure_voucher_limits(ledger: Ledger, size_limit: int, objects_limit: int) -> None:
    ensure(size_limit <= ledger.voucher_max_size.value, PALLET, "VoucherMaxObjectSizeLimitExceeded")
    ensure(objects_limit <= ledger.voucher_max_number.value, PALLET, "VoucherMaxObjectNumberLimitExceeded")


def delete_storage_bucket(ledger: Ledger, origin: Origin, *, storage_bucket_id: int) -> None:
    """Remove a bucket without objects and bags; its operator is not asked."""
    _ensure_storage_lead(ledger, origin)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    ensure(bucket.voucher.objects_used == 0, PALLET, "CannotDeleteNonEmptyStorageBucket")
    ensure(bucket.assigned_bags == 0, PALLET, "StorageBucketIsBoundToBag")
    del ledger.storage_buckets[storage_bucket_id]
    ledger.emit(PALLET, "StorageBucketDeleted", storage_bucket_id)


def update_uploading_blocked_status(ledger: Ledger, origin: Origin, *, new_status: bool) -> None:
    """Stop or allow uploads to the whole network."""
    _ensure_storage_lead(ledger, origin)
    ledger.uploading_blocked.value = new_status
    ledger.emit(PALLET, "UploadingBlockStatusUpdated", new_status)


def update_data_size_fee(ledger: Ledger, origin: Origin, *, new_data_size_fee: int) -> None:
    """Set the fee per megabyte."""
    _ensure_storage_lead(ledger, origin)
    ledger.data_size_fee.value = new_data_size_fee
    ledger.emit(PALLET, "DataObjectPerMegabyteFeeUpdated", new_data_size_fee)


def update_storage_buckets_per_bag_limit(ledger: Ledger, origin: Origin, *, new_limit: int) -> None:
    """Set how many storage buckets a bag may have; existing bags are not looked at."""
    _ensure_storage_lead(ledger, origin)
    ensure(new_limit >= ledger.limits.min_storage_buckets_per_bag, PALLET, "StorageBucketsPerBagLimitTooLow")
    ensure(new_limit <= ledger.limits.max_storage_buckets_per_bag, PALLET, "StorageBucketsPerBagLimitTooHigh")
    ledger.storage_buckets_per_bag.value = new_limit
    ledger.emit(PALLET, "StorageBucketsPerBagLimitUpdated", new_limit)


def update_storage_buckets_voucher_max_limits(
    ledger: Ledger, origin: Origin, *, new_objects_size: int, new_objects_number: int
) -> None:
    """Set the highest voucher limits; existing vouchers stay."""
    _ensure_storage_lead(ledger, origin)
    ledger.voucher_max_size.value = new_objects_size
    ledger.voucher_max_number.value = new_objects_number
    ledger.emit(PALLET, "StorageBucketsVoucherMaxLimitsUpdated", new_objects_size, new_objects_number)


def update_data_object_state_bloat_bond(ledger: Ledger, origin: Origin, *, state_bloat_bond: int) -> None:
    """Set the bond of new objects."""
    _ensure_storage_lead(ledger, origin)
    ledger.object_bloat_bond.value = state_bloat_bond
    ledger.emit(PALLET, "DataObjectStateBloatBondValueUpdated", state_bloat_bond)


def update_number_of_storage_buckets_in_dynamic_bag_creation_policy(
    ledger: Ledger, origin: Origin, *, dynamic_bag_type: str, number_of_storage_buckets: int
) -> None:
    """Set how many storage buckets a new bag of the kind gets."""
    _ensure_storage_lead(ledger, origin)
    limits = ledger.limits
    ensure(
        limits.min_storage_buckets_per_bag <= number_of_storage_buckets <= limits.max_storage_buckets_per_bag,
        PALLET,
        "NumberOfStorageBucketsOutsideOfAllowedContraints",
    )
    policy = find_policy(ledger, dynamic_bag_type)
    ledger.policies[dynamic_bag_type] = replace(policy, number_of_storage_buckets=number_of_storage_buckets)
    ledger.emit(
        PALLET,
        "NumberOfStorageBucketsInDynamicBagCreationPolicyUpdated",
        dynamic_bag_type,
        number_of_storage_buckets,
    )


def update_blacklist(
    ledger: Ledger, origin: Origin, *, remove_hashes: Sequence[bytes], add_hashes: Sequence[bytes]
) -> None:
    """Ban and unban content ids for new objects; a hash in both lists is judged by what was there before."""
    _ensure_storage_lead(ledger, origin)
    for content_id in (*remove_hashes, *add_hashes):
        ensure(len(content_id) == CONTENT_ID_LENGTH, PALLET, "InvalidCidLength")
    # Both lists are judged by what is there before either is applied.
    leaving = [content_id for content_id in remove_hashes if content_id in ledger.blacklist]
    coming = [content_id for content_id in add_hashes if content_id not in ledger.blacklist]
    new_size = ledger.blacklist_size.value + len(coming) - len(leaving)
    ensure(new_size <= ledger.limits.blacklist_size, PALLET, "BlacklistSizeLimitExceeded")
    for content_id in leaving:
        del ledger.blacklist[content_id]
    for content_id in coming:
        ledger.blacklist[content_id] = ()
    ledger.blacklist_size.value = new_size
    ledger.emit(PALLET, "UpdateBlacklist", list(remove_hashes), list(add_hashes))


def create_storage_bucket(
    ledger: Ledger,
    origin: Origin,
    *,
    invite_worker: int | None,
    accepting_new_bags: bool,
    size_limit: int,
    objects_limit: int,
) -> None:
    """A new bucket, its operator invited if named."""
    _ensure_storage_lead(ledger, origin)
    _ensure_voucher_limits(ledger, size_limit, objects_limit)
    if invite_worker is not None:
        _ensure_operator_exists(ledger, invite_worker)
    bucket_id = ledger.next_storage_bucket_id.take()
    status: OperatorStatus = Missing() if invite_worker is None else Invited(invite_worker)
    ledger.storage_buckets[bucket_id] = StorageBucket(status, accepting_new_bags, Voucher(size_limit, objects_limit))
    ledger.emit(PALLET, "StorageBucketCreated", bucket_id, invite_worker, accepting_new_bags, size_limit, objects_limit)


def update_storage_buckets_for_bag(
    ledger: Ledger, origin: Origin, *, bag_id: str, add_buckets: Sequence[int], remove_buckets: Sequence[int]
) -> None:
    """Change which buckets hold a bag; a bucket in both lists always fails."""
    _ensure_storage_lead(ledger, origin)
    bag = find_bag(ledger, bag_id)
    ensure(add_buckets or remove_buckets, PALLET, "StorageBucketIdCollectionsAreEmpty")
    count = len(bag.stored_by) + len(add_buckets) - len(remove_buckets)
    ensure(count <= ledger.storage_buckets_per_bag.value, PALLET, "StorageBucketPerBagLimitExceeded")
    for bucket_id in remove_buckets:
        find_storage_bucket(ledger, bucket_id)
        ensure(bucket_id in bag.stored_by, PALLET, "StorageBucketIsNotBoundToBag")
    for bucket_id in add_buckets:
        bucket = find_storage_bucket(ledger, bucket_id)
        ensure(bucket.accepting_new_bags, PALLET, "StorageBucketDoesntAcceptNewBags")
        ensure(bucket_id not in bag.stored_by, PALLET, "StorageBucketIsBoundToBag")
    for bucket_id in add_buckets:
        voucher = ledger.storage_buckets[bucket_id].voucher
        ensure(
            voucher.objects_used + bag.objects_number <= voucher.objects_limit,
            PALLET,
            "StorageBucketObjectNumberLimitReached",
        )
        ensure(
            voucher.size_used + bag.objects_total_size <= voucher.size_limit,
            PALLET,
            "StorageBucketObjectSizeLimitReached",
        )
    for bucket_ids, sign in ((add_buckets, 1), (remove_buckets, -1)):
        for bucket_id in bucket_ids:
            bucket = ledger.storage_buckets[bucket_id]
            voucher = replace(
                bucket.voucher,
                objects_used=max(bucket.voucher.objects_used + sign * bag.objects_number, 0),
                size_used=max(bucket.voucher.size_used + sign * bag.objects_total_size, 0),
            )
            assigned_bags = max(bucket.assigned_bags + sign, 0)
            ledger.storage_buckets[bucket_id] = replace(bucket, voucher=voucher, assigned_bags=assigned_bags)
            ledger.emit(PALLET, "VoucherChanged", bucket_id, voucher.to_scale())
    ledger.bags[bag_id] = replace(bag, stored_by=(bag.stored_by | set(add_buckets)) - set(remove_buckets))
    ledger.emit(PALLET, "StorageBucketsUpdatedForBag", bag_id, list(add_buckets), list(remove_buckets))


def cancel_storage_bucket_operator_invite(ledger: Ledger, origin: Origin, *, storage_bucket_id: int) -> None:
    """Take an invitation back."""
    _ensure_storage_lead(ledger, origin)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    ensure(not isinstance(bucket.operator_status, Missing), PALLET, "NoStorageBucketInvitation")
    ensure(not isinstance(bucket.operator_status, Operated), PALLET, "StorageProviderAlreadySet")
    ledger.storage_buckets[storage_bucket_id] = replace(bucket, operator_status=Missing())
    ledger.emit(PALLET, "StorageBucketInvitationCancelled", storage_bucket_id)


def invite_storage_bucket_operator(ledger: Ledger, origin: Origin, *, storage_bucket_id: int, operator_id: int) -> None:
    """Ask a worker to run a bucket."""
    _ensure_storage_lead(ledger, origin)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    ensure(not isinstance(bucket.operator_status, Operated), PALLET, "StorageProviderAlreadySet")
    ensure(not isinstance(bucket.operator_status, Invited), PALLET, "InvitedStorageProvider")
    _ensure_operator_exists(ledger, operator_id)
    ledger.storage_buckets[storage_bucket_id] = replace(bucket, operator_status=Invited(operator_id))
    ledger.emit(PALLET, "StorageBucketOperatorInvited", storage_bucket_id, operator_id)


def remove_storage_bucket_operator(ledger: Ledger, origin: Origin, *, storage_bucket_id: int) -> None:
    """Dismiss a bucket's operator; bags and objects stay."""
    _ensure_storage_lead(ledger, origin)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    ensure(isinstance(bucket.operator_status, Operated), PALLET, "StorageProviderMustBeSet")
    ledger.storage_buckets[storage_bucket_id] = replace(bucket, operator_status=Missing())
    ledger.emit(PALLET, "StorageBucketOperatorRemoved", storage_bucket_id)


def update_storage_bucket_status(
    ledger: Ledger, origin: Origin, *, storage_bucket_id: int, accepting_new_bags: bool
) -> None:
    """Set whether a bucket takes new bags."""
    _ensure_storage_lead(ledger, origin)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    ledger.storage_buckets[storage_bucket_id] = replace(bucket, accepting_new_bags=accepting_new_bags)
    ledger.emit(PALLET, "StorageBucketStatusUpdated", storage_bucket_id, accepting_new_bags)


def set_storage_bucket_voucher_limits(
    ledger: Ledger,
    origin: Origin,
    *,
    storage_bucket_id: int,
    new_objects_size_limit: int,
    new_objects_number_limit: int,
) -> None:
    """Set a bucket's limits, possibly below what is used."""
    _ensure_storage_lead(ledger, origin)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    _ensure_voucher_limits(ledger, new_objects_size_limit, new_objects_number_limit)
    voucher = replace(bucket.voucher, size_limit=new_objects_size_limit, objects_limit=new_objects_number_limit)
    ledger.storage_buckets[storage_bucket_id] = replace(bucket, voucher=voucher)
    ledger.emit(
        PALLET, "StorageBucketVoucherLimitsSet", storage_bucket_id, new_objects_size_limit, new_objects_number_limit
    )
