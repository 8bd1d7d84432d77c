import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from click.testing import CliRunner

from joygrpc.cli.doctor.check import Check, Finding, Status, run_checks
from joygrpc.cli.doctor.machine import DiskSpace, OpenFiles, ProcessHandles, PythonVersion, TreeImplementation
from joygrpc.cli.doctor.network import ChainReachable, QueryNodeReachable
from joygrpc.cli.root import root
from joygrpc.supervisor import bind_listener
from joygrpc.telemetry.admin import serving


class Network:
    """A chain node and a query node that answer what the checks ask."""

    def __init__(self) -> None:
        self.syncing = False
        self.graphql: dict[str, Any] = {"data": {"squidStatus": {"height": 41}}}
        self.status = 200
        self.url = ""

    async def chain(self, request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        results = {
            "system_chain": "Joystream",
            "system_health": {"peers": 3, "isSyncing": self.syncing},
            "chain_getFinalizedHead": "0x01",
            "chain_getHeader": {"number": "0x2a"},
        }
        async for message in connection:
            assert message.type is WSMsgType.TEXT
            call = message.json()
            await connection.send_json({"jsonrpc": "2.0", "id": call["id"], "result": results[call["method"]]})
        return connection

    async def query_node(self, request: web.Request) -> web.Response:
        return web.json_response(self.graphql, status=self.status)


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    network = Network()
    app = web.Application()
    app.add_routes([web.get("/chain", network.chain), web.post("/graphql", network.query_node)])
    async with serving(app, bind_listener("127.0.0.1", 0)) as url:
        network.url = url
        yield network


async def test_a_chain_in_step_is_well(network: Network) -> None:
    finding = await ChainReachable(f"{network.url}/chain").run()
    assert finding == Finding(Status.OK, "Joystream, finalized block 42, 3 peers")
    network.syncing = True
    assert (await ChainReachable(f"{network.url}/chain").run()).status is Status.WARNING


async def test_a_query_node_of_today_is_well(network: Network) -> None:
    check = QueryNodeReachable(f"{network.url}/graphql")
    assert await check.run() == Finding(Status.OK, "processed up to block 41")
    network.graphql = {"errors": [{"message": "no such field"}]}
    assert (await check.run()).status is Status.FAILURE
    network.status = 502
    assert (await check.run()).summary == "HTTP status 502"


class Hanging:
    name = "hanging"

    async def run(self) -> Finding:
        import asyncio

        await asyncio.Event().wait()
        return Finding(Status.OK, "")


async def test_checks_that_fail_or_hang_are_failures() -> None:
    with bind_listener("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    checks: list[Check] = [QueryNodeReachable(f"http://127.0.0.1:{port}/"), Hanging(), PythonVersion()]
    found = await run_checks(checks, timedelta(seconds=0.2))
    assert [(name, finding.status) for name, finding in found] == [
        ("query node", Status.FAILURE),
        ("hanging", Status.FAILURE),
        ("Python", Status.OK),
    ]
    assert "Cannot connect" in found[0][1].summary
    assert found[1][1].summary == "no answer within 0.2 s"


async def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    assert (await PythonVersion(least=(9, 0)).run()).status is Status.FAILURE
    assert (await ProcessHandles().run()).status is Status.OK
    assert (await OpenFiles(least=1 << 62).run()).status is Status.WARNING
    assert (await TreeImplementation().run()).status in {Status.OK, Status.WARNING}
    assert (await DiskSpace(tmp_path / "not" / "there", least_bytes=0).run()).status is Status.OK
    assert (await DiskSpace(tmp_path, least_bytes=1 << 62).run()).status is Status.WARNING


async def test_a_place_that_cannot_hold_data_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert (await DiskSpace(tmp_path / "file" / "data").run()).status is Status.FAILURE
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        assert (await DiskSpace(tmp_path).run()).status is Status.FAILURE


def test_the_report_is_json_and_the_exit_code_tells(tmp_path: Path) -> None:
    good = CliRunner().invoke(root, ["doctor", "--output", "json", "-d", str(tmp_path)])
    assert good.exit_code == 0
    report = json.loads(good.output)
    assert report["ok"] is True
    assert f"disk of {tmp_path}" in {check["name"] for check in report["checks"]}
    (tmp_path / "file").touch()
    bad = CliRunner().invoke(root, ["doctor", "-d", str(tmp_path / "file")])
    assert bad.exit_code == 1
    assert "is not a directory" in bad.output
