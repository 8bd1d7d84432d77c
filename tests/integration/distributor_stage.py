"""A devnet with storage nodes that tests make behave as they like, for distributor nodes in processes of their own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest

from joygrpc.content import Tree, encode_multihash
from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset, storage_worker_uri
from joygrpc.mesh import error_of
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.metadata import storage_pb2 as metadata
from tests.integration.devnet_thread import Devnet, devnet_in_thread
from tests.integration.distributor_program import RunningDistributor, node_config, running_distributor
from tests.unit.distributor.storage_peers import Behaviour, Content, Peer, storage_peer, tree_of

BAG = "dynamic:channel:1"


@dataclass
class Stage:
    """A devnet with two storage buckets, and what its objects hold."""

    devnet: Devnet
    directory: Path
    contents: dict[int, Any] = field(default_factory=dict)
    """Bytes, or what gives them."""
    trees: dict[int, tuple[Content, Tree]] = field(default_factory=dict)

    async def create(self, data: Content, *, accepted: bool = True) -> int:
        """An object on chain, accepted by storage node 0 or not."""
        tree = await asyncio.to_thread(tree_of, data)
        wanted = {"size": len(data), "ipfs_content_id": encode_multihash(tree.root)}
        (object_id,) = await self.devnet.call("devnet_createObjects", bag=BAG, objects=[wanted])
        self.contents[object_id] = data
        self.trees[object_id] = (data, tree)
        if accepted:
            await self.accept(object_id)
        return int(object_id)

    async def accept(self, object_id: int) -> None:
        await self.devnet.call(
            "devnet_dispatch",
            origin=storage_worker_uri(0),
            pallet="Storage",
            call="accept_pending_data_objects",
            arguments={
                "worker_id": 0,
                "storage_bucket_id": 0,
                "bag_id": BAG,
                "data_objects": [object_id],
            },
        )

    async def publish(self, bucket: int, peer: Peer) -> None:
        """Storage node `bucket` is reached at this peer from now on."""
        extra = json.dumps({"grpc": f"grpc://{peer.grpc_target}"}) if peer.grpc_target else ""
        described = metadata.StorageBucketOperatorMetadata(endpoint=peer.endpoint, extra=extra)
        await self.devnet.call(
            "devnet_setStorageMetadata",
            worker=bucket,
            bucket=bucket,
            metadata="0x" + described.SerializeToString().hex(),
        )

    @asynccontextmanager
    async def storage_nodes(self, *behaviours: Behaviour, mesh: bool = True) -> AsyncIterator[list[Peer]]:
        """Storage nodes 0, 1, … that hold every object."""
        async with contextlib.AsyncExitStack() as stack:
            peers = []
            for bucket, behaviour in enumerate(behaviours or (Behaviour(),)):
                peer = await stack.enter_async_context(storage_peer({}, behaviour, mesh=mesh))
                peer.objects, peer.trees = self.contents, self.trees
                await self.publish(bucket, peer)
                peers.append(peer)
            yield peers

    @asynccontextmanager
    async def distributor(self, name: str = "node", **settings: Any) -> AsyncIterator[RunningDistributor]:
        """A distributor whose directory knows all that happened on the devnet until now."""
        addresses = self.devnet.addresses
        config = node_config(self.directory / name, addresses.chain, addresses.query_node, **settings)
        async with running_distributor(config, self.directory / f"{name}.log") as node:
            yield node


@contextmanager
def stage_in(directory: Path) -> Iterator[Stage]:
    """A stage for the length of a `with` block; data and logs go to the directory."""
    preset = DevPreset(storage=(b"", b""), distributors=(b"",))
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, block_time_ms=0, preset=preset)) as devnet:
        yield Stage(devnet, directory)


async def refusal(call: Any) -> str:
    """The reason with which a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return error_of(caught.value).reason


async def complete(node: RunningDistributor, object_id: int) -> None:
    """Wait until the object is in the cache as a whole, and safe there."""
    watched = node.local.WatchFill(pb.WatchFillRequest(object_id=object_id), timeout=20)
    with contextlib.suppress(grpc.aio.AioRpcError):
        assert [step.complete async for step in watched][-1]
    assert (await node.facts(object_id)).cache_state == pb.CACHE_STATE_HIT
