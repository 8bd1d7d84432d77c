"""The queries that nodes ask, in the schema of today's indexer. Every list has a limit."""

from __future__ import annotations

from functools import cache
from typing import Final

from graphql import DocumentNode, parse

LINK_LIMIT: Final = 200
"""Buckets of a bag and operators of a bucket that are asked for: more than the chain allows, so reaching it is an error.

Indexers that bound the size of answers multiply the limits of nested lists, hence no larger number.
"""

FAMILY_LIMIT: Final = 1000
"""Buckets of a family that are asked for; reaching it is an error too."""

_OBJECT: Final = """
id size ipfsHash isAccepted storageBag { id }
type { ... on DataObjectTypeVideoSubtitle { subtitle { mimeType } } }
"""
_BAG: Final = f"""
id
storageBuckets(limit: {LINK_LIMIT}) {{ storageBucket {{ id }} }}
distributionBuckets(limit: {LINK_LIMIT}) {{ distributionBucket {{ id }} }}
"""

STATUS: Final = "query Status { squidStatus { height } squidVersion { version } }"

STORAGE_BUCKETS: Final = """
query StorageBuckets($where: StorageBucketWhereInput, $limit: Int!) {
  storageBuckets(where: $where, orderBy: id_ASC, limit: $limit) {
    id acceptingNewBags
    operatorMetadata { nodeEndpoint extra }
    operatorStatus {
      __typename
      ... on StorageBucketOperatorStatusInvited { workerId }
      ... on StorageBucketOperatorStatusActive { workerId transactorAccountId }
    }
  }
}
"""

DISTRIBUTION_BUCKETS: Final = f"""
query DistributionBuckets($where: DistributionBucketWhereInput, $limit: Int!) {{
  distributionBuckets(where: $where, orderBy: id_ASC, limit: $limit) {{
    id acceptingNewBags distributing
    operators(limit: {LINK_LIMIT}) {{ workerId status metadata {{ nodeEndpoint extra }} }}
  }}
}}
"""

FAMILIES: Final = f"""
query Families($where: DistributionBucketFamilyWhereInput, $limit: Int!) {{
  distributionBucketFamilies(where: $where, orderBy: id_ASC, limit: $limit) {{
    id
    buckets(limit: {FAMILY_LIMIT}) {{ id }}
    metadata {{ region description latencyTestTargets }}
  }}
}}
"""

BAG: Final = f"query Bag($id: String!) {{ storageBagById(id: $id) {{ {_BAG} }} }}"

BAGS: Final = f"""
query Bags($where: StorageBagWhereInput, $limit: Int!) {{
  storageBags(where: $where, orderBy: id_ASC, limit: $limit) {{ {_BAG} }}
}}
"""

OBJECT: Final = f"query Object($id: String!) {{ storageDataObjectById(id: $id) {{ {_OBJECT} }} }}"

OBJECTS: Final = f"""
query Objects($where: StorageDataObjectWhereInput, $limit: Int!) {{
  storageDataObjects(where: $where, orderBy: id_ASC, limit: $limit) {{ {_OBJECT} }}
}}
"""

DELETIONS: Final = """
query Deletions($where: EventWhereInput, $limit: Int!) {
  events(where: $where, orderBy: id_ASC, limit: $limit) {
    id
    data { ... on DataObjectDeletedEventData { dataObjectId } }
  }
}
"""


@cache
def document(query: str) -> DocumentNode:
    """The query, parsed once."""
    return parse(query)
