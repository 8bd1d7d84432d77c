"""Calls of distribution operators: taking a bucket over and describing it."""

from __future__ import annotations

from dataclasses import replace

from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.distribution_lead import PALLET, bucket_key, find_distribution_bucket
from joygrpc.devnet.ledger.failures import ensure
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.working_groups import ensure_worker


def _ensure_operator(ledger: Ledger, bucket_id: str, worker_id: int) -> None:
    bucket = find_distribution_bucket(ledger, bucket_key(bucket_id))
    ensure(worker_id in bucket.operators, PALLET, "MustBeDistributionProviderOperatorForBucket")


def accept_distribution_bucket_invitation(ledger: Ledger, origin: Origin, *, worker_id: int, bucket_id: str) -> None:
    """Become an operator of a bucket."""
    ensure_worker(ledger.distribution_group, origin, worker_id)
    key = bucket_key(bucket_id)
    bucket = find_distribution_bucket(ledger, key)
    ensure(worker_id in bucket.pending_invitations, PALLET, "NoDistributionBucketInvitation")
    ensure(
        len(bucket.operators) < ledger.limits.max_distribution_operators,
        PALLET,
        "MaxNumberOfOperatorsPerDistributionBucketReached",
    )
    ledger.distribution_buckets[key] = replace(
        bucket,
        pending_invitations=bucket.pending_invitations - {worker_id},
        operators=bucket.operators | {worker_id},
    )
    ledger.emit(PALLET, "DistributionBucketInvitationAccepted", worker_id, bucket_id)


def set_distribution_operator_metadata(
    ledger: Ledger, origin: Origin, *, worker_id: int, bucket_id: str, metadata: bytes
) -> None:
    """Say where the operator's node is; only the event carries it."""
    ensure_worker(ledger.distribution_group, origin, worker_id)
    _ensure_operator(ledger, bucket_id, worker_id)
    ledger.emit(PALLET, "DistributionBucketMetadataSet", worker_id, bucket_id, metadata)


def distribution_operator_remark(
    ledger: Ledger, origin: Origin, *, worker_id: int, distribution_bucket_id: str, msg: bytes
) -> None:
    """A message of a bucket's operator."""
    ensure_worker(ledger.distribution_group, origin, worker_id)
    _ensure_operator(ledger, distribution_bucket_id, worker_id)
    ledger.emit(PALLET, "DistributionOperatorRemarked", worker_id, distribution_bucket_id, msg)
