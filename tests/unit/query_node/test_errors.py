"""Nothing that goes wrong looks like an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from joygrpc.devnet.faults import Faults
from joygrpc.query_node import QueryNodeClient, QueryNodeError, QueryNodeMalformed, QueryNodeUnavailable

Ask = Callable[[QueryNodeClient], Awaitable[object]]

QUESTIONS: dict[str, Ask] = {
    "status": lambda client: client.status(),
    "storage_buckets": lambda client: client.storage_buckets(),
    "distribution_buckets": lambda client: client.distribution_buckets(),
    "families": lambda client: client.families(),
    "bag": lambda client: client.bag("dynamic:channel:0"),
    "bags_page": lambda client: client.bags_page(None, 10),
    "object": lambda client: client.object(1),
    "objects_by_ids": lambda client: client.objects_by_ids([1]),
    "objects": lambda client: client.objects(["dynamic:channel:0"]),
    "objects_page": lambda client: client.objects_page(None, 10),
    "deleted_objects": lambda client: client.deleted_objects([1]),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("http_500", QueryNodeUnavailable),
        ("graphql_error", QueryNodeUnavailable),
        ("null_data", QueryNodeMalformed),
    ],
)
async def test_faults_of_the_query_node_are_errors(
    question: str, fault: str, error: type[QueryNodeError], client: QueryNodeClient, faults: Faults
) -> None:
    faults.query_node_error = fault
    with pytest.raises(error):
        await QUESTIONS[question](client)
    faults.query_node_error = "none"
    await QUESTIONS[question](client)


async def test_a_hanging_query_node_meets_the_time_limit(url: str, faults: Faults) -> None:
    faults.query_node_error = "hang"
    async with QueryNodeClient(url, timedelta(seconds=0.1)) as client:
        with pytest.raises(QueryNodeUnavailable, match=r"no answer within 0\.1 s"):
            await client.status()
        faults.query_node_error = "none"
    async with QueryNodeClient(url) as client:
        assert (await client.status()).height == 1


async def test_nobody_there() -> None:
    client = QueryNodeClient(f"http://127.0.0.1:{unused_port()}/graphql")
    with pytest.raises(QueryNodeUnavailable, match="not open"):
        await client.status()
    async with client:
        with pytest.raises(QueryNodeUnavailable, match="no answer"):
            await client.status()


class Script:
    """A query node that says what it is told to, one answer after the other and the last for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        self.asked: list[dict[str, Any]] = []

        self.arrived = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()

    def say(self, *data: object) -> None:
        self.answers = [(200, json.dumps({"data": one})) for one in data]

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.arrived.set()
        await self.free.wait()
        status, text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, text=text, content_type="application/json")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def scripted(script: Script) -> AsyncIterator[QueryNodeClient]:
    app = web.Application()
    app.router.add_post("/graphql", script.answer)
    async with (
        TestServer(app, host="127.0.0.1") as server,
        QueryNodeClient(str(server.make_url("/graphql")), timedelta(seconds=10), page_size=2) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (200, "<html>hello</html>", QueryNodeMalformed),
        (200, "", QueryNodeMalformed),
        (200, "null", QueryNodeMalformed),
        (200, "[]", QueryNodeMalformed),
        (200, '{"data": []}', QueryNodeMalformed),
        (200, '{"data": {}}', QueryNodeMalformed),
        (200, '{"data": {"storageDataObjects": [], "x": 1}, "errors": [{"message": "half"}]}', QueryNodeUnavailable),
        (400, '{"errors": [{"message": "unknown field"}]}', QueryNodeUnavailable),
        # The status says no, whatever the body says.
        (502, '{"data": {"storageDataObjects": []}}', QueryNodeUnavailable),
    ],
)
async def test_bodies_that_are_no_answers(
    status: int, text: str, error: type[QueryNodeError], script: Script, scripted: QueryNodeClient
) -> None:
    script.answers = [(status, text)]
    with pytest.raises(error):
        await scripted.objects_page(None, 2)


def row(object_id: str = "1", **changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "id": object_id,
        "size": "5",
        "ipfsHash": "gW9",
        "isAccepted": True,
        "storageBag": {"id": "dynamic:channel:0"},
        "type": None,
    }
    return {**good, **changes}


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        {},
        row("01"),
        row("-1"),
        row("x"),
        row("18446744073709551616"),
        row(id=1),
        row(size=5),
        row(size="five"),
        row(size="\u0665"),
        row(size=None),
        row(ipfsHash=None),
        row(isAccepted="true"),
        row(storageBag=None),
        row(storageBag={}),
        row(type={"subtitle": {"mimeType": None}}),
        row(type="DataObjectTypeVideoSubtitle"),
    ],
)
async def test_malformed_rows(bad: object, script: Script, scripted: QueryNodeClient) -> None:
    script.say({"storageDataObjects": [row("0"), bad]})
    with pytest.raises(QueryNodeMalformed):
        await scripted.objects_page(None, 2)


@pytest.mark.parametrize(
    "page",
    [
        [row("1"), row("1")],
        [row("1"), row("2"), row("3")],
        [row("5"), row("6")],
    ],
)
async def test_pages_that_are_not_what_was_asked_for(
    page: list[dict[str, object]], script: Script, scripted: QueryNodeClient
) -> None:
    script.say({"storageDataObjects": page})
    with pytest.raises(QueryNodeMalformed, match="one page of distinct rows"):
        await scripted.objects_page(5, 2)


async def test_lists_go_on_until_an_empty_page(script: Script, scripted: QueryNodeClient) -> None:
    """An indexer with a lower limit than ours cuts every page; that must not look like the end."""
    bag = ["dynamic:channel:0"]
    script.say(*({"storageDataObjects": [row(one)] if one else []} for one in ("1", "2", "")))
    assert [facts.id for facts in await scripted.objects(bag)] == [1, 2]
    assert [asked["variables"]["where"].get("id_gt") for asked in script.asked] == [None, "1", "2"]
    assert {asked["variables"]["limit"] for asked in script.asked} == {2}


async def test_lists_that_run_in_circles(script: Script, scripted: QueryNodeClient) -> None:
    script.say(*({"storageDataObjects": [row(one)]} for one in ("1", "2", "1")))
    with pytest.raises(QueryNodeMalformed, match="repeats rows"):
        await scripted.objects(["dynamic:channel:0"])


async def test_an_error_on_a_later_page_loses_nothing_silently(script: Script, scripted: QueryNodeClient) -> None:
    script.say({"storageDataObjects": [row("1")]}, None)
    with pytest.raises(QueryNodeMalformed):
        await scripted.objects(["dynamic:channel:0"])


async def test_answers_about_something_else(script: Script, scripted: QueryNodeClient) -> None:
    script.say({"storageDataObjects": [row("1")]}, {"storageDataObjects": []})
    with pytest.raises(QueryNodeMalformed, match="not asked for"):
        await scripted.objects_by_ids([2])
    script.say({"storageDataObjects": [row("1")]}, {"storageDataObjects": []})
    with pytest.raises(QueryNodeMalformed, match="not asked for"):
        await scripted.objects(["dynamic:channel:9"])
    script.say({"storageDataObjectById": row("1")})
    with pytest.raises(QueryNodeMalformed, match="not asked for"):
        await scripted.object(2)


async def test_object_types_of_another_kind_name_no_media_type(script: Script, scripted: QueryNodeClient) -> None:
    script.say({"storageDataObjectById": row("1", type={})})
    facts = await scripted.object(1)
    assert facts is not None
    assert facts.fallback_media_type is None


async def test_nested_lists_that_may_have_been_cut(script: Script, scripted: QueryNodeClient) -> None:
    links = [{"storageBucket": {"id": str(number)}} for number in range(200)]
    script.say({"storageBagById": {"id": "static:council", "storageBuckets": links, "distributionBuckets": []}})
    with pytest.raises(QueryNodeMalformed, match="200 rows"):
        await scripted.bag("static:council")


async def test_unknown_states_of_operators(script: Script, scripted: QueryNodeClient) -> None:
    bucket = {"id": "1", "acceptingNewBags": True, "operatorMetadata": None}
    script.say({"storageBuckets": [{**bucket, "operatorStatus": {"__typename": "StorageBucketOperatorStatusAway"}}]})
    with pytest.raises(QueryNodeMalformed, match="StatusAway"):
        await scripted.storage_buckets()
    operator = {"workerId": 1, "status": "AWAY", "metadata": None}
    bucket = {"id": "0:1", "acceptingNewBags": True, "distributing": True, "operators": [operator]}
    script.say({"distributionBuckets": [bucket]})
    with pytest.raises(QueryNodeMalformed, match="AWAY"):
        await scripted.distribution_buckets()
    script.say({"distributionBuckets": [{**bucket, "id": "0-1"}]})
    with pytest.raises(QueryNodeMalformed, match="not a distribution bucket id"):
        await scripted.distribution_buckets()


async def test_cancelling_a_question_leaves_the_client_usable(script: Script, scripted: QueryNodeClient) -> None:
    script.say({"storageDataObjectById": None})
    script.free.clear()
    question = asyncio.create_task(scripted.object(1))
    await script.arrived.wait()
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    script.free.set()
    assert await scripted.object(1) is None
