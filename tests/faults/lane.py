"""One storage node that is started, used, killed and started again on the same data, and examined each time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from joygrpc.config import StorageNodeConfig
from joygrpc.mesh import ChannelPool
from tests.faults.crash_points import Crash
from tests.faults.forge import Forge, ForkedProcess
from tests.faults.inspection import DataFolder, check_folder
from tests.faults.ledger import Ledger, Piece
from tests.faults.uploading import Clients, has_right_tree
from tests.integration.storage_program import RunningNode

READY_WITHIN_S = 40
AGREE_WITHIN_S = 30
_OLD_SAMPLE = 6
_TREES = 2


@dataclass
class LaneFigures:
    """What happened to one node."""

    starts_s: list[float] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    objects_read: int = 0
    bytes_read: int = 0


class Lane:
    """A node by its worker's number, and those who use it. Use `begin`, `ready`, then the rest, then `end`."""

    def __init__(
        self, config: StorageNodeConfig, forge: Forge, ledger: Ledger, clients: Clients, rng: random.Random, log: Path
    ) -> None:
        self.worker = config.worker
        self.clients = clients
        self.config = config
        self.figures = LaneFigures()
        self.folder = DataFolder(config)
        self.log = log
        self._forge, self._ledger, self._rng = forge, ledger, rng
        self._process: ForkedProcess | None = None
        self._output: asyncio.StreamReader | None = None
        self._channels = ChannelPool()
        self._left_over: set[str] = set()
        self._unread: set[int] = set()
        self._died_at = ""
        self._began = 0.0
        self.node: RunningNode | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def died_at(self) -> str:
        """The crash point at which it killed itself, or the moment at which it was killed."""
        return self._died_at

    async def begin(self, crash: Crash | None = None, trace: Path | None = None) -> None:
        """Starts the process and does not wait for it."""
        assert not self.alive
        self._left_over = await asyncio.to_thread(self.folder.incoming)
        # A new pool: what is known of the dead process's connections must not delay those to the new one.
        self._channels = ChannelPool()
        self._died_at = ""
        self._began = time.monotonic()
        started = await self._forge.start(self.config, self.log, crash=crash, trace=trace)
        self._process, self._output = started.process, started.output

    async def ready(self) -> bool:
        """Waits until it serves; False when it died at a point of its start."""
        message = await self._said(READY_WITHIN_S)
        if "grpc" not in message:
            if not self._died_at:
                self._ledger.violate(self.worker, f"the node did not start:\n{self.log.read_text()[-3000:]}")
            await self._bury()
            return False
        self.figures.starts_s.append(time.monotonic() - self._began)
        assert self._process is not None
        self.node = RunningNode(self._process, message, self._channels, self.log)  # type: ignore[arg-type]
        return True

    async def _said(self, within_s: float) -> dict[str, object]:
        """What it says next, or nothing when it is gone."""
        assert self._output is not None
        async with asyncio.timeout(within_s):
            line = await self._output.readline()
        message: dict[str, object] = json.loads(line) if line else {}
        self._died_at = str(message.get("crash", self._died_at))
        return message

    async def examine(self) -> None:
        """What must hold after a start: promises kept, nothing half-done left. What could not be read because the node died again is read next time."""
        entries = await asyncio.to_thread(check_folder, self.folder, self._ledger, self.worker, self._left_over)
        promised = self._ledger.promised(self.worker)
        recent = self._ledger.acknowledged[self.worker][-12:]
        others = sorted((promised | {i for i, entry in entries.items() if entry.served}) - set(recent))
        sample = self._rng.sample(others, min(_OLD_SAMPLE, len(others)))
        self._unread |= {*recent, *sample}
        await self.read_back(sorted(self._unread), promised)

    def check_again(self) -> None:
        """What must hold of index and files at any time."""
        check_folder(self.folder, self._ledger, self.worker, ())

    async def read_back(self, object_ids: Iterable[int], promised: set[int]) -> None:
        """Reads objects and compares them; those that were promised must be there."""
        assert self.node is not None
        trees = 0
        for object_id in object_ids:
            piece = self._ledger.pieces[object_id]
            reason = await self.clients.compare(self.node, piece)
            if not self.alive or reason == "NODE_UNAVAILABLE":
                return
            # Asked anew: its owner may have deleted it meanwhile.
            if reason != "OK" and object_id in promised and object_id not in self._ledger.released:
                self._ledger.violate(self.worker, f"object {object_id} was acknowledged and cannot be read: {reason}")
            if reason == "OK" and trees < _TREES and piece.size > 1 << 18:
                trees += 1
                await self._check_tree(piece)
            self._unread.discard(object_id)
            self.figures.objects_read += 1
            self.figures.bytes_read += piece.size

    async def _check_tree(self, piece: Piece) -> None:
        assert self.node is not None
        if not await has_right_tree(self.node, piece) and self.alive:
            self._ledger.violate(self.worker, f"object {piece.id} has a wrong tree")

    async def agree(self, within_s: float = AGREE_WITHIN_S) -> None:
        """Waits until index and disk know the same objects."""
        assert self.node is not None
        deadline = time.monotonic() + within_s
        while self.alive and (unknown := await asyncio.to_thread(self._unknown_files)):
            if time.monotonic() > deadline:
                self._ledger.violate(self.worker, f"files without an entry: {sorted(unknown)[:5]}")
                return
            await asyncio.sleep(0.1)
            # After a failure it waits for half a minute by itself.
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self.node.run_chore("reconcile")

    def _unknown_files(self) -> set[int]:
        # Files first: a file that comes meanwhile has its entry soon after.
        files = self.folder.files()
        return set(files) - set(self.folder.entries())

    async def use(self, seconds: float) -> None:
        """Has its clients at work for a time, or until it dies."""
        assert self.node is not None
        assert self._process is not None
        using = asyncio.create_task(self.clients.use(self.node))
        dead = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait((using, dead), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            dead.cancel()
            using.cancel()
            await asyncio.wait((using,))
        if not using.cancelled():
            using.result()

    async def end(self, moment: str) -> None:
        """Kills it, unless it died by itself, and notes where that was."""
        if self.alive:
            self._died_at = self._died_at or moment
            assert self._process is not None
            self._process.send_signal(signal.SIGKILL)
        await self._bury()

    async def _bury(self) -> None:
        if self._process is None:
            return
        await self._process.wait()
        while await self._said(READY_WITHIN_S):
            continue
        self.figures.deaths[self._died_at or "by itself"] += 1
        self._process = self._output = self.node = None
        await self._channels.__aexit__()
