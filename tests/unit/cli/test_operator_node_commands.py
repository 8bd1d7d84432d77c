"""Commands to a running node: the requests, and the tokens that sign them."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from gateway.errors import RequestRefused
from gateway.operator_tokens import SignedRequest, check_operator_token
from joygrpc.cli.distributor.node.requests import operator_token
from joygrpc.cli.root import root
from joygrpc.supervisor import bind_listener
from joygrpc.telemetry.admin import serving

SECRET = "not so secret"


class Node:
    """An operator API that checks tokens as the gateway does, and keeps what it was asked."""

    url = ""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.refusal: tuple[int, str] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        signed = SignedRequest(request.raw_path, body)
        try:
            check_operator_token(request.headers.get("Authorization"), SECRET.encode(), signed, time.time())
        except RequestRefused as refused:
            return web.json_response({"message": str(refused)}, status=401)
        if self.refusal is not None:
            return web.json_response({"message": self.refusal[1]}, status=self.refusal[0])
        self.asked.append((request.raw_path, body))
        return web.Response()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    app = web.Application()
    app.add_routes([web.post("/{path:.*}", node.handle)])
    async with serving(app, bind_listener("127.0.0.1", 0)) as url:
        node.url = url
        yield node


async def invoke(node: Node, *arguments: str, secret: str = SECRET) -> Result:
    command = ["distributor", *arguments, "-u", node.url]
    return await asyncio.to_thread(CliRunner().invoke, root, command, env={"JOYGRPC_OPERATOR_SECRET": secret})


async def test_each_command_sends_its_request(node: Node) -> None:
    for arguments in (
        ["node:stop-public-api"],
        ["node", "start-public-api"],
        ["node", "shutdown"],
        ["node:set-worker", "-w", "7"],
        ["node:set-buckets", "-B", "0:1", "0:02"],
        ["node:set-buckets", "--all"],
    ):
        result = await invoke(node, *arguments)
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
    assert node.asked == [
        ("/api/v1/stop-api", {}),
        ("/api/v1/start-api", {}),
        ("/api/v1/shutdown", {}),
        ("/api/v1/set-worker", {"workerId": 7}),
        ("/api/v1/set-buckets", {"buckets": ["0:1", "0:2"]}),
        ("/api/v1/set-buckets", {}),
    ]


async def test_a_root_below_a_path_is_signed_as_sent(node: Node) -> None:
    node.url += "/operator/"
    assert (await invoke(node, "node:shutdown")).exit_code == 0
    assert node.asked == [("/operator/api/v1/shutdown", {})]


async def test_refusals_are_told(node: Node) -> None:
    wrong = await invoke(node, "node:shutdown", secret="other")
    assert wrong.exit_code == 20
    assert "invalid signature" in wrong.stderr
    assert "hmacSecret" in wrong.stderr
    node.refusal = (409, "Already stopped")
    again = await invoke(node, "node:stop-public-api")
    assert (again.exit_code, "Already stopped" in again.stderr) == (20, True)


async def test_the_answer_as_json(node: Node) -> None:
    result = await invoke(node, "node:set-worker", "-w", "7", "--output", "json")
    assert '"workerId": 7' in result.stdout


def test_a_token_expires_after_a_minute() -> None:
    token = operator_token(SECRET, "/x", {}, now=1000)
    signed = SignedRequest("/x", {})
    check_operator_token(f"Bearer {token}", SECRET.encode(), signed, 1059)
    with pytest.raises(RequestRefused, match="expired"):
        check_operator_token(f"Bearer {token}", SECRET.encode(), signed, 1060)
