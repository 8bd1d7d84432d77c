"""A devnet in a process of its own, for clients that are not ours."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Leads, workers, members and limits, but no buckets: these are for the clients to make.
EMPTY_PRESET = {"storage": [], "distributors": []}


@dataclass(frozen=True)
class Devnet:
    """Where it answers, and its process."""

    chain: str
    query_node: str
    pid: int

    def rpc(self, method: str, **params: Any) -> Any:
        """The result of a JSON-RPC method; parameters by name."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        answer = _posted(self.chain.replace("ws://", "http://"), body)
        assert "result" in answer, answer
        return answer["result"]

    def query(self, text: str, **variables: Any) -> Any:
        """The data of a GraphQL answer."""
        answer = _posted(self.query_node, json.dumps({"query": text, "variables": variables}).encode())
        assert not answer.get("errors"), answer
        return answer["data"]


def _posted(url: str, body: bytes) -> Any:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=200) as response:
        return json.load(response)


@contextmanager
def running_devnet(folder: Path, *options: str, preset: Any = None) -> Iterator[Devnet]:
    """Run one until the context ends; blocks follow transactions at once, and there are no idle ones."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preset.json").write_text(json.dumps(preset or EMPTY_PRESET))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "joygrpc", "devnet", "start", "--json", "--chain-port", "0", "--query-node-port", "0",
                "--block-time", "0", "--seal-delay", "2", "--preset-file", str(folder / "preset.json"), *options,
            ],
            stdout=subprocess.PIPE, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        with process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line, (folder / "log").read_text()
                addresses = json.loads(line)
                yield Devnet(addresses["chain"], addresses["query_node"], process.pid)
            finally:
                process.terminate()
                process.wait(20)
