"""`joygrpc gateway` as a program with several workers, before a node on a unix socket."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.integration.gateway_peers import (
    SECRET,
    DistributorPeer,
    ObjectFiles,
    is_refused,
    operator_token,
    serving_node,
    unix_address,
    until,
)

DATA = os.urandom(48 << 20)


@dataclass
class Program:
    process: asyncio.subprocess.Process
    node: DistributorPeer
    rest: str
    operator: str
    admin: str

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    files = ObjectFiles(tmp_path)
    files.put(7, DATA)
    node = DistributorPeer(files)
    async with serving_node(node, unix_address(tmp_path)) as target:
        ready = tmp_path / "ready.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--operator-port", "0", "--admin-port", "0", "--workers", "3"]
        options += ["--node", target, "--data-root", str(tmp_path), "--ready-file", str(ready), "--log-level", "error"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "joygrpc", "gateway", "distributor", *options),
            env={**os.environ, "JOYGRPC_OPERATOR_SECRET": SECRET},
        )
        try:
            await until(ready.exists, 60)
            info = json.loads(ready.read_text())
            yield Program(process, node, info["rest"], info["operator"], info["admin"])
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), 20)


async def test_a_program_with_three_workers(program: Program) -> None:
    asset = f"{program.rest}/api/v1/assets/7"
    assert program.node.hub.worker_count == 3
    async with aiohttp.ClientSession() as http:
        # Stopping and starting, over all workers.
        for route, refused in (("stop-api", True), ("start-api", False)):
            path = f"/api/v1/{route}"
            headers = {"Authorization": f"Bearer {operator_token(path, {})}"}
            async with http.post(program.operator + path, headers=headers) as response:
                assert response.status == 200
            assert is_refused(program.rest) is refused

        # A worker that is killed refuses nobody; another takes its place.
        killed = program.workers()[0]
        killed.kill()
        for _ in range(10):
            async with http.head(asset, headers={"Connection": "close"}) as response:
                assert response.status == 200
        await until(lambda: program.node.hub.worker_count == 3 and killed.pid not in {w.pid for w in program.workers()})

        async with http.get(f"{program.admin}/metrics") as response:
            text = await response.text()
        heads = 'joygrpc_gateway_requests_total{api="distributor",reason="",route="assets.head",status="200"} 10.0'
        assert heads in text, "numbers add up over workers, dead ones included"

        # A running answer is finished before the program ends.
        async with http.get(asset) as response:
            got = await response.content.readexactly(1000)
            program.process.send_signal(signal.SIGTERM)
            got += await response.read()
        assert got == DATA
        assert await asyncio.wait_for(program.process.wait(), 10) == 0
