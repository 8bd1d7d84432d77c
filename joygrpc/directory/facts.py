"""Facts of the on-chain directory as nodes use them."""

from dataclasses import dataclass
from typing import Literal

from joygrpc.content import BagId


@dataclass(frozen=True, slots=True)
class DirectoryObject:
    """A data object as query node and chain describe it."""

    object_id: int
    size: int
    multihash: str
    bag_id: BagId
    accepted: bool
    fallback_media_type: str | None = None
    """Media type that the query node names for a video's subtitle; only to be used when sniffing finds none."""


@dataclass(frozen=True, slots=True)
class DirectoryBag:
    """A bag and the buckets that it is assigned to."""

    bag_id: BagId
    storage_buckets: tuple[int, ...]
    distribution_buckets: tuple[str, ...]
    """As `family:index`."""


@dataclass(frozen=True, slots=True)
class DirectoryStorageBucket:
    """A storage bucket and its operator."""

    bucket_id: int
    operator_status: Literal["missing", "invited", "active"]
    worker_id: int | None
    transactor: str | None
    """SS58 text, of an active operator."""
    endpoint: str | None
    """As the operator published it; `extra` too."""
    extra: str | None
    accepting_new_bags: bool


@dataclass(frozen=True, slots=True)
class DirectoryDistributionBucket:
    """A distribution bucket (`family:index`) and the workers who operate it."""

    bucket_id: str
    accepting_new_bags: bool
    distributing: bool
    workers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoragePeer:
    """An active storage bucket of another operator and how to reach its node."""

    bucket_id: int
    worker_id: int
    endpoint: str
    """Root URL for REST."""
    grpc_target: str | None
    """`host:port` of the node's mesh address, or None when it has none."""
    grpc_tls: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryStatus:
    """How fresh and complete the picture is; all heights are 0 when unknown."""

    complete: bool
    directory_height: int
    query_node_height: int
    query_node_version: str
    chain_head: int
    last_error: str
    """Reason token of the last failed refresh; empty when it went well."""


ChangeKind = Literal[
    "object_created", "object_accepted", "object_deleted", "object_moved", "bag_changed", "bucket_changed", "snapshot"
]


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """Something that a finalized block, or a new snapshot, changed in the directory."""

    kind: ChangeKind
    object_ids: tuple[int, ...] = ()
    bag_id: BagId | None = None
