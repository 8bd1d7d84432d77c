"""Reading from a distributor node in a process of its own: seeks, herds, policies, slow readers, and what an earlier process left."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from blake3 import blake3

from joygrpc.content import GROUP_SIZE
from joygrpc.mesh import ChannelPool
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2_grpc as rpc
from tests.integration.distributor_program import MIB, RunningDistributor, node_config, running_distributor
from tests.integration.distributor_stage import Stage, complete, refusal, stage_in
from tests.unit.distributor.storage_peers import Behaviour, Pattern


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as made:
        yield made


async def idle(node: RunningDistributor) -> None:
    """Wait until nothing is downloaded."""
    async with asyncio.timeout(20):
        while (await node.local.GetStatus(pb.GetStatusRequest())).downloads_in_progress:
            pass


async def read_and_know(node: RunningDistributor, object_id: int) -> bytes:
    """The whole object in a channel of its own, as one of many clients has it."""
    async with ChannelPool() as channels:
        stub = rpc.DistributionServiceStub(channels.channel(node.addresses["grpc"]))
        received = bytearray()
        async for response in stub.ReadAsset(pb.ReadAssetRequest(object_id=object_id), timeout=60):
            received += response.data
        return bytes(received)


async def test_a_seek_into_a_cold_gibibyte_brings_less_than_a_mebibyte(stage: Stage) -> None:
    content = Pattern(1 << 30)
    object_id = await stage.create(content)
    first, last = 900_000_000, 900_065_535
    async with stage.storage_nodes() as (peer,), stage.distributor(limits={"storage": 4 << 30}) as node:
        asset, received = await node.read(object_id, first, last - first + 1)
        sent = peer.bytes_sent
        assert received == content[first : last + 1]
        assert sent <= MIB
        assert asset.cache_state == pb.CACHE_STATE_MISS
        assert asset.object.media_type == "application/octet-stream"


@pytest.mark.parametrize("policy", ["never", "second_hit", "always"])
async def test_how_much_of_an_object_is_brought(stage: Stage, policy: str) -> None:
    content = Pattern(40 * GROUP_SIZE)
    object_id = await stage.create(content)
    start, length = 20 * GROUP_SIZE + 5, 1000
    async with stage.storage_nodes() as (peer,), stage.distributor(background_completion=policy) as node:
        assert (await node.read(object_id, start, length))[1] == content[start : start + length]
        if policy == "always":
            await complete(node, object_id)
            assert peer.bytes_sent == len(content)
            return
        await idle(node)
        assert peer.bytes_sent == 2 * GROUP_SIZE
        # Another range of the same playback.
        assert (await node.read(object_id, 0, 10))[1] == content[0:10]
        await idle(node)
        asset, received = await node.read(object_id, 0, 10)
        assert received == content[0:10]
        assert asset.cache_state == pb.CACHE_STATE_HIT
        if policy == "second_hit":
            await complete(node, object_id)
        else:
            await idle(node)
            assert peer.bytes_sent == 2 * GROUP_SIZE


async def herd(node: RunningDistributor, object_id: int, clients: int) -> dict[str, int]:
    """Digests that many clients got who asked at the same time, and how many got each."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.herd_program", node.addresses["grpc"], str(object_id), str(clients),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await program.communicate()
    digests: dict[str, int] = json.loads(output)["digests"]
    return digests


async def test_a_herd_makes_one_download(stage: Stage) -> None:
    content = Pattern(16 * MIB)
    object_id = await stage.create(content)
    async with stage.storage_nodes() as (peer,), stage.distributor() as node:
        assert await herd(node, object_id, 64) == {blake3(content[0 : len(content)]).hexdigest(): 64}
        assert peer.bytes_sent == len(content)
        assert (peer.calls["tree"], peer.calls["read"], peer.calls["rest"]) == (1, 1, 0)


async def test_a_reader_that_takes_nothing_is_cut(stage: Stage) -> None:
    content = Pattern(64 * MIB)
    object_id = await stage.create(content)
    async with stage.storage_nodes(), stage.distributor(read_stall_timeout_s=0.5) as node:
        stalled = node.mesh.ReadAsset(pb.ReadAssetRequest(object_id=object_id))
        assert (await stalled.read()).HasField("asset")
        async with asyncio.timeout(20):
            while not await node.metric("joygrpc_distributor_readers_cut_total"):
                await node.local.GetStatus(pb.GetStatusRequest())
        assert await read_and_know(node, object_id) == content[0 : len(content)]
        assert await node.metric("joygrpc_distributor_readers_cut_total") == 1


async def test_damage_while_the_node_was_down_is_mended(stage: Stage) -> None:
    data = os.urandom(5 * GROUP_SIZE + 17)
    object_id = await stage.create(data)
    async with stage.storage_nodes() as (peer,):
        async with stage.distributor() as node:
            await node.read(object_id)
            await complete(node, object_id)
            await idle(node)
            await node.kill()
        (path,) = (stage.directory / "node" / "assets" / "objects").glob("*/*-*")
        with path.open("r+b") as file:
            file.seek(3 * GROUP_SIZE)
            file.write(bytes(100))
        before = peer.bytes_sent
        async with stage.distributor() as node:
            assert (await node.read(object_id))[1] == data
            assert peer.bytes_sent - before == GROUP_SIZE
            await complete(node, object_id)
            wish = pb.OpenAssetRequest(object_id=object_id, want_lease=True)
            assert Path((await node.local.OpenAsset(wish)).lease.path).read_bytes() == data


async def test_what_was_kept_is_lent_again_only_after_it_was_verified(stage: Stage) -> None:
    data = os.urandom(20 * MIB)
    object_id = await stage.create(data)
    async with stage.storage_nodes(), stage.distributor() as node:
        await node.read(object_id)
        await complete(node, object_id)
        await idle(node)
        await node.kill()
    wish = pb.OpenAssetRequest(object_id=object_id, want_lease=True)
    nowhere = "127.0.0.1:1"
    config = node_config(
        stage.directory / "node", f"ws://{nowhere}", f"http://{nowhere}/graphql", verified_bytes_per_s=0
    )
    async with running_distributor(config, stage.directory / "again.log") as node:
        opened = await node.local.OpenAsset(wish)
        assert opened.cache_state == pb.CACHE_STATE_HIT
        assert not opened.HasField("lease")
        assert (await node.read(object_id, 10 * MIB, 5))[1] == data[10 * MIB : 10 * MIB + 5]
        await node.run_chore("verify_cache")
        assert Path((await node.local.OpenAsset(wish)).lease.path).read_bytes() == data


async def test_a_missing_source_is_told_at_once_and_by_name(stage: Stage) -> None:
    object_id = await stage.create(os.urandom(10))
    async with stage.storage_nodes(Behaviour(deaf=True)) as _, stage.distributor(max_wait_s=1) as node:
        assert await refusal(node.read(object_id)) in {"SOURCE_STALLED", "SOURCE_FAILED"}
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await node.read(object_id)
        assert caught.value.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
