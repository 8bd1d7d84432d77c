"""What the query node says, as plain facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StorageOperatorStatus = Literal["missing", "invited", "active"]
DistributionOperatorStatus = Literal["invited", "active"]


@dataclass(frozen=True, slots=True)
class QueryNodeStatus:
    """How far the indexer has come: `height` is the number of the last block it processed."""

    height: int
    version: str


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """A data object. `size` is in bytes, `multihash` the text that the chain keeps."""

    id: int
    size: int
    multihash: str
    bag_id: str
    is_accepted: bool
    fallback_media_type: str | None = None
    """Media type that the metadata of a video's subtitle names; None for all other objects."""


@dataclass(frozen=True, slots=True)
class BagFacts:
    """A bag and the buckets that it is assigned to, ascending; distribution buckets as `family:index`."""

    id: str
    storage_bucket_ids: tuple[int, ...]
    distribution_bucket_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StorageBucketFacts:
    """A storage bucket and its operator. `endpoint` and `extra` are as the operator published them."""

    id: int
    operator_status: StorageOperatorStatus
    worker_id: int | None
    """Worker who is invited or active."""
    transactor: str | None
    """Account that signs for an active operator, in the query node's spelling."""
    endpoint: str | None
    extra: str | None
    accepting_new_bags: bool


@dataclass(frozen=True, slots=True)
class DistributionOperatorFacts:
    """An operator of a distribution bucket. `endpoint` and `extra` are as the operator published them."""

    worker_id: int
    status: DistributionOperatorStatus
    endpoint: str | None
    extra: str | None


@dataclass(frozen=True, slots=True)
class DistributionBucketFacts:
    """A distribution bucket, `id` as `family:index`, and its operators by worker id."""

    id: str
    accepting_new_bags: bool
    distributing: bool
    operators: tuple[DistributionOperatorFacts, ...]


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """A family of distribution buckets, its buckets as `family:index`, and what the lead published about it."""

    id: int
    bucket_ids: tuple[str, ...]
    region: str | None
    description: str | None
    latency_test_targets: tuple[str, ...]
