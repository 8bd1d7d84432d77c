"""Many clients who ask for one object at the same time, in a process of their own, so that they take no time from node and source.

    python -m tests.integration.herd_program TARGET OBJECT CLIENTS

TARGET is a distributor's gRPC address, or the URL root of its public API. Prints one line of JSON: the BLAKE3 digests with the number of clients who got them,
and the seconds to the first byte of each.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
from blake3 import blake3

from joygrpc.mesh import ChannelPool
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2_grpc as rpc

LONGEST_S = 300


async def by_grpc(target: str, object_id: int) -> AsyncIterator[bytes]:
    """The object over gRPC."""
    async with ChannelPool() as channels:
        stub = rpc.DistributionServiceStub(channels.channel(target))
        async for response in stub.ReadAsset(pb.ReadAssetRequest(object_id=object_id), timeout=LONGEST_S):
            if response.data:
                yield response.data


async def by_http(url: str, object_id: int) -> AsyncIterator[bytes]:
    """The object over HTTP."""
    address = f"{url}/api/v1/assets/{object_id}"
    async with aiohttp.ClientSession(read_bufsize=1 << 20) as session, session.get(address) as answer:
        answer.raise_for_status()
        async for data in answer.content.iter_any():
            yield data


async def client(target: str, object_id: int) -> tuple[str, float]:
    """One client: what it got, and when it had the first of it."""
    digest, started, first = blake3(), time.perf_counter(), 0.0
    read = by_http if target.startswith("http") else by_grpc
    async for data in read(target, object_id):
        first = first or time.perf_counter() - started
        digest.update(data)
    return digest.hexdigest(), first


async def main(target: str, object_id: int, clients: int) -> dict[str, object]:
    """All of them."""
    started = time.perf_counter()
    answers = await asyncio.gather(*(client(target, object_id) for _ in range(clients)))
    return {
        "digests": Counter(digest for digest, _ in answers),
        "first_byte_s": sorted(first for _, first in answers),
        "seconds": time.perf_counter() - started,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))  # noqa: T201 - that is what it is for
