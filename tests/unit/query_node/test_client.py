"""What the client reads."""

from __future__ import annotations

import asyncio

import pytest

from joygrpc.devnet.query_node import QueryNode
from joygrpc.query_node import (
    BagFacts,
    DistributionBucketFacts,
    DistributionOperatorFacts,
    FamilyFacts,
    ObjectFacts,
    QueryNodeClient,
    QueryNodePort,
    QueryNodeStatus,
    StorageBucketFacts,
)

from .conftest import TRANSACTOR, multihash


def test_the_client_is_a_port() -> None:
    port: type[QueryNodePort] = QueryNodeClient
    assert port is QueryNodeClient


async def test_status(client: QueryNodeClient) -> None:
    assert await client.status() == QueryNodeStatus(height=1, version="joygrpc-devnet")


async def test_storage_buckets(client: QueryNodeClient) -> None:
    buckets = await client.storage_buckets()
    assert [bucket.id for bucket in buckets] == list(range(12))
    assert buckets[:3] == (
        StorageBucketFacts(0, "missing", None, None, None, None, accepting_new_bags=True),
        StorageBucketFacts(1, "invited", 7, None, None, None, accepting_new_bags=False),
        StorageBucketFacts(2, "active", 8, TRANSACTOR, "http://a.example/", '{"grpc":"x"}', accepting_new_bags=True),
    )


async def test_distribution_buckets_and_families(client: QueryNodeClient) -> None:
    operators = (
        DistributionOperatorFacts(3, "invited", None, None),
        DistributionOperatorFacts(12, "active", "http://e.example/", None),
    )
    assert await client.distribution_buckets() == (
        DistributionBucketFacts("0:0", accepting_new_bags=True, distributing=True, operators=operators),
        DistributionBucketFacts("1:0", accepting_new_bags=False, distributing=False, operators=()),
    )
    assert await client.families() == (
        FamilyFacts(0, ("0:0",), None, None, ()),
        FamilyFacts(1, ("1:0",), "eu", None, ("t.example",)),
    )


async def test_one_bag_and_one_object(client: QueryNodeClient, node: QueryNode) -> None:
    assert await client.bag("dynamic:channel:1") == BagFacts("dynamic:channel:1", (2, 10), ("0:0", "1:0"))
    assert await client.bag("dynamic:channel:99") is None
    node.set_subtitle(12, "text/vtt")
    assert await client.object(1) == ObjectFacts(1, 101, multihash(1), "dynamic:channel:0", is_accepted=True)
    assert await client.object(12) == ObjectFacts(
        12, 1201, multihash(12), "dynamic:channel:2", is_accepted=False, fallback_media_type="text/vtt"
    )
    assert await client.object(19) is None


async def test_objects_of_bags_and_by_ids(client: QueryNodeClient) -> None:
    in_bags = await client.objects(["dynamic:channel:0", "dynamic:channel:2", "dynamic:channel:99"])
    assert sorted(facts.id for facts in in_bags) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    by_ids = await client.objects_by_ids([3, 3, 18, 19, 2**64 - 1, 5, 6, 7])
    assert sorted(facts.id for facts in by_ids) == [3, 5, 6, 7, 18]
    assert await client.objects([]) == ()
    assert await client.objects_by_ids([]) == ()


async def test_pages_of_objects_end_with_an_empty_one(client: QueryNodeClient) -> None:
    pages: list[list[int]] = []
    after: int | None = None
    while page := await client.objects_page(after, 8):
        pages.append([facts.id for facts in page])
        after = page[-1].id
    # Ids order as text.
    assert pages == [[0, 1, 10, 11, 12, 13, 14, 15], [16, 17, 18, 2, 3, 4, 5, 6], [7, 8, 9]]


async def test_pages_are_narrowed_to_buckets(client: QueryNodeClient) -> None:
    async def bags(**narrowed: list[int] | list[str]) -> list[str]:
        page = await client.bags_page(None, 10, **narrowed)  # type: ignore[arg-type]
        return [bag.id.removeprefix("dynamic:channel:") for bag in page]

    assert await bags() == ["0", "1", "2", "3"]
    assert await bags(storage_bucket_ids=[10]) == ["1", "2"]
    assert await bags(distribution_bucket_ids=["1:0"]) == ["1", "3"]
    assert await bags(storage_bucket_ids=[10], distribution_bucket_ids=["1:0"]) == ["1", "2", "3"]
    assert await bags(storage_bucket_ids=[]) == []
    after_first = await client.bags_page("dynamic:channel:1", 1, storage_bucket_ids=[10])
    assert [bag.id for bag in after_first] == ["dynamic:channel:2"]
    objects = await client.objects_page(11, 3, storage_bucket_ids=[10], distribution_bucket_ids=["0:0"])
    assert [facts.id for facts in objects] == [12, 13, 14]


async def test_deleted_objects(client: QueryNodeClient) -> None:
    assert await client.deleted_objects([1, 19, 99]) == {19}
    assert await client.deleted_objects([]) == frozenset()


async def test_questions_at_the_same_time(client: QueryNodeClient) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.object(object_id)) for object_id in range(19)]
    assert [facts.id for facts in (task.result() for task in tasks) if facts is not None] == list(range(19))


async def test_a_page_has_at_least_one_row(client: QueryNodeClient) -> None:
    with pytest.raises(ValueError, match="at least one"):
        await client.objects_page(None, 0)
    with pytest.raises(ValueError, match="at least one"):
        QueryNodeClient("http://127.0.0.1:1/graphql", page_size=0)
