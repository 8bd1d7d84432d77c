"""A devnet in a process of its own, which can be killed and comes back with its chain on the same ports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

_READY_WITHIN_S = 30
_ACCEPTED_QUERY = "query($ids: [String!]) { storageDataObjects(where: {id_in: $ids, isAccepted_eq: true}) { id } }"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class DevnetProcess:
    """A chain and a query node whose storage workers have these endpoints (`{"endpoint", "extra"}` each)."""

    def __init__(self, folder: Path, storage: Sequence[dict[str, str]], *options: str) -> None:
        self._folder = folder
        self._options = options
        self.ports = (free_port(), free_port())
        self._process: asyncio.subprocess.Process | None = None
        self.chain = f"ws://127.0.0.1:{self.ports[0]}"
        self.query_node = f"http://127.0.0.1:{self.ports[1]}/graphql"
        folder.mkdir()
        (folder / "preset.json").write_text(json.dumps({"storage": list(storage), "distributors": []}))

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Starts it, or starts it again with all its blocks; returns when it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "joygrpc", "devnet", "start", "--json", "--block-time", "1000", "--seal-delay", "100",
                "--chain-port", str(self.ports[0]), "--query-node-port", str(self.ports[1]), *self._options,
                "--data", str(self._folder / "data"), "--preset-file", str(self._folder / "preset.json"),
                stdout=asyncio.subprocess.PIPE, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(_READY_WITHIN_S):
            line = await self._process.stdout.readline()
        assert line, (self._folder / "log").read_text()

    async def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None and self.alive:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a JSON-RPC method; parameters by name."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await _posted(self.chain.replace("ws://", "http://"), body)
        assert "result" in answer, answer
        return answer["result"]

    async def set_fault(self, **faults: Any) -> None:
        """Has it misbehave, or behave (`clear=True`)."""
        await self.call("devnet_setFault", **faults)

    async def accepted(self, object_ids: Sequence[int]) -> set[int]:
        """Those of the objects that finalized blocks accepted, as the query node knows them."""
        body = {"query": _ACCEPTED_QUERY, "variables": {"ids": [str(object_id) for object_id in object_ids]}}
        answer = await _posted(self.query_node, body)
        return {int(row["id"]) for row in answer["data"]["storageDataObjects"]}

    async def accept(self, bucket: int, bag: str, object_ids: Sequence[int]) -> None:
        """Accepts objects in the name of a bucket's operator."""
        arguments = {
            "worker_id": bucket, "storage_bucket_id": bucket, "bag_id": bag, "data_objects": list(object_ids),
        }  # fmt: skip
        await self.call(
            "devnet_dispatch", origin=f"//testing//worker//Storage//{bucket}", pallet="Storage",
            call="accept_pending_data_objects", arguments=arguments,
        )  # fmt: skip


async def _posted(url: str, body: object) -> Any:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        return await response.json()


@contextlib.asynccontextmanager
async def devnet_process(
    folder: Path, storage: Sequence[dict[str, str]], *options: str
) -> AsyncIterator[DevnetProcess]:
    """A running devnet, killed at the end."""
    devnet = DevnetProcess(folder, storage, *options)
    try:
        await devnet.start()
        yield devnet
    finally:
        await devnet.kill()
