"""The distributor node as a process, over gRPC, on a devnet; storage nodes are servers of the tests unless said otherwise."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import grpc
import pytest

from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.mesh import error_of
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as operator_rpc
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as storage_pb
from tests.integration import storage_program
from tests.integration.distributor_program import MIB, RunningDistributor, node_config, running_distributor
from tests.integration.distributor_stage import BAG, Stage, complete, refusal, stage_in
from tests.unit.distributor.storage_peers import Behaviour, Peer

WEBM = b"\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with stage_in(tmp_path) as made:
        yield made


async def test_miss_pending_hit(stage: Stage) -> None:
    data = WEBM + os.urandom(6 * GROUP_SIZE)
    object_id = await stage.create(data)
    async with stage.storage_nodes(Behaviour(hangs_at=3 * GROUP_SIZE)) as (peer,), stage.distributor() as node:
        facts = await node.facts(object_id)
        assert facts.cache_state == pb.CACHE_STATE_MISS
        assert facts.object.size == len(data)
        assert facts.object.multihash == multihash_of_bytes(data)
        assert not peer.calls

        opened = await node.local.OpenAsset(pb.OpenAssetRequest(object_id=object_id, want_lease=True), timeout=20)
        assert opened.cache_state == pb.CACHE_STATE_MISS
        assert opened.data_source == pb.DATA_SOURCE_LOCAL
        assert opened.object.media_type == "video/webm"
        assert not opened.HasField("lease")
        await peer.hanging.wait()

        assert (await node.facts(object_id)).cache_state == pb.CACHE_STATE_PENDING
        assert (await node.local.GetStatus(pb.GetStatusRequest())).downloads_in_progress == 1
        readers = [asyncio.create_task(node.read(object_id)) for _ in range(3)]
        stream = node.local.ReadAsset(pb.ReadAssetRequest(object_id=object_id))
        pending = (await stream.read()).asset
        assert pending.cache_state == pb.CACHE_STATE_PENDING
        assert pending.object.media_type == "video/webm"
        first = (await stream.read()).data
        assert first == data[: len(first)]
        stream.cancel()
        peer.go_on.set()
        for asset, received in [await reader for reader in readers]:
            assert received == data
            assert asset.cache_state == pb.CACHE_STATE_PENDING
        await complete(node, object_id)

        asset, received = await node.read(object_id, 1000, 5000)
        assert asset.cache_state == pb.CACHE_STATE_HIT
        assert received == data[1000:6000]
        assert asset.object.media_type == "video/webm"
        assert peer.bytes_sent == len(data)
        assert await refusal(anext(aiter(node.local.ReadAsset(pb.ReadAssetRequest(object_id=object_id, offset=len(data)))))) == (
            "RANGE_NOT_SATISFIABLE"
        )  # fmt: skip


async def test_leases_are_given_on_the_local_socket_alone(stage: Stage) -> None:
    data = os.urandom(GROUP_SIZE + 5)
    object_id = await stage.create(data)
    wish = pb.OpenAssetRequest(object_id=object_id, want_lease=True)
    async with stage.storage_nodes(), stage.distributor() as node:
        await node.read(object_id)
        await complete(node, object_id)
        opened = await node.local.OpenAsset(wish)
        path = Path(opened.lease.path)
        assert path.is_relative_to(stage.directory / "node" / "assets")
        assert path.read_bytes() == data
        assert (path.stat().st_dev, path.stat().st_ino) == (opened.lease.device, opened.lease.inode)
        assert opened.lease.valid_for.ToSeconds() == 30
        assert not (await node.mesh.OpenAsset(wish)).HasField("lease")
        await node.local.ReportAccess(
            pb.ReportAccessRequest(counts=[content.AccessCount(object_id=object_id, uses=2, bytes=10)])
        )


async def test_refusals(stage: Stage) -> None:
    waiting = await stage.create(os.urandom(100), accepted=False)
    elsewhere = await stage.devnet.call("devnet_createChannel", member=2)
    await stage.devnet.call("devnet_bindBag", bag=elsewhere["bag"], remove_distribution=["0:0"])
    wanted = {"size": 4, "ipfs_content_id": multihash_of_bytes(b"1234")}
    (foreign,) = await stage.devnet.call("devnet_createObjects", bag=elsewhere["bag"], objects=[wanted])
    async with stage.storage_nodes(), stage.distributor() as node:
        for request in (pb.OpenAssetRequest, pb.ReadAssetRequest):
            call = node.local.OpenAsset if request is pb.OpenAssetRequest else node.read
            for object_id, reason in (
                (2**63 + 5, "ASSET_NOT_FOUND"),
                (987_654, "ASSET_NOT_FOUND"),
                (foreign, "ASSET_NOT_SERVED"),
                (waiting, "ASSET_NOT_ACCEPTED"),
            ):
                asked = call(request(object_id=object_id)) if request is pb.OpenAssetRequest else call(object_id)
                assert await refusal(asked) == reason
        assert await refusal(node.facts(foreign)) == "ASSET_NOT_SERVED"

        await stage.accept(waiting)
        async with asyncio.timeout(10):
            while (await node.run_chore("directory-refresh")).last_error:
                pass
        _, received = await node.read(waiting)
        assert received == stage.contents[waiting]


async def test_a_lying_storage_node_is_passed_over(stage: Stage) -> None:
    data = os.urandom(5 * GROUP_SIZE + 9)
    object_id = await stage.create(data)
    other = await stage.create(data[::-1])
    for liar in (Behaviour(wrong_from=2 * GROUP_SIZE), Behaviour(wrong_trees=True)):
        async with (
            stage.storage_nodes(liar, Behaviour()) as peers,
            stage.distributor(f"liar-{liar.wrong_trees}") as node,
        ):
            answers = await asyncio.gather(node.read(object_id), node.read(other, 3 * GROUP_SIZE, 1000))
            assert answers[0][1] == data
            assert answers[1][1] == data[::-1][3 * GROUP_SIZE : 3 * GROUP_SIZE + 1000]
            assert sum(peer.calls["tree"] for peer in peers) > 0


async def test_storage_nodes_without_a_mesh_are_asked_by_rest(stage: Stage) -> None:
    data = WEBM + os.urandom(4 * GROUP_SIZE)
    object_id = await stage.create(data)
    async with stage.storage_nodes(mesh=False) as (peer,), stage.distributor() as node:
        asset, received = await node.read(object_id, 100, GROUP_SIZE)
        assert received == data[100 : 100 + GROUP_SIZE]
        assert asset.object.media_type == "video/webm"
        assert (await node.read(object_id))[1] == data
        assert peer.calls["rest"] == 1


async def test_no_source(stage: Stage) -> None:
    object_id = await stage.create(os.urandom(10))
    async with stage.storage_nodes() as (peer,), stage.distributor() as node:
        peer.objects = {}
        assert await refusal(node.read(object_id)) == "NO_SOURCE"
        peer.objects = stage.contents
        assert (await node.read(object_id))[1] == stage.contents[object_id]


async def test_what_was_uploaded_to_a_storage_node_is_delivered(stage: Stage) -> None:
    data = WEBM + os.urandom(9 * GROUP_SIZE)
    addresses = stage.devnet.addresses
    uploads = stage.directory / "uploads"
    uploads.mkdir()
    config = storage_program.node_config(0, uploads, addresses.chain, addresses.query_node)
    async with storage_program.running_node(config, stage.directory / "storage.log") as storage:
        peer = Peer({}, Behaviour(), endpoint="http://127.0.0.1:1", grpc_target=storage.addresses["grpc"])
        await stage.publish(0, peer)
        object_id = await stage.create(data, accepted=False)

        def steps() -> Iterator[storage_pb.WriteObjectRequest]:
            start = storage_pb.UploadStart(object_id=object_id, storage_bucket_id=0, bag_id=BAG)
            yield storage_pb.WriteObjectRequest(start=start)
            for offset in range(0, len(data), MIB):
                yield storage_pb.WriteObjectRequest(data=data[offset : offset + MIB])
            yield storage_pb.WriteObjectRequest(finish=storage_pb.UploadFinish())

        await storage.mesh.WriteObject(steps(), timeout=20)
        async with stage.distributor() as node, asyncio.timeout(20):
            async with aclosing(_until_accepted(node, object_id)) as tries:
                async for _ in tries:
                    await storage.run_chore("acceptance")
                    await stage.devnet.seal()
            assert (await node.read(object_id, 8 * GROUP_SIZE, 10))[1] == data[8 * GROUP_SIZE : 8 * GROUP_SIZE + 10]
            asset, received = await node.read(object_id)
            assert received == data
            assert asset.object.media_type == "video/webm"


async def _until_accepted(node: RunningDistributor, object_id: int) -> AsyncGenerator[None, None]:
    """Goes on until the node knows that the object is accepted."""
    while True:
        try:
            await node.facts(object_id)
        except grpc.aio.AioRpcError as error:
            assert error_of(error).reason in {"ASSET_NOT_ACCEPTED", "ASSET_NOT_FOUND"}  # noqa: PT017 - one of many tries
            yield
        else:
            return


async def test_the_limit_holds_and_large_objects_pass_through(stage: Stage) -> None:
    contents = [os.urandom(MIB) for _ in range(4)]
    ids = [await stage.create(data) for data in contents]
    large = await stage.create(os.urandom(3 * MIB))
    async with stage.storage_nodes(), stage.distributor(limits={"storage": 2 * MIB}) as node:
        for object_id, data in zip(ids, contents, strict=True):
            assert (await node.read(object_id))[1] == data
            await complete(node, object_id)
            files = [path for path in (stage.directory / "node" / "assets").rglob("*-*") if path.is_file()]
            assert sum(path.stat().st_blocks * 512 for path in files) <= 2 * MIB
        asset, received = await node.read(large, 10, 2 * MIB)
        assert received == stage.contents[large][10 : 10 + 2 * MIB]
        assert asset.cache_state == pb.CACHE_STATE_MISS
        assert asset.data_source == pb.DATA_SOURCE_EXTERNAL
        status = await node.local.GetStatus(pb.GetStatusRequest())
        assert status.objects_in_cache == 2
        assert status.storage_used == status.storage_limit == 2 * MIB


async def test_a_killed_node_serves_its_cache_again_while_chain_and_query_node_are_away(stage: Stage) -> None:
    data = os.urandom(3 * GROUP_SIZE)
    object_id = await stage.create(data)
    async with stage.storage_nodes(), stage.distributor() as node:
        await node.read(object_id)
        await complete(node, object_id)
        async with asyncio.timeout(10):
            while (await node.facts(object_id)).cache_state != pb.CACHE_STATE_HIT:
                pass
        await node.run_chore("save_cache_state")
        await node.kill()
    nowhere = "127.0.0.1:1"
    config = node_config(stage.directory / "node", f"ws://{nowhere}", f"http://{nowhere}/graphql")
    async with running_distributor(config, stage.directory / "again.log") as node:
        asset, received = await node.read(object_id)
        assert received == data
        assert asset.cache_state == pb.CACHE_STATE_HIT
        assert (await node.local.GetStatus(pb.GetStatusRequest())).objects_in_cache == 1


async def test_cleanup_removes_what_is_gone_only_with_a_good_picture(stage: Stage) -> None:
    kept, gone = await stage.create(b"kept"), await stage.create(b"gone")
    async with stage.storage_nodes(), stage.distributor() as node:
        for object_id in (kept, gone):
            await node.read(object_id)
            await complete(node, object_id)
        await stage.devnet.call("devnet_deleteObjects", bag=BAG, objects=[gone])
        await node.run_chore("directory-refresh")
        assert await refusal(node.read(gone)) == "ASSET_NOT_FOUND"
        assert (await node.run_chore("cache_cleanup")).last_error == ""
        assert (await node.local.GetStatus(pb.GetStatusRequest())).objects_in_cache == 1
        assert (await node.read(kept))[1] == b"kept"


async def test_the_operator_changes_what_is_served_and_it_stays(stage: Stage) -> None:
    object_id = await stage.create(b"content")
    async with stage.storage_nodes():
        async with stage.distributor() as node:
            assert (await node.local.GetBuckets(pb.GetBucketsRequest())).all_by_worker_id == 0
            await node.read(object_id)
            await node.operator.SetWorker(operator.SetWorkerRequest(worker_id=77))
            assert await refusal(node.read(object_id)) == "ASSET_NOT_SERVED"
            await node.operator.SetBuckets(operator.SetBucketsRequest(bucket_ids=["0:0", "0:00"]))
            assert list((await node.local.GetBuckets(pb.GetBucketsRequest())).bucket_ids) == ["0:0"]
            assert (await node.read(object_id))[1] == b"content"
            bad = operator.SetBucketsRequest(bucket_ids=["zero"])
            assert await refusal(node.operator.SetBuckets(bad)) == "BUCKET_ID_INVALID"
            await node.operator.SetBuckets(operator.SetBucketsRequest())
            await node.kill()
        async with stage.distributor() as node:
            assert (await node.local.GetBuckets(pb.GetBucketsRequest())).all_by_worker_id == 77
            assert await refusal(node.read(object_id)) == "ASSET_NOT_SERVED"


async def test_the_api_is_stopped_and_started_with_every_gateway_worker(stage: Stage) -> None:
    async with stage.distributor() as node:
        edge = operator_rpc.EdgeServiceStub(node.local_channel)
        said: asyncio.Queue[operator.WatchNodeRequest] = asyncio.Queue()
        await said.put(operator.WatchNodeRequest(hello=operator.WatchNodeHello(worker_index=0, pid=os.getpid())))

        async def requests() -> AsyncIterator[operator.WatchNodeRequest]:
            while True:
                yield await said.get()

        news = edge.WatchNode(requests())
        assert (await news.read()).api.enabled
        stopping = asyncio.ensure_future(node.operator.StopApi(operator.StopApiRequest()))
        change = await news.read()
        assert change.HasField("api")
        assert not change.api.enabled
        assert not stopping.done()
        await said.put(operator.WatchNodeRequest(acknowledged=change.sequence))
        await stopping
        assert await refusal(node.operator.StopApi(operator.StopApiRequest())) == "API_ALREADY_STOPPED"
        news.cancel()
        await node.operator.StartApi(operator.StartApiRequest())
        assert await refusal(node.operator.StartApi(operator.StartApiRequest())) == "API_ALREADY_STARTED"
        await node.operator.Shutdown(operator.ShutdownRequest())
        async with asyncio.timeout(10):
            assert await node.process.wait() == 0


async def test_a_reload_takes_over_what_it_can(stage: Stage) -> None:
    file = stage.directory / "config.yml"
    addresses = stage.devnet.addresses
    config = node_config(stage.directory / "node", addresses.chain, addresses.query_node, config_file=file)
    values = json.loads(config.to_json())
    file.write_text(json.dumps(values))
    async with running_distributor(config, stage.directory / "node.log") as node:
        assert await node.operator.Reload(operator.ReloadRequest()) == operator.ReloadResponse()
        values["limits"]["storage"] = "7M"
        values["workerId"] = 5
        values["id"] = "other"
        file.write_text(json.dumps(values))
        reloaded = await node.operator.Reload(operator.ReloadRequest())
        assert list(reloaded.applied) == ["limits.storage", "workerId"]
        assert list(reloaded.needs_restart) == ["id"]
        status = await node.local.GetStatus(pb.GetStatusRequest())
        assert (status.storage_limit, status.worker_id, status.node_id) == (7 * MIB, 5, "test-distributor")
