"""A whole network as its users meet it: the processes of `joygrpc dev`, and what tests do with them."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import psutil

from joygrpc.chain import ChainConfig, KeySource, SubstrateChain
from joygrpc.client.creation import create_object
from joygrpc.content import BagId, multihash_of_bytes

JOYGRPC = [sys.executable, "-m", "joygrpc"]


@dataclass
class Network:
    """The description that `joygrpc dev --json` printed, and its process."""

    process: subprocess.Popen[str]
    facts: dict[str, Any]
    log: Path = field(default=Path())

    @property
    def storage(self) -> str:
        return self.facts["storage"][0]["rest"]

    @property
    def other_storage(self) -> str:
        return self.facts["storage"][1]["rest"]

    @property
    def distributor(self) -> str:
        return self.facts["distributor"][0]["rest"]

    @property
    def sample(self) -> dict[str, Any]:
        return self.facts["sample"]

    def programs(self, *words: str) -> list[psutil.Process]:
        """Processes below the network whose command lines have all these words."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in below if all(word in " ".join(process.cmdline()) for word in words)]

    def operator_token(self, route: str, body: object, *, secret: str | None = None, **claims: Any) -> str:
        """What the operator's command line signs for one request."""
        now = int(time.time())
        payload = {"reqUrl": route, "reqBody": body, "iat": now, "exp": now + 60, **claims}
        return jwt.encode(payload, secret or self.facts["distributor"][0]["operator_secret"], algorithm="HS256")


@contextlib.contextmanager
def running_network(folder: Path, *options: str) -> Iterator[Network]:
    """`joygrpc dev --json` on free ports, ended at the end by SIGTERM."""
    log = folder / "dev.log"
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    command = [*JOYGRPC, "dev", "--json", "--ports", "auto", "--json-file", str(folder / "dev.json"), *options]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"joygrpc dev said nothing:\n{log.read_text()}"
        yield Network(process, json.loads(line), log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def chain_of(network: Network) -> AsyncIterator[SubstrateChain]:
    """A chain client with the keys of all accounts of the network."""
    keys = KeySource(suris=tuple(sorted(set(network.facts["accounts"].values()))))
    async with SubstrateChain(ChainConfig(url=network.facts["chain"], keys=keys)) as chain:
        yield chain


@dataclass(frozen=True)
class Created:
    """An object that exists on chain."""

    id: int
    data: bytes
    multihash: str
    bag: str = "dynamic:channel:1"

    @property
    def parameters(self) -> dict[str, str]:
        return {"dataObjectId": str(self.id), "storageBucketId": "0", "bagId": self.bag}


async def created(
    chain: SubstrateChain, data: bytes, *, multihash: str | None = None, size: int | None = None
) -> Created:
    """A new object on chain for `data`, in the sample's bag; size and hash may be made wrong."""
    text = multihash or multihash_of_bytes(data)
    object_id = await create_object(chain, BagId.parse("dynamic:channel:1"), len(data) if size is None else size, text)
    return Created(object_id, data, text)


def form(data: bytes, **fields: str) -> aiohttp.FormData:
    """A multipart body: text fields first, then the file."""
    body = aiohttp.FormData()
    for name, value in fields.items():
        body.add_field(name, value)
    body.add_field("file", data, filename="file", content_type="application/octet-stream")
    return body


async def eventually(
    session: aiohttp.ClientSession, url: str, status: int = 200, within_s: float = 30
) -> dict[str, str]:
    """Ask by HEAD until the URL answers with `status`; its headers."""
    async with asyncio.timeout(within_s):
        while True:
            async with session.head(url) as response:
                if response.status == status:
                    return response.headers
            await asyncio.sleep(0.05)


async def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    """Wait for a state of processes or files that nothing announces."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)
