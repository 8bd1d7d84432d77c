"""Calls of the distribution lead: families, their buckets, operators and which buckets deliver a bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from joygrpc.content import DistributionBucketId
from joygrpc.devnet.ledger.bags import find_bag, find_policy
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ensure, found
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import DistributionBucket, Family
from joygrpc.devnet.ledger.working_groups import ensure_lead

PALLET: Final = "Storage"


def bucket_key(bucket_id: str) -> tuple[int, int]:
    """Family and index in a distribution bucket id's text."""
    parsed = DistributionBucketId.parse(bucket_id)
    return parsed.family, parsed.index


def find_distribution_bucket(ledger: Ledger, key: tuple[int, int]) -> DistributionBucket:
    """The bucket, or ModuleError."""
    return found(ledger.distribution_buckets.get(key), PALLET, "DistributionBucketDoesntExist")


def _find_family(ledger: Ledger, family_id: int) -> Family:
    return found(ledger.families.get(family_id), PALLET, "DistributionBucketFamilyDoesntExist")


def _ensure_distribution_lead(ledger: Ledger, origin: Origin) -> None:
    ensure_lead(ledger.distribution_group, origin)


def create_distribution_bucket_family(ledger: Ledger, origin: Origin) -> None:
    """A new family without buckets."""
    _ensure_distribution_lead(ledger, origin)
    ensure(
        ledger.family_number.value < ledger.limits.max_distribution_families,
        PALLET,
        "MaxDistributionBucketFamilyNumberLimitExceeded",
    )
    family_id = ledger.next_family_id.take()
    ledger.families[family_id] = Family()
    ledger.family_number.value += 1
    ledger.emit(PALLET, "DistributionBucketFamilyCreated", family_id)


def delete_distribution_bucket_family(ledger: Ledger, origin: Origin, *, family_id: int) -> None:
    """The family goes; its buckets' records stay, and calls that ask only for a bucket still reach them."""
    _ensure_distribution_lead(ledger, origin)
    _find_family(ledger, family_id)
    for index in ledger.distribution_buckets.group(family_id):
        bucket = ledger.distribution_buckets[family_id, index]
        ensure(bucket.assigned_bags == 0, PALLET, "DistributionBucketIsBoundToBag")
    for bag_type in ("Member", "Channel"):
        families = find_policy(ledger, bag_type).families
        ensure(family_id not in families, PALLET, "DistributionFamilyBoundToBagCreationPolicy")
    ledger.family_number.value = max(ledger.family_number.value - 1, 0)
    del ledger.families[family_id]
    ledger.emit(PALLET, "DistributionBucketFamilyDeleted", family_id)


def create_distribution_bucket(ledger: Ledger, origin: Origin, *, family_id: int, accepting_new_bags: bool) -> None:
    """A new bucket of the family, distributing, without operators."""
    _ensure_distribution_lead(ledger, origin)
    family = _find_family(ledger, family_id)
    index = family.next_distribution_bucket_index
    ledger.families[family_id] = Family(index + 1)
    ledger.distribution_buckets[family_id, index] = DistributionBucket(accepting_new_bags)
    ledger.emit(PALLET, "DistributionBucketCreated", family_id, accepting_new_bags, f"{family_id}:{index}")


def update_distribution_bucket_status(
    ledger: Ledger, origin: Origin, *, bucket_id: str, accepting_new_bags: bool
) -> None:
    """Set whether a bucket takes new bags."""
    _ensure_distribution_lead(ledger, origin)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    ledger.distribution_buckets[key] = replace(bucket, accepting_new_bags=accepting_new_bags)
    ledger.emit(PALLET, "DistributionBucketStatusUpdated", bucket_id, accepting_new_bags)


def delete_distribution_bucket(ledger: Ledger, origin: Origin, *, bucket_id: str) -> None:
    """Remove a bucket without bags and operators; pending invitations do not hinder."""
    _ensure_distribution_lead(ledger, origin)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    ensure(bucket.assigned_bags == 0, PALLET, "DistributionBucketIsBoundToBag")
    ensure(not bucket.operators, PALLET, "DistributionProviderOperatorSet")
    del ledger.distribution_buckets[key]
    ledger.emit(PALLET, "DistributionBucketDeleted", bucket_id)


def update_distribution_buckets_for_bag(
    ledger: Ledger,
    origin: Origin,
    *,
    bag_id: str,
    family_id: int,
    add_buckets_indices: Sequence[int],
    remove_buckets_indices: Sequence[int],
) -> None:
    """Change which buckets of a family deliver a bag."""
    _ensure_distribution_lead(ledger, origin)
    ensure(add_buckets_indices or remove_buckets_indices, PALLET, "DistributionBucketIdCollectionsAreEmpty")
    bag = find_bag(ledger, bag_id)
    _find_family(ledger, family_id)
    count = len(bag.distributed_by) + len(add_buckets_indices) - len(remove_buckets_indices)
    ensure(count <= ledger.distribution_buckets_per_bag.value, PALLET, "MaxDistributionBucketNumberPerBagLimitExceeded")
    for index in remove_buckets_indices:
        find_distribution_bucket(ledger, (family_id, index))
        bound = DistributionBucketId(family_id, index) in bag.distributed_by
        ensure(bound, PALLET, "DistributionBucketIsNotBoundToBag")
    for index in add_buckets_indices:
        bucket = find_distribution_bucket(ledger, (family_id, index))
        ensure(bucket.accepting_new_bags, PALLET, "DistributionBucketDoesntAcceptNewBags")
        bound = DistributionBucketId(family_id, index) in bag.distributed_by
        ensure(not bound, PALLET, "DistributionBucketIsBoundToBag")
    for indices, sign in ((add_buckets_indices, 1), (remove_buckets_indices, -1)):
        for index in indices:
            bucket = ledger.distribution_buckets[family_id, index]
            assigned_bags = max(bucket.assigned_bags + sign, 0)
            ledger.distribution_buckets[family_id, index] = replace(bucket, assigned_bags=assigned_bags)
    added = {DistributionBucketId(family_id, index) for index in add_buckets_indices}
    removed = {DistributionBucketId(family_id, index) for index in remove_buckets_indices}
    ledger.bags[bag_id] = replace(bag, distributed_by=(bag.distributed_by | added) - removed)
    ledger.emit(
        PALLET,
        "DistributionBucketsUpdatedForBag",
        bag_id,
        family_id,
        list(add_buckets_indices),
        list(remove_buckets_indices),
    )


def update_distribution_buckets_per_bag_limit(ledger: Ledger, origin: Origin, *, new_limit: int) -> None:
    """Set how many distribution buckets a bag may have."""
    _ensure_distribution_lead(ledger, origin)
    limits = ledger.limits
    ensure(new_limit >= limits.min_distribution_buckets_per_bag, PALLET, "DistributionBucketsPerBagLimitTooLow")
    ensure(new_limit <= limits.max_distribution_buckets_per_bag, PALLET, "DistributionBucketsPerBagLimitTooHigh")
    ledger.distribution_buckets_per_bag.value = new_limit
    ledger.emit(PALLET, "DistributionBucketsPerBagLimitUpdated", new_limit)


def update_distribution_bucket_mode(ledger: Ledger, origin: Origin, *, bucket_id: str, distributing: bool) -> None:
    """Set whether a bucket delivers."""
    _ensure_distribution_lead(ledger, origin)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    ledger.distribution_buckets[key] = replace(bucket, distributing=distributing)
    ledger.emit(PALLET, "DistributionBucketModeUpdated", bucket_id, distributing)


def update_families_in_dynamic_bag_creation_policy(
    ledger: Ledger, origin: Origin, *, dynamic_bag_type: str, families: Mapping[int, int]
) -> None:
    """Set how many buckets of which families a new bag of the kind gets."""
    _ensure_distribution_lead(ledger, origin)
    wanted = {family_id: number for family_id, number in families.items() if number}
    limits = ledger.limits
    ensure(
        len(wanted) <= limits.max_distribution_buckets_per_bag
        and limits.min_distribution_buckets_per_bag <= sum(wanted.values()) <= limits.max_distribution_buckets_per_bag,
        PALLET,
        "NumberOfDistributionBucketsOutsideOfAllowedContraints",
    )
    for family_id in wanted:
        _find_family(ledger, family_id)
    ledger.policies[dynamic_bag_type] = replace(find_policy(ledger, dynamic_bag_type), families=wanted)
    ledger.emit(PALLET, "FamiliesInDynamicBagCreationPolicyUpdated", dynamic_bag_type, dict(families))


def invite_distribution_bucket_operator(
    ledger: Ledger, origin: Origin, *, bucket_id: str, operator_worker_id: int
) -> None:
    """Ask a worker to run a bucket."""
    _ensure_distribution_lead(ledger, origin)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    is_worker = operator_worker_id in ledger.distribution_group.workers
    ensure(is_worker, PALLET, "DistributionProviderOperatorDoesntExist")
    invited = operator_worker_id in bucket.pending_invitations
    ensure(not invited, PALLET, "DistributionProviderOperatorAlreadyInvited")
    ensure(operator_worker_id not in bucket.operators, PALLET, "DistributionProviderOperatorSet")
    ensure(
        len(bucket.pending_invitations) < ledger.limits.max_pending_invitations,
        PALLET,
        "MaxNumberOfPendingInvitationsLimitForDistributionBucketReached",
    )
    invitations = bucket.pending_invitations | {operator_worker_id}
    ledger.distribution_buckets[key] = replace(bucket, pending_invitations=invitations)
    ledger.emit(PALLET, "DistributionBucketOperatorInvited", bucket_id, operator_worker_id)


def cancel_distribution_bucket_operator_invite(
    ledger: Ledger, origin: Origin, *, bucket_id: str, operator_worker_id: int
) -> None:
    """Take an invitation back."""
    _ensure_distribution_lead(ledger, origin)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    ensure(operator_worker_id in bucket.pending_invitations, PALLET, "NoDistributionBucketInvitation")
    invitations = bucket.pending_invitations - {operator_worker_id}
    ledger.distribution_buckets[key] = replace(bucket, pending_invitations=invitations)
    ledger.emit(PALLET, "DistributionBucketInvitationCancelled", bucket_id, operator_worker_id)


def remove_distribution_bucket_operator(
    ledger: Ledger, origin: Origin, *, bucket_id: str, operator_worker_id: int
) -> None:
    """Dismiss one of a bucket's operators."""
    _ensure_distribution_lead(ledger, origin)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    ensure(operator_worker_id in bucket.operators, PALLET, "MustBeDistributionProviderOperatorForBucket")
    ledger.distribution_buckets[key] = replace(bucket, operators=bucket.operators - {operator_worker_id})
    ledger.emit(PALLET, "DistributionBucketOperatorRemoved", bucket_id, operator_worker_id)


def set_distribution_bucket_family_metadata(ledger: Ledger, origin: Origin, *, family_id: int, metadata: bytes) -> None:
    """Describe a family; only the event carries it."""
    _ensure_distribution_lead(ledger, origin)
    _find_family(ledger, family_id)
    ledger.emit(PALLET, "DistributionBucketFamilyMetadataSet", family_id, metadata)
