"""A distributor node in a process of its own, without supervisor or gateway: what the tests of the node alone start, talk to and kill."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from joygrpc.config import DistributorNodeConfig
from joygrpc.distributor.process import main
from joygrpc.mesh import ChannelPool
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2_grpc as rpc
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as operator_rpc
from joygrpc.supervisor import ChildContext
from joygrpc.supervisor.lifeline import die_with_parent

READY_WITHIN_S = 30
STOPPED_WITHIN_S = 15
MIB = 1 << 20


def node_config(
    directory: Path, chain: str, query_node: str, *, limits: Mapping[str, Any] | None = None, **joygrpc: Any
) -> DistributorNodeConfig:
    """The configuration of devnet distributor 0 below a directory, in the shape of the reference's file; free ports."""
    return DistributorNodeConfig.model_validate(
        {
            "id": "test-distributor",
            "endpoints": {"storageSquid": query_node, "joystreamNodeWs": chain},
            "directories": {"assets": directory / "assets", "cacheState": directory / "state"},
            "limits": {"storage": 256 * MIB, "outboundRequestsTimeoutMs": 2000} | dict(limits or {}),
            "workerId": 0,
            "joygrpc": {
                "mesh": {"host": "127.0.0.1", "port": 0},
                "admin": {"host": "127.0.0.1", "port": 0},
                "allow_private_sources": True,
                "stall_timeout_s": 2,
                "max_wait_s": 10,
                "free_disk_reserve_bytes": 0,
                "unknown_ttl_s": 0.1,
                "absent_source_ttl_s": 0,
                "shutdown": {"drain_s": 1},
                "log": {"level": "info"},
            }
            | joygrpc,
        }
    )


@dataclass
class RunningDistributor:
    """A node's process, and stubs for what it offers."""

    process: asyncio.subprocess.Process
    addresses: Mapping[str, Any]
    channels: ChannelPool
    log: Path = field(repr=False)

    @property
    def mesh(self) -> rpc.DistributionServiceAsyncStub:
        return rpc.DistributionServiceStub(self.channels.channel(self.addresses["grpc"]))

    @property
    def local(self) -> rpc.DistributionServiceAsyncStub:
        return rpc.DistributionServiceStub(self.local_channel)

    @property
    def local_channel(self) -> grpc.aio.Channel:
        return self.channels.channel(f"unix:{self.addresses['socket']}")

    @property
    def operator(self) -> operator_rpc.OperatorServiceAsyncStub:
        return operator_rpc.OperatorServiceStub(self.channels.channel(self.addresses["admin_grpc"]))

    async def run_chore(self, name: str) -> operator.Chore:
        """Runs a chore and waits for the end of the run."""
        chores = operator_rpc.ChoreServiceStub(self.channels.channel(self.addresses["admin_grpc"]))
        return (await chores.TriggerChore(operator.TriggerChoreRequest(name=name))).chore

    async def read(self, object_id: int, offset: int = 0, limit: int = 0) -> tuple[pb.OpenAssetResponse, bytes]:
        """What `ReadAsset` answers: the facts and the bytes."""
        received = bytearray()
        asset = await self.read_into(received, object_id, offset, limit)
        return asset, bytes(received)

    async def read_into(
        self, received: bytearray, object_id: int, offset: int = 0, limit: int = 0
    ) -> pb.OpenAssetResponse:
        """What `ReadAsset` answers; the bytes are there also when it fails."""
        asset = pb.OpenAssetResponse()
        request = pb.ReadAssetRequest(object_id=object_id, offset=offset, limit=limit)
        async for response in self.local.ReadAsset(request, timeout=20):
            if response.HasField("asset"):
                asset = response.asset
            received += response.data
        return asset

    async def facts(self, object_id: int) -> pb.OpenAssetResponse:
        """What HEAD asks for."""
        return await self.local.OpenAsset(pb.OpenAssetRequest(object_id=object_id, facts_only=True), timeout=20)

    async def metric(self, name: str) -> float:
        """The value of a metric without labels; 0 when it is not there."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.addresses['admin']}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[1]) for line in lines if line.split()[0] == name)

    async def kill(self) -> None:
        """The process dies at once."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ends the node as its operator does; gives the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOPPED_WITHIN_S):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def running_distributor(config: DistributorNodeConfig, log: Path) -> AsyncIterator[RunningDistributor]:
    """A distributor node that is ready; stopped at the end, if it still runs then."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.distributor_program",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=output,
        )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(config.to_json().encode())
        process.stdin.close()
        async with asyncio.timeout(READY_WITHIN_S):
            line = await process.stdout.readline()
        assert line, f"the node ended with {await process.wait()}:\n{log.read_text()}"
        async with ChannelPool() as channels:
            node = RunningDistributor(process, json.loads(line), channels, log)
            yield node
            await node.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class PrintingContext(ChildContext):
    """Says on standard output what a supervisor would be told."""

    def notify_ready(self, info: Mapping[str, object] | None = None) -> None:
        print(json.dumps(dict(info or {})), flush=True)  # noqa: T201 - that is what it is for


if __name__ == "__main__":
    die_with_parent(os.getppid())
    sys.exit(main(PrintingContext("node", sys.stdin.read())))
