"""What nodes need to know from a query node."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from joygrpc.query_node.facts import (
    BagFacts,
    DistributionBucketFacts,
    FamilyFacts,
    ObjectFacts,
    QueryNodeStatus,
    StorageBucketFacts,
)


class QueryNodePort(Protocol):
    """The indexed facts of the chain.

    Every answer is whole: when a part of it cannot be had, or is not to be trusted, the method raises `QueryNodeError`.

    Pages hold at most `limit` entries in the text order of their ids, all after `after`; the listing ends with an empty
    page, so a short one says nothing. `storage_bucket_ids` and `distribution_bucket_ids` narrow a page to the bags that
    are assigned to one of the buckets of either kind (or to objects in them); without them nothing is left out, and an
    empty collection assigns nothing.
    """

    async def status(self) -> QueryNodeStatus: ...

    async def storage_buckets(self) -> tuple[StorageBucketFacts, ...]: ...

    async def distribution_buckets(self) -> tuple[DistributionBucketFacts, ...]: ...

    async def families(self) -> tuple[FamilyFacts, ...]: ...

    async def bag(self, bag_id: str) -> BagFacts | None: ...

    async def bags_page(
        self,
        after: str | None,
        limit: int,
        *,
        storage_bucket_ids: Collection[int] | None = None,
        distribution_bucket_ids: Collection[str] | None = None,
    ) -> tuple[BagFacts, ...]: ...

    async def object(self, object_id: int) -> ObjectFacts | None: ...

    async def objects_by_ids(self, object_ids: Collection[int]) -> tuple[ObjectFacts, ...]:
        """Those of the objects that exist, in no order that means anything."""
        ...

    async def objects(self, bag_ids: Collection[str]) -> tuple[ObjectFacts, ...]:
        """All objects of the bags."""
        ...

    async def objects_page(
        self,
        after: int | None,
        limit: int,
        *,
        storage_bucket_ids: Collection[int] | None = None,
        distribution_bucket_ids: Collection[str] | None = None,
    ) -> tuple[ObjectFacts, ...]: ...

    async def deleted_objects(self, object_ids: Collection[int]) -> frozenset[int]:
        """Those of the objects whose deletion the query node has recorded."""
        ...
