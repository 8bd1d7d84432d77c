"""A query node behind a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from joygrpc.devnet.faults import Faults
from joygrpc.devnet.query_node import QueryNode

from .blocks import STORY, Chain

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def node(faults: Faults) -> QueryNode:
    return QueryNode(faults)


@pytest.fixture
def chain(node: QueryNode) -> Chain:
    return Chain(node)


@pytest.fixture
async def story(chain: Chain) -> Chain:
    for events in STORY:
        await chain.block(*events)
    return chain


@pytest.fixture
async def url(node: QueryNode) -> AsyncIterator[str]:
    app = web.Application()
    node.add_routes(app)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/graphql"))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def ask(url: str, http: aiohttp.ClientSession) -> Ask:
    """Posts a query with its variables; the data of an answer without errors."""

    async def ask(query: str, **variables: object) -> Any:
        async with http.post(url, json={"query": query, "variables": variables}) as response:
            body = await response.json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    return ask
