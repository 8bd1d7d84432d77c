"""The node's local copy of the on-chain directory, kept fresh from query node and chain."""

from joygrpc.directory.config import DirectoryConfig, DirectoryScope
from joygrpc.directory.directory import Directory
from joygrpc.directory.errors import DirectoryError, DirectoryNotReady, DirectoryUnusable, SnapshotFailed
from joygrpc.directory.facts import (
    ChangeKind,
    DirectoryBag,
    DirectoryChange,
    DirectoryDistributionBucket,
    DirectoryObject,
    DirectoryStatus,
    DirectoryStorageBucket,
    StoragePeer,
)
from joygrpc.directory.subscriptions import ChangeSubscription
from joygrpc.query_node import QueryNodeUnavailable

__all__ = [
    "ChangeKind",
    "ChangeSubscription",
    "Directory",
    "DirectoryBag",
    "DirectoryChange",
    "DirectoryConfig",
    "DirectoryDistributionBucket",
    "DirectoryError",
    "DirectoryNotReady",
    "DirectoryObject",
    "DirectoryScope",
    "DirectoryStatus",
    "DirectoryStorageBucket",
    "DirectoryUnusable",
    "QueryNodeUnavailable",
    "SnapshotFailed",
    "StoragePeer",
]
