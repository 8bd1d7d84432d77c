"""Settings of a distributor node's cache: admission, policy, and the inheritance of a reference node."""

import json
import os

from joygrpc.content import GROUP_SIZE
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from tests.integration.test_distributor_node import Stage, complete, stage

__all__ = ["stage"]


async def test_with_second_hit_admission_the_first_request_is_passed_through(stage: Stage) -> None:
    data = os.urandom(3 * GROUP_SIZE)
    object_id = await stage.create(data)
    async with stage.storage_nodes(), stage.distributor(cache_admission="second_hit", cache_policy="s3_fifo") as node:
        wish = pb.OpenAssetRequest(object_id=object_id, want_lease=True)
        opened = await node.local.OpenAsset(wish, timeout=20)
        assert (opened.cache_state, opened.data_source) == (pb.CACHE_STATE_MISS, pb.DATA_SOURCE_EXTERNAL)
        # The gateway's own read of what it has just opened.
        asset, received = await node.read(object_id)
        assert (received, asset.data_source) == (data, pb.DATA_SOURCE_EXTERNAL)
        asset, received = await node.read(object_id, GROUP_SIZE, 10)
        assert (received, asset.data_source) == (data[GROUP_SIZE : GROUP_SIZE + 10], pb.DATA_SOURCE_EXTERNAL)
        assert (await node.local.GetStatus(pb.GetStatusRequest())).objects_in_cache == 0

        asset, received = await node.read(object_id)
        assert (received, asset.data_source) == (data, pb.DATA_SOURCE_LOCAL)
        await complete(node, object_id)


async def test_the_policys_state_outlives_the_process(stage: Stage) -> None:
    ids = [await stage.create(os.urandom(1000)) for _ in range(3)]
    settings = {"cache_policy": "split", "use_window_s": 0}
    async with stage.storage_nodes():
        async with stage.distributor(**settings) as node:
            for object_id in ids:
                await node.read(object_id)
                await complete(node, object_id)
            await node.local.ReportAccess(
                pb.ReportAccessRequest(counts=[content.AccessCount(object_id=ids[1], uses=1, bytes=10)])
            )
            assert await node.stop() == 0
        async with stage.distributor(**settings) as node:
            assert "begins with popularity and recency alone" not in node.log.read_text()
            for object_id in ids:
                assert (await node.facts(object_id)).cache_state == pb.CACHE_STATE_HIT


async def test_the_cache_of_a_reference_node_is_taken_over(stage: Stage) -> None:
    contents = [os.urandom(2 * GROUP_SIZE + 1), b"rotten", b"asked for at once"]
    ids = [await stage.create(data) for data in contents]
    assets, state = stage.directory / "node" / "assets", stage.directory / "node" / "state"
    assets.mkdir(parents=True)
    state.mkdir()
    for object_id, data in zip(ids, (contents[0], b"ROTTEN", contents[2]), strict=True):
        (assets / str(object_id)).write_bytes(data)
    entry = {"popularity": 4, "lastAccessTime": 1_700_000_000_000, "sizeKB": 1}
    (state / "cache.json").write_text(
        json.dumps({"lruCacheGroups": [[[str(ids[0]), entry]]], "mimeTypeByObjectId": []})
    )
    async with stage.storage_nodes() as (peer,), stage.distributor() as node:
        for object_id, data in zip(ids, contents, strict=True):
            assert (await node.read(object_id))[1] == data
        await complete(node, ids[1])
        assert peer.bytes_sent == len(b"rotten")
        assert {path.name for path in assets.iterdir() if path.is_file()} == {str(ids[1]), ".lock"}
        assert await node.stop() == 0
    async with stage.distributor() as node:
        for object_id, data in zip(ids, contents, strict=True):
            asset, received = await node.read(object_id)
            assert (asset.cache_state, received) == (pb.CACHE_STATE_HIT, data)
