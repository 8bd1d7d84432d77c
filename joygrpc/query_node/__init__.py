"""The query node's facts, typed: `QueryNodePort` is what nodes need, `QueryNodeClient` gets it over GraphQL."""

from joygrpc.query_node.client import QueryNodeClient
from joygrpc.query_node.errors import QueryNodeError, QueryNodeMalformed, QueryNodeUnavailable
from joygrpc.query_node.facts import (
    BagFacts,
    DistributionBucketFacts,
    DistributionOperatorFacts,
    DistributionOperatorStatus,
    FamilyFacts,
    ObjectFacts,
    QueryNodeStatus,
    StorageBucketFacts,
    StorageOperatorStatus,
)
from joygrpc.query_node.port import QueryNodePort

__all__ = [
    "BagFacts",
    "DistributionBucketFacts",
    "DistributionOperatorFacts",
    "DistributionOperatorStatus",
    "FamilyFacts",
    "ObjectFacts",
    "QueryNodeClient",
    "QueryNodeError",
    "QueryNodeMalformed",
    "QueryNodePort",
    "QueryNodeStatus",
    "QueryNodeUnavailable",
    "StorageBucketFacts",
    "StorageOperatorStatus",
]
