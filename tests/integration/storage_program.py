"""A storage node in a process of its own, without supervisor or gateway: what the tests of the node alone start, talk to and kill."""

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

import grpc

from joygrpc.config import (
    AcceptanceSettings,
    AdminSettings,
    ChainSettings,
    KeySettings,
    LogSettings,
    MeshSettings,
    QueryNodeSettings,
    ShutdownSettings,
    StorageLimits,
    StorageNodeConfig,
    SyncSettings,
    UploadSettings,
)
from joygrpc.mesh import ChannelPool
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as operator_rpc
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as storage_rpc
from joygrpc.storage.process import main
from joygrpc.supervisor import ChildContext
from joygrpc.supervisor.lifeline import die_with_parent

READY_WITHIN_S = 30
STOPPED_WITHIN_S = 15


def node_config(
    worker: int, uploads: Path, chain: str, query_node: str, *, mesh_port: int = 0, **changes: Any
) -> StorageNodeConfig:
    """The configuration of devnet storage node `worker`; free ports but for the mesh's, and all chores quick to come."""
    settings: dict[str, Any] = {
        "worker": worker,
        "uploads": uploads,
        "chain": ChainSettings(url=chain, keys=(KeySettings(suri=f"//testing//worker//Storage//{worker}"),)),
        "query_node": QueryNodeSettings(url=query_node),
        "mesh": MeshSettings(host="127.0.0.1", port=mesh_port),
        "admin": AdminSettings(host="127.0.0.1", port=0),
        "acceptance": AcceptanceSettings(interval_s=2),
        "sync": SyncSettings(enabled=True, interval_s=2, retry_interval_s=0.2, stall_timeout_s=3),
        "limits": StorageLimits(free_disk_reserve_bytes=0, upload_stall_timeout_s=2),
        "uploading": UploadSettings(token_ttl_s=30),
        "shutdown": ShutdownSettings(drain_s=1),
        "log": LogSettings(),
    }
    return StorageNodeConfig(**(settings | changes))


@dataclass
class RunningNode:
    """A node's process, and stubs for what it offers."""

    process: asyncio.subprocess.Process
    addresses: Mapping[str, Any]
    channels: ChannelPool
    log: Path = field(repr=False)

    @property
    def mesh(self) -> storage_rpc.StorageServiceAsyncStub:
        return storage_rpc.StorageServiceStub(self.channels.channel(self.addresses["grpc"]))

    @property
    def local(self) -> storage_rpc.StorageServiceAsyncStub:
        return storage_rpc.StorageServiceStub(self._local)

    @property
    def edge(self) -> storage_rpc.StorageEdgeServiceAsyncStub:
        return storage_rpc.StorageEdgeServiceStub(self._local)

    @property
    def chores(self) -> operator_rpc.ChoreServiceAsyncStub:
        return operator_rpc.ChoreServiceStub(self.channels.channel(self.addresses["admin_grpc"]))

    @property
    def _local(self) -> grpc.aio.Channel:
        return self.channels.channel(f"unix:{self.addresses['socket']}")

    async def run_chore(self, name: str) -> operator.Chore:
        """Runs a chore and waits for the end of the run."""
        return (await self.chores.TriggerChore(operator.TriggerChoreRequest(name=name))).chore

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
async def running_node(config: StorageNodeConfig, log: Path) -> AsyncIterator[RunningNode]:
    """A storage node that is ready; stopped at the end, if it still runs then."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.storage_program",
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
            node = RunningNode(process, json.loads(line), channels, log)
            yield node
            await node.stop()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class PrintingContext(ChildContext):
    """Says on standard output what a supervisor would be told."""

    def notify_ready(self, info: Mapping[str, object] | None = None) -> None:
        sys.stdout.write(json.dumps(dict(info or {})) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    die_with_parent(os.getppid())
    sys.exit(main(PrintingContext("node", sys.stdin.read())))
