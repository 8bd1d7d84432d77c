"""Kills storage nodes all the time, and checks after each start that nothing that was acknowledged is lost.

Two nodes run on one devnet with the same bag, so that each replicates what the other was given; a third operator is a peer that is always there. Each node
is started, examined, used and killed, in turns with the other: at a random time during its start, at a random time under load, or by itself at a named
point. With weather, chain and query node misbehave meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joygrpc.config import AcceptanceSettings, CleanupSettings, StorageNodeConfig, SyncSettings
from tests.faults.crash_points import CLEANUP_POINTS, IMPORT_POINTS, POINTS, START_POINTS, Crash
from tests.faults.devnet_process import DevnetProcess, devnet_process, free_port
from tests.faults.forge import Forge, forge
from tests.faults.lane import Lane
from tests.faults.ledger import Ledger
from tests.faults.owners import Owners
from tests.faults.supply import Supply
from tests.faults.uploading import Clients
from tests.faults.weather import Weather
from tests.integration.storage_program import node_config
from tests.unit.distributor.storage_peers import Peer, storage_peer

NODES = 2
_POINT_WITHIN_S = 4.0
_IMPORTS, _DELETIONS = 0.15, 0.25
"""Parts of a node's lives before which files of a reference node are put in, and during which objects are deleted."""
_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """How many kills, from which seed (choices are repeatable, timing is not); `points` are died at first, once each."""

    kills: int
    seed: int
    points: Sequence[str] = POINTS
    weather: bool = False
    settle_within_s: float = 60
    progress: Callable[[int, int], None] | None = None
    """Told of kills and violations now and then."""


@dataclass
class ChaosReport:
    """What happened, in figures."""

    seed: int
    kills: int = 0
    seconds: float = 0.0
    deaths: Counter[str] = field(default_factory=Counter)
    starts_s: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    weather: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    imported: int = 0
    deleted: int = 0
    stored: int = 0
    objects_read: int = 0
    bytes_read: int = 0
    lone_trees: int = 0
    """Trees whose object never came, or is gone; harmless, and replaced when it comes."""
    violations: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """The figures as JSON values."""
        starts = sorted(self.starts_s) or [0.0]
        return {
            "seed": self.seed,
            "kills": self.kills,
            "seconds": round(self.seconds, 1),
            "kills_by_point": dict(sorted(self.deaths.items())),
            "starts": len(self.starts_s),
            "start_s": {
                "median": round(starts[len(starts) // 2], 2),
                "p95": round(starts[len(starts) * 95 // 100], 2),
                "longest": round(starts[-1], 2),
            },
            "answers": dict(self.answers.most_common()),
            "weather": dict(self.weather.most_common()),
            "objects_acknowledged": self.acknowledged,
            "objects_imported": self.imported,
            "objects_deleted": self.deleted,
            "objects_stored": self.stored,
            "objects_read_back": self.objects_read,
            "bytes_read_back": self.bytes_read,
            "trees_without_object": self.lone_trees,
            "violations": self.violations,
        }


class Chaos:
    """One run."""

    def __init__(
        self, plan: ChaosPlan, folder: Path, devnet: DevnetProcess, peer: Peer, forge: Forge, ports: list[int]
    ) -> None:
        self._plan = plan
        self._ledger = Ledger()
        self._rng = random.Random(plan.seed)
        self._devnet = devnet
        self._supply = Supply(devnet, self._ledger, self._branch(), peer)
        self._weather = Weather(devnet, self._supply, self._branch())
        self._owners = Owners(devnet, self._supply, self._ledger, self._branch())
        self._points = deque(plan.points)
        self._attempts: Counter[str] = Counter()
        self._left = plan.kills
        self._lanes = [self._lane(worker, folder, forge, ports[worker]) for worker in range(NODES)]

    def _branch(self) -> random.Random:
        return random.Random(self._rng.getrandbits(64))

    def _lane(self, worker: int, folder: Path, forge: Forge, port: int) -> Lane:
        config = lane_config(worker, folder, self._devnet, port)
        clients = Clients(worker, self._ledger, self._supply, self._branch())
        return Lane(config, forge, self._ledger, clients, self._branch(), folder / f"node-{worker}.log")

    async def run(self) -> ChaosReport:
        """All kills, then the end: everything that was acknowledged is accepted and whole."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            changing = tasks.create_task(self._weather.change() if self._plan.weather else asyncio.sleep(0))
            lanes = [tasks.create_task(self._kill_again_and_again(lane)) for lane in self._lanes]
            await asyncio.wait(lanes)
            changing.cancel()
        await self._weather.clear()
        try:
            await self._settle()
        finally:
            for lane in self._lanes:
                await lane.end("the end")
        return self._report(time.monotonic() - began)

    async def _kill_again_and_again(self, lane: Lane) -> None:
        # The first start is in peace: a node without objects does not begin without chain and query node.
        rng = self._branch()
        while self._left > 0:
            self._left -= 1
            await self._one_life(lane, rng)
            if self._plan.progress is not None and self._left % 20 == 0:
                self._plan.progress(self._plan.kills - self._left, len(self._ledger.violations))

    async def _one_life(self, lane: Lane, rng: random.Random) -> None:
        way = rng.random()
        point = self._points.popleft() if self._points else (rng.choice(POINTS) if way < 0.4 else "")
        if self._weather.fine and (point in IMPORT_POINTS or rng.random() < _IMPORTS):
            await self._owners.import_into(lane)
        crash = Crash(point, 1 if point in START_POINTS else rng.choice((1, 1, 2, 3))) if point else None
        await lane.begin(crash)
        try:
            if crash is None and way < 0.6 and lane.figures.starts_s:
                await asyncio.sleep(rng.uniform(0, 1.2))
                await lane.end("during start")
                return
            if not await lane.ready():
                return
            await lane.examine()
            if self._weather.fine:
                await lane.agree()
            if self._weather.fine:
                await self._supply.owe(rng.randint(1, 3))
            if self._weather.fine and (point in CLEANUP_POINTS or rng.random() < _DELETIONS):
                await self._owners.delete_from(lane)
            await lane.use(_POINT_WITHIN_S if crash else rng.uniform(0.05, 0.9))
        finally:
            await lane.end("under load")
        if point and lane.died_at != point:
            self._again(point)

    def _again(self, point: str) -> None:
        """Tries a point again that was not reached, if it has not been yet."""
        self._attempts[point] += 1
        if point in self._plan.points and self._attempts[point] < _ATTEMPTS and not self._deaths()[point]:
            self._points.append(point)

    def _deaths(self) -> Counter[str]:
        return sum((lane.figures.deaths for lane in self._lanes), Counter())

    async def _settle(self) -> None:
        for lane in self._lanes:
            await lane.begin()
        for lane in self._lanes:
            await lane.ready()
            await lane.examine()
        await self._accepted_in_the_end()
        for lane in self._lanes:
            await lane.agree()
            await asyncio.to_thread(lane.check_again)
            promised = self._ledger.promised(lane.worker) | self._ledger.accepted_in_the_end(lane.worker)
            await lane.read_back(sorted(promised), promised)

    async def _accepted_in_the_end(self) -> None:
        """The queue is intact: every acknowledged object becomes accepted on chain, and stored on its node."""
        deadline = time.monotonic() + self._plan.settle_within_s
        while waiting := await self._waiting():
            if time.monotonic() > deadline:
                for worker, object_id in waiting[:10]:
                    self._ledger.violate(
                        worker, f"object {object_id} was acknowledged or imported and is not accepted in the end"
                    )
                return
            await asyncio.sleep(0.5)

    async def _waiting(self) -> list[tuple[int, int]]:
        waiting = []
        for lane in self._lanes:
            mine = sorted(self._ledger.accepted_in_the_end(lane.worker))
            entries = await asyncio.to_thread(lane.folder.entries)
            accepted = await self._devnet.accepted(mine)
            waiting += [
                (lane.worker, i) for i in mine if i not in accepted or i not in entries or entries[i].state != "stored"
            ]
        return waiting

    def _report(self, seconds: float) -> ChaosReport:
        deaths = self._deaths()
        del deaths["the end"]
        lanes = [lane.figures for lane in self._lanes]
        return ChaosReport(
            seed=self._plan.seed,
            kills=deaths.total(),
            seconds=seconds,
            deaths=deaths,
            starts_s=[start for figures in lanes for start in figures.starts_s],
            answers=sum((lane.clients.answers for lane in self._lanes), Counter()),
            weather=self._weather.seen,
            acknowledged=sum(len(ids) for ids in self._ledger.acknowledged.values()),
            imported=sum(len(ids) for ids in self._ledger.imported.values()),
            deleted=len(self._ledger.released),
            stored=sum(len(ids) for ids in self._ledger.stored.values()),
            objects_read=sum(figures.objects_read for figures in lanes),
            bytes_read=sum(figures.bytes_read for figures in lanes),
            lone_trees=sum(len(lane.folder.trees() - set(lane.folder.files())) for lane in self._lanes),
            violations=self._ledger.violations,
        )


async def run_chaos(plan: ChaosPlan, folder: Path) -> ChaosReport:
    """A run from nothing to its report; `folder` holds data and logs and is the caller's to remove."""
    ports = [free_port() for _ in range(NODES)]
    async with contextlib.AsyncExitStack() as stack:
        peer = await stack.enter_async_context(storage_peer({}))
        operators = [operator(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}") for port in ports]
        operators.append(operator(peer.endpoint, peer.grpc_target or ""))
        devnet = await stack.enter_async_context(devnet_process(folder / "devnet", operators))
        smith = await stack.enter_async_context(forge())
        return await Chaos(plan, folder, devnet, peer, smith, ports).run()


def operator(endpoint: str, grpc_target: str) -> dict[str, str]:
    """An operator's metadata."""
    return {"endpoint": endpoint, "extra": json.dumps({"grpc": f"grpc://{grpc_target}"} if grpc_target else {})}


def lane_config(worker: int, folder: Path, devnet: DevnetProcess, port: int) -> StorageNodeConfig:
    """A node that is quick in everything; `port` is its mesh's."""
    return node_config(
        worker, folder / f"node-{worker}", devnet.chain, devnet.query_node, mesh_port=port,
        acceptance=AcceptanceSettings(interval_s=1),
        cleanup=CleanupSettings(
            enabled=True, interval_s=0.3, quarantine_s=0.3, quarantine_interval_s=0.3, new_object_s=0
        ),
        sync=SyncSettings(enabled=True, interval_s=2, retry_interval_s=0.2, stall_timeout_s=3, workers=4),
    )  # fmt: skip
