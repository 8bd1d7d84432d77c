"""GraphQL over HTTP, and how it fails on command."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from graphql import build_client_schema, get_introspection_query

from joygrpc.devnet.faults import Faults
from joygrpc.devnet.query_node import QueryNode

from .blocks import Chain, event
from .conftest import Ask


async def test_get_with_variables(story: Chain, url: str, http: aiohttp.ClientSession) -> None:
    query = "query Q($id: String!) { storageBucketById(id: $id) { id } } query R { squidStatus { height } }"
    asked = {"query": query, "variables": json.dumps({"id": "3"}), "operationName": "Q"}
    async with http.get(url, params=asked) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert await response.json() == {"data": {"storageBucketById": {"id": "3"}}}
    async with http.get(url, params={"query": "{ squidStatus { height } }"}) as response:
        assert await response.json() == {"data": {"squidStatus": {"height": story.number}}}


async def test_preflight_allows_any_origin(url: str, http: aiohttp.ClientSession) -> None:
    async with http.options(url, headers={"Origin": "http://app.example"}) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in response.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Bad request"),
        ("[]", "not a JSON object"),
        ("{}", "no query"),
        ('{"query": "{ squidStatus { height } }", "variables": 1}', "variables"),
        ('{"query": "{ squidStatus { height "}', "Syntax Error"),
        ('{"query": "{ nothing }"}', "Cannot query field 'nothing'"),
        ('{"query": "query ($a: Int!) { storageBuckets(limit: $a) { id } }"}', "'$a'"),
        ('{"query": "{ storageBuckets(limit: -1) { id } }"}', "negative"),
        ('{"query": "{ eventsConnection(orderBy: id_ASC, after: \\"x\\") { totalCount } }"}', "invalid cursor"),
    ],
)
async def test_bad_requests_are_named(body: str, message: str, url: str, http: aiohttp.ClientSession) -> None:
    async with http.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
        assert message in (await response.json())["errors"][0]["message"]


async def test_introspection(ask: Ask) -> None:
    schema = build_client_schema(await ask(get_introspection_query()))
    assert schema.query_type is not None
    assert {"storageBuckets", "storageBagsConnection", "distributionBucketById", "squidStatus"} <= set(
        schema.query_type.fields
    )


async def test_connection_counts_and_pages(story: Chain, ask: Ask) -> None:
    query = """query ($first: Int, $after: String) {
      storageBucketsConnection(orderBy: [id_ASC], first: $first, after: $after) {
        totalCount edges { cursor node { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }"""
    first = (await ask(query, first=3))["storageBucketsConnection"]
    assert first == {
        "totalCount": 4,
        "edges": [{"cursor": str(n + 1), "node": {"id": str(n)}} for n in range(3)],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False, "startCursor": "1", "endCursor": "3"},
    }
    last = (await ask(query, first=3, after="3"))["storageBucketsConnection"]
    assert last["edges"] == [{"cursor": "4", "node": {"id": "3"}}]
    assert last["pageInfo"]["hasNextPage"] is False
    assert last["pageInfo"]["hasPreviousPage"] is True


async def test_nested_lists_take_arguments(story: Chain, ask: Ask) -> None:
    data = await ask(
        """query { storageBags(where: { id_eq: "dynamic:channel:1" }) {
          objects(where: { isAccepted_eq: true }, orderBy: size_DESC, limit: 1) { id }
          storageBuckets(limit: 1, offset: 1) { storageBucket { id } }
        } }"""
    )
    assert data["storageBags"] == [{"objects": [{"id": "1"}], "storageBuckets": [{"storageBucket": {"id": "3"}}]}]


async def test_numbers_and_moments_in_filters(story: Chain, ask: Ask) -> None:
    data = await ask(
        """query ($size: BigInt, $at: DateTime) {
          text: storageDataObjects(where: { size_gte: "300" }) { id }
          number: storageDataObjects(where: { size_gte: 300 }) { id }
          variable: storageDataObjects(where: { size_gte: $size }) { id }
          moment: storageDataObjects(where: { createdAt_lt: $at }) { id }
        }""",
        size="300",
        at="2023-11-14T22:13:38Z",
    )
    assert data["text"] == data["number"] == data["variable"] == [{"id": "2"}]
    assert data["moment"] == []


async def test_requests_of_many_ids_are_read(ask: Ask) -> None:
    ids = [str(10**18 + number) for number in range(100_000)]
    data = await ask("query ($ids: [String!]) { storageDataObjects(where: { id_in: $ids }) { id } }", ids=ids)
    assert data == {"storageDataObjects": []}


async def test_lag_holds_blocks_back(chain: Chain, faults: Faults, ask: Ask, node: QueryNode) -> None:
    faults.query_node_lag_blocks = 2
    for number in range(4):
        await chain.block(event("StorageBucketCreated", number, None, True, 0, 0))
    query = "{ squidStatus { height } storageBuckets { id } }"
    assert await ask(query) == {"squidStatus": {"height": 2}, "storageBuckets": [{"id": "0"}, {"id": "1"}]}
    # More lag does not turn time back; less is caught up without a new block.
    faults.query_node_lag_blocks = 3
    assert node.height == 2
    faults.query_node_lag_blocks = 0
    assert (await ask(query))["squidStatus"] == {"height": 4}
    assert repr(node) == "<QueryNode at block 4 of 4>"


async def test_blocks_come_in_order(chain: Chain) -> None:
    await chain.block()
    chain.number = 0
    with pytest.raises(ValueError, match="does not follow"):
        await chain.block()
    chain.number = 5
    with pytest.raises(ValueError, match="does not follow"):
        await chain.block()


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ("http_500", 500, "Internal Server Error"),
        ("graphql_error", 200, '{"errors":[{"message":"Internal server error"}],"data":null}'),
        ("null_data", 200, '{"data":null}'),
    ],
)
async def test_error_faults(
    fault: str, status: int, body: str, faults: Faults, url: str, http: aiohttp.ClientSession
) -> None:
    faults.query_node_error = fault
    async with http.post(url, json={"query": "{ squidStatus { height } }"}) as response:
        assert (response.status, await response.text()) == (status, body)


async def test_a_hanging_node_does_not_answer(faults: Faults, url: str, http: aiohttp.ClientSession) -> None:
    faults.query_node_error = "hang"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await http.post(url, json={"query": "{ squidStatus { height } }"})
