"""What a client of the REST API is answered 201 for is there and whole, whichever process of the program dies."""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.faults.chaos import operator
from tests.faults.devnet_process import DevnetProcess, devnet_process, free_port
from tests.faults.ground import eventually
from tests.faults.ledger import BAG, Ledger, Piece
from tests.faults.supply import Supply

pytestmark = pytest.mark.slow

READY_WITHIN_S = 60


@dataclass
class Program:
    """`joygrpc storage server` on a data directory, with its gateway; started again on the same ports."""

    devnet: DevnetProcess
    folder: Path
    ports: tuple[int, ...] = field(default_factory=lambda: (free_port(), free_port()))
    process: asyncio.subprocess.Process | None = None

    @property
    def files(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}/api/v1/files"

    async def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "joygrpc", "storage", "server", "--json", "--worker", "0", "--uploads", str(self.folder / "data"),
                "--host", "127.0.0.1", "--port", str(self.ports[0]), "--grpc-host", "127.0.0.1", "--grpc-port", str(self.ports[1]),
                "--admin-port", "0", "--apiUrl", self.devnet.chain, "--queryNodeEndpoint", self.devnet.query_node,
                "--acceptance-interval", "1", stdout=asyncio.subprocess.PIPE, stderr=log,
                env=os.environ | {"ACCOUNT_URI": "//testing//worker//Storage//0"},
            )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_WITHIN_S):
            line = await self.process.stdout.readline()
        assert line, (self.folder / "server.log").read_text()[-3000:]
        json.loads(line)

    def children(self, of: str) -> list[psutil.Process]:
        """The supervised processes whose name begins so."""
        assert self.process is not None
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [
            child
            for child in below
            if "joygrpc.supervisor.child" in (line := child.cmdline())
            and line[line.index("joygrpc.supervisor.child") + 1].startswith(of)
        ]

    async def kill(self) -> None:
        """Kills the supervisor; the rest must follow by itself before anybody can start it again."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            below = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()
            await asyncio.to_thread(psutil.wait_procs, below, 20)


@contextlib.asynccontextmanager
async def running(devnet: DevnetProcess, folder: Path) -> AsyncIterator[Program]:
    program = Program(devnet, folder)
    try:
        await program.start()
        yield program
    finally:
        await program.kill()


async def _upload(http: aiohttp.ClientSession, program: Program, piece: Piece) -> int:
    """The status of the answer; 0 when there was none."""
    body = aiohttp.FormData()
    body.add_field("file", piece.data, filename="file", content_type="application/octet-stream")
    parameters = {"dataObjectId": str(piece.id), "storageBucketId": "0", "bagId": BAG}
    try:
        async with http.post(program.files, params=parameters, data=body) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, OSError):
        return 0


async def test_answers_of_201_hold_whichever_process_dies(tmp_path: Path) -> None:
    ledger, rng = Ledger(), random.Random(3)
    answered: list[Piece] = []
    statuses: set[int] = set()

    async def client(http: aiohttp.ClientSession, program: Program, supply: Supply) -> None:
        while True:
            piece = await supply.take()
            status = await _upload(http, program, piece)
            statuses.add(status)
            if status == 201:
                answered.append(piece)
            else:
                await asyncio.sleep(0.1)

    operators = [operator("http://127.0.0.1:1", "")] * 3
    async with (
        devnet_process(tmp_path / "devnet", operators) as devnet,
        running(devnet, tmp_path) as program,
        aiohttp.ClientSession() as http,
    ):
        supply = Supply(devnet, ledger, rng)
        clients = [asyncio.create_task(client(http, program, supply)) for _ in range(3)]
        try:
            for victim in ("node", "gateway", "node", "supervisor", "node"):
                before = len(answered)
                await eventually(lambda before=before: _more(answered, before + 5), READY_WITHIN_S)
                await asyncio.sleep(rng.uniform(0, 0.2))
                if victim == "supervisor":
                    await program.kill()
                    await program.start()
                else:
                    (process,) = program.children(victim)
                    process.kill()
            before = len(answered)
            await eventually(lambda: _more(answered, before + 5), READY_WITHIN_S)
        finally:
            for task in clients:
                task.cancel()
            await asyncio.wait(clients)
        for piece in answered:
            async with http.get(f"{program.files}/{piece.id}") as response:
                assert response.status == 200
                assert await response.read() == piece.data
        ids = [piece.id for piece in answered]

        async def accepted() -> bool:
            return set(ids) <= await devnet.accepted(ids)

        await eventually(accepted)
    # Whoever was refused could try again: nothing was blamed on the client.
    assert statuses <= {0, 201, 502, 503, 504}


async def _more(answered: list[Piece], count: int) -> bool:
    return len(answered) >= count
