"""What to try on a development network, for a person."""

import os
import sys
from pathlib import Path
from typing import Any


def hints(network: dict[str, Any]) -> str:
    """A short list of commands that work as they stand."""
    storage, distributor, sample = network["storage"][0], network["distributor"][0], network["sample"]
    joygrpc, grpcurl = _program("joygrpc"), _program("grpcurl")
    asset = f"{distributor['rest']}/api/v1/assets/{sample['id']}"
    lines = [
        "",
        "The network is ready. Try:",
        "",
        f"  play the sample        {asset}   (in any browser)",
        f"  deliver it             curl -sS -D - -o clock.webm {asset}",
        f"  a part of it           curl -sS -i -H 'Range: bytes=0-99' {asset} --output -",
        f"  what the nodes say     curl -sS {storage['rest']}/api/v1/status; curl -sS {distributor['rest']}/api/v1/status",
        f"  what is stored         curl -sS {storage['rest']}/api/v1/state/data-objects",
        f"  the APIs               {storage['rest']}/docs   {distributor['rest']}/docs",
        f"  metrics                curl -sS {storage['admin']}/metrics",
        f"  look into the mesh     {grpcurl} -plaintext {storage['grpc']} list",
        f"                         {grpcurl} -plaintext -d '{{\"objectId\": {sample['id']}}}' {storage['grpc']} joystream.storage.v1.StorageService/GetObject",
        f"  put a file of yours    {joygrpc} object put FILE",
        "",
        f"Chain {network['chain']}, query node {network['query_node']}. Ctrl-C ends everything.",
    ]
    return "\n".join(lines)


def _program(name: str) -> str:
    """How a person in this directory calls a program of this environment."""
    beside = Path(sys.executable).parent / name
    if not beside.exists():
        return name
    relative = os.path.relpath(beside)
    return str(beside) if relative.startswith("..") else relative
