"""The typed client of the query node."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from joygrpc.query_node import queries, rows
from joygrpc.query_node.errors import QueryNodeMalformed
from joygrpc.query_node.facts import (
    BagFacts,
    DistributionBucketFacts,
    FamilyFacts,
    ObjectFacts,
    QueryNodeStatus,
    StorageBucketFacts,
)
from joygrpc.query_node.transport import GraphQLTransport

_Facts = TypeVar("_Facts")
_Value = TypeVar("_Value", str, int)
_Where = Mapping[str, object]
_Read = Callable[[Mapping[str, Any]], _Facts]

_DEFAULT_TIMEOUT: Final = timedelta(seconds=30)
_DEFAULT_PAGE_SIZE: Final = 1000
_INPUT_LIMIT: Final = 1000
"""Ids that are sent in one query; indexers refuse requests that are too big."""


class QueryNodeClient:
    """Reads facts from a query node in the shape of today's indexer; implements `QueryNodePort`.

    `url` is the GraphQL address, `timeout` the time that each query may take, `page_size` how many rows one query asks for.
    Use as an async context manager. Methods may run at the same time; retrying is the caller's business, and cancelling a
    method leaves the client usable.
    """

    def __init__(self, url: str, timeout: timedelta = _DEFAULT_TIMEOUT, *, page_size: int = _DEFAULT_PAGE_SIZE) -> None:
        if page_size < 1:
            raise ValueError("a page has at least one row")
        self._transport = GraphQLTransport(url, timeout)
        self._page_size = page_size

    def __repr__(self) -> str:
        return f"<QueryNodeClient over {self._transport!r}>"

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)

    async def status(self) -> QueryNodeStatus:
        """How far the indexer has come."""
        return rows.status_facts(await self._transport.ask(queries.STATUS, {}))

    async def storage_buckets(self) -> tuple[StorageBucketFacts, ...]:
        """All storage buckets, ascending by id."""
        found = await self._all(queries.STORAGE_BUCKETS, "storageBuckets", rows.storage_bucket_facts)
        return tuple(sorted(found, key=lambda bucket: bucket.id))

    async def distribution_buckets(self) -> tuple[DistributionBucketFacts, ...]:
        """All distribution buckets."""
        found = await self._all(queries.DISTRIBUTION_BUCKETS, "distributionBuckets", rows.distribution_bucket_facts)
        return tuple(found)

    async def families(self) -> tuple[FamilyFacts, ...]:
        """All families of distribution buckets, ascending by id."""
        found = await self._all(queries.FAMILIES, "distributionBucketFamilies", rows.family_facts)
        return tuple(sorted(found, key=lambda family: family.id))

    async def bag(self, bag_id: str) -> BagFacts | None:
        """The bag, or None when the query node knows of none."""
        data = await self._transport.ask(queries.BAG, {"id": bag_id})
        row = rows.row_or_none(data, "storageBagById")
        if row is None:
            return None
        bag = rows.bag_facts(row)
        _check_asked(bag.id, {bag_id})
        return bag

    async def bags_page(
        self,
        after: str | None,
        limit: int,
        *,
        storage_bucket_ids: Collection[int] | None = None,
        distribution_bucket_ids: Collection[str] | None = None,
    ) -> tuple[BagFacts, ...]:
        """The next bags after an id, in the text order of ids; see `QueryNodePort`."""
        narrowed = _assigned(storage_bucket_ids, distribution_bucket_ids)
        found = await self._page(queries.BAGS, "storageBags", narrowed, after, limit)
        return tuple(rows.bag_facts(row) for row in found)

    async def object(self, object_id: int) -> ObjectFacts | None:
        """The object, or None when the query node knows of none."""
        data = await self._transport.ask(queries.OBJECT, {"id": str(object_id)})
        row = rows.row_or_none(data, "storageDataObjectById")
        if row is None:
            return None
        facts = rows.object_facts(row)
        _check_asked(facts.id, {object_id})
        return facts

    async def objects_by_ids(self, object_ids: Collection[int]) -> tuple[ObjectFacts, ...]:
        """Those of the objects that exist."""
        found: list[ObjectFacts] = []
        for batch in _batches(sorted(set(object_ids))):
            where = {"id_in": [str(object_id) for object_id in batch]}
            part = await self._all(queries.OBJECTS, "storageDataObjects", rows.object_facts, where, at_most=len(batch))
            wanted = set(batch)
            for facts in part:
                _check_asked(facts.id, wanted)
            found += part
        return tuple(found)

    async def objects(self, bag_ids: Collection[str]) -> tuple[ObjectFacts, ...]:
        """All objects of the bags."""
        found: list[ObjectFacts] = []
        for batch in _batches(sorted(set(bag_ids))):
            where = {"storageBag": {"id_in": batch}}
            part = await self._all(queries.OBJECTS, "storageDataObjects", rows.object_facts, where)
            wanted = set(batch)
            for facts in part:
                _check_asked(facts.bag_id, wanted)
            found += part
        return tuple(found)

    async def objects_page(
        self,
        after: int | None,
        limit: int,
        *,
        storage_bucket_ids: Collection[int] | None = None,
        distribution_bucket_ids: Collection[str] | None = None,
    ) -> tuple[ObjectFacts, ...]:
        """The next objects after an id, in the text order of ids; see `QueryNodePort`."""
        narrowed = _assigned(storage_bucket_ids, distribution_bucket_ids)
        where = None if narrowed is None else {"storageBag": narrowed}
        text = None if after is None else str(after)
        found = await self._page(queries.OBJECTS, "storageDataObjects", where, text, limit)
        return tuple(rows.object_facts(row) for row in found)

    async def deleted_objects(self, object_ids: Collection[int]) -> frozenset[int]:
        """Those of the objects whose deletion the query node has recorded."""
        found: set[int] = set()
        for batch in _batches(sorted(set(object_ids))):
            ids = [str(object_id) for object_id in batch]
            where = {"data": {"isTypeOf_eq": "DataObjectDeletedEventData", "dataObjectId_in": ids}}
            deleted = await self._all(queries.DELETIONS, "events", rows.deleted_object_id, where)
            wanted = set(batch)
            for object_id in deleted:
                _check_asked(object_id, wanted)
            found.update(deleted)
        return frozenset(found)

    async def _all(
        self, query: str, root: str, read: _Read[_Facts], where: _Where | None = None, at_most: int | None = None
    ) -> list[_Facts]:
        """A whole list, page by page until `at_most` rows or an empty page: an indexer may have a lower limit than ours."""
        found: list[_Facts] = []
        seen: set[str] = set()
        after: str | None = None
        while len(found) != at_most and (page := await self._page(query, root, where, after, self._page_size)):
            ids = {rows.row_id(row) for row in page}
            if not seen.isdisjoint(ids):
                raise QueryNodeMalformed(f"{root} repeats rows of an earlier page")
            seen |= ids
            found += (read(row) for row in page)
            after = rows.row_id(page[-1])
        return found

    async def _page(
        self, query: str, root: str, where: _Where | None, after: str | None, limit: int
    ) -> list[Mapping[str, Any]]:
        """At most `limit` rows whose ids come after `after`."""
        if limit < 1:
            raise ValueError("a page has at least one row")
        condition = {**(where or {}), **({} if after is None else {"id_gt": after})}
        data = await self._transport.ask(query, {"where": condition or None, "limit": limit})
        page = rows.rows_of(data, root)
        ids = {rows.row_id(row) for row in page}
        if len(page) > limit or len(ids) < len(page) or after in ids:
            raise QueryNodeMalformed(f"{root} did not answer with one page of distinct rows")
        return page


def _assigned(
    storage_bucket_ids: Collection[int] | None, distribution_bucket_ids: Collection[str] | None
) -> _Where | None:
    """The condition on a bag that it is assigned to one of the buckets; None when nothing was asked for."""
    either: list[dict[str, object]] = []
    if storage_bucket_ids is not None:
        ids = [str(bucket_id) for bucket_id in sorted(storage_bucket_ids)]
        either.append({"storageBuckets_some": {"storageBucket": {"id_in": ids}}})
    if distribution_bucket_ids is not None:
        either.append({"distributionBuckets_some": {"distributionBucket": {"id_in": sorted(distribution_bucket_ids)}}})
    if not either:
        return None
    # Indexers take a bare OR beside other conditions as an alternative to them, so it stands inside an AND.
    return either[0] if len(either) == 1 else {"AND": [{"OR": either}]}


def _batches(values: Sequence[_Value]) -> Iterator[list[_Value]]:
    rest = iter(values)
    while batch := list(islice(rest, _INPUT_LIMIT)):
        yield batch


def _check_asked(value: _Value, wanted: Collection[_Value]) -> None:
    if value not in wanted:
        raise QueryNodeMalformed(f"the answer is about {value!r}, which was not asked for")
