"""Starting and stopping a development network."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from joygrpc.cli.dev.plan import FAMILY, HOST, SAMPLE_BAG, DevPlan, DistributorPlan, StoragePlan
from joygrpc.cli.dev.programs import Program, ProgramFailed

READY_WITHIN = timedelta(seconds=60)
"""For one program to start, on a slow machine."""

STOP_GRACE = timedelta(seconds=3)
"""For the programs of one stage to end; there are three stages, and all must have ended within ten seconds."""

SYNC_INTERVAL_MIN = 1
CACHE_SIZE = "20G"


class DevNetwork:
    """The programs of a plan, as they run."""

    def __init__(self, plan: DevPlan, say: Callable[[str], None], environment: dict[str, str]) -> None:
        self.plan = plan
        self.accounts: dict[str, str] = {}
        self._say = say
        self._environment = environment
        self._devnet: list[Program] = []
        self._storage: list[Program] = []
        self._distributors: list[Program] = []

    def __repr__(self) -> str:
        return f"<DevNetwork {[*self._devnet, *self._storage, *self._distributors]}>"

    async def start(self) -> None:
        """Start everything, the chain first; returns when all is ready. Raises `ProgramFailed`."""
        self._say("starting the chain and the query node")
        ready = await self._start("devnet", self._devnet_arguments(), self._devnet)
        self.accounts = dict(ready["accounts"])
        self._say(f"starting {len(self.plan.storage)} storage nodes and {len(self.plan.distributors)} distributors")
        async with asyncio.TaskGroup() as group:
            for storage in self.plan.storage:
                group.create_task(
                    self._start(f"storage-{storage.number}", self._storage_arguments(storage), self._storage)
                )
            for distributor in self.plan.distributors:
                arguments = self._distributor_arguments(distributor)
                group.create_task(self._start(f"distributor-{distributor.number}", arguments, self._distributors))

    async def _start(self, name: str, arguments: Sequence[str], stage: list[Program]) -> dict[str, Any]:
        program, ready = await Program.start(
            name,
            arguments,
            log=self.plan.directory / f"{name}.log",
            environment=self._environment,
            ready_timeout=READY_WITHIN,
        )
        stage.append(program)
        return ready

    async def stop(self) -> None:
        """Stop everything that was started: distributors, then storage nodes, then the chain."""
        for stage in (self._distributors, self._storage, self._devnet):
            await asyncio.gather(*(program.stop(STOP_GRACE) for program in stage))

    async def wait_for_a_death(self) -> str:
        """Returns when a program has ended by itself, with what is known of it."""
        programs = [*self._devnet, *self._storage, *self._distributors]
        waits = {asyncio.create_task(program.process.wait()): program for program in programs}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        program = waits[done.pop()]
        return f"{program.name} ended with status {program.process.returncode}:\n{program.last_lines()}"

    def description(self) -> dict[str, Any]:
        """Every address, as `joygrpc dev --json` prints it, without the sample."""
        return {
            "storage": [
                {
                    "rest": node.rest,
                    "grpc": f"{HOST}:{node.grpc_port}",
                    "admin": f"http://{HOST}:{node.admin_port}",
                    "admin_grpc": f"{HOST}:{node.admin_grpc_port}",
                    "worker": node.number,
                    "bucket": node.number,
                    "data": str(node.directory),
                }
                for node in self.plan.storage
            ],
            "distributor": [
                {
                    "rest": node.rest,
                    "grpc": f"{HOST}:{node.grpc_port}",
                    "operator": f"http://{HOST}:{node.operator_port}",
                    "operator_secret": node.operator_secret,
                    "admin": f"http://{HOST}:{node.admin_port}",
                    "admin_grpc": f"{HOST}:{node.admin_grpc_port}",
                    "worker": node.number,
                    "buckets": [f"{FAMILY}:{node.number}"],
                    "data": str(node.directory),
                }
                for node in self.plan.distributors
            ],
            "chain": self.plan.chain,
            "query_node": self.plan.query_node,
            "accounts": self.accounts,
        }

    def _devnet_arguments(self) -> list[str]:
        preset = {
            "storage": [{"endpoint": node.rest, "extra": node.extra} for node in self.plan.storage],
            "distributors": [{"endpoint": node.rest, "extra": node.extra} for node in self.plan.distributors],
        }
        path = self.plan.directory / "devnet-preset.json"
        path.write_text(json.dumps(preset), encoding="utf-8")
        return [
            "devnet",
            "start",
            "--host",
            HOST,
            "--chain-port",
            str(self.plan.chain_port),
            "--query-node-port",
            str(self.plan.query_node_port),
            "--data",
            str(_made(self.plan.directory / "devnet")),
            "--preset-file",
            str(path),
        ]

    def _storage_arguments(self, node: StoragePlan) -> list[str]:
        return [
            "storage",
            "server",
            "--worker",
            str(node.number),
            "--uploads",
            str(_made(node.directory)),
            "--host",
            HOST,
            "--port",
            str(node.rest_port),
            "--grpc-host",
            HOST,
            "--grpc-port",
            str(node.grpc_port),
            "--admin-port",
            str(node.admin_port),
            "--admin-grpc-port",
            str(node.admin_grpc_port),
            "--apiUrl",
            self.plan.chain,
            "--storageSquidEndpoint",
            self.plan.query_node,
            "--accountUri",
            self.accounts[f"storage_worker_{node.number}"],
            "--upload-auth",
            "optional",
            "--sync",
            "--syncInterval",
            str(SYNC_INTERVAL_MIN),
        ]

    def _distributor_arguments(self, node: DistributorPlan) -> list[str]:
        directory = _made(node.directory)
        config = {
            "id": f"dev-distributor-{node.number}",
            "endpoints": {"storageSquid": self.plan.query_node, "joystreamNodeWs": self.plan.chain},
            "directories": {"assets": str(_made(directory / "assets")), "cacheState": str(_made(directory / "cache"))},
            "limits": {
                "storage": CACHE_SIZE,
                "maxConcurrentStorageNodeDownloads": 100,
                "maxConcurrentOutboundConnections": 300,
                "outboundRequestsTimeoutMs": 5000,
                "pendingDownloadTimeoutSec": 3600,
            },
            "intervals": {"saveCacheState": 60, "checkStorageNodeResponseTimes": 60, "cacheCleanup": 86400},
            "publicApi": {"port": node.rest_port},
            "operatorApi": {"port": node.operator_port, "hmacSecret": node.operator_secret},
            "workerId": node.number,
            "joygrpc": {
                "host": HOST,
                "operator_host": HOST,
                "allow_private_sources": True,
                "mesh": {"host": HOST, "port": node.grpc_port},
                "admin": {"host": HOST, "port": node.admin_port, "grpc_port": node.admin_grpc_port},
            },
        }
        path = directory / "config.yml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return ["distributor", "start", "--configPath", str(path)]


@asynccontextmanager
async def running(network: DevNetwork) -> AsyncIterator[DevNetwork]:
    """The network, started; stopped at the end, also when the start fails or is interrupted."""
    try:
        try:
            await network.start()
        except BaseExceptionGroup as group:
            failed = group.subgroup(ProgramFailed)
            if failed is None:
                raise
            raise _first(failed) from None
        yield network
    finally:
        # A second Ctrl-C must not leave programs behind.
        stopping = asyncio.create_task(network.stop())
        while not stopping.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(stopping)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


SAMPLE_FILE = Path(__file__).resolve().parents[2] / "devnet" / "sample" / "clock.webm"
"""One minute of video with a running clock, made by `scripts/make_sample`."""

__all__ = ["SAMPLE_BAG", "SAMPLE_FILE", "DevNetwork", "running"]
