"""Storage nodes as processes, on a devnet, over real gRPC: what uploaders, peers and operators meet."""

import asyncio
import contextlib
import json
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import grpc
import pytest
import pytest_asyncio
import sr25519

from joygrpc.chain.ss58 import encode_account
from joygrpc.config import AcceptanceSettings, StorageNodeConfig, UploadSettings
from joygrpc.content import GROUP_SIZE, Tree, TreeSlice, decode_multihash, multihash_of_bytes, verify_group
from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset
from joygrpc.mesh import MeshError, error_of
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.metadata import storage_pb2 as metadata
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from tests.integration.devnet_thread import Devnet, devnet_in_thread
from tests.integration.storage_program import RunningNode, node_config, running_node

T = TypeVar("T")

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAG = "dynamic:channel:1"
MIB = 1 << 20
WITHIN_S = 20


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Ground:
    """A devnet with three storage workers, and where their nodes shall listen."""

    devnet: Devnet
    ports: tuple[int, ...]
    folder: Path

    def config(self, worker: int, folder: str = "", **changes: Any) -> StorageNodeConfig:
        addresses = self.devnet.addresses
        return node_config(
            worker, self.folder / (folder or str(worker)), addresses.chain, addresses.query_node,
            mesh_port=self.ports[worker], **changes,
        )  # fmt: skip

    def running(
        self, worker: int, folder: str = "", **changes: Any
    ) -> contextlib.AbstractAsyncContextManager[RunningNode]:
        return running_node(self.config(worker, folder, **changes), self.folder / f"node-{worker}.log")

    async def create(self, data: bytes, *, multihash: str | None = None, size: int | None = None) -> "Created":
        """A new object on chain."""
        text = multihash or multihash_of_bytes(data)
        entry = {"size": len(data) if size is None else size, "ipfs_content_id": text}
        (object_id,) = await self.devnet.call("devnet_createObjects", bag=BAG, objects=[entry])
        return Created(object_id, data, text)


@dataclass(frozen=True)
class Created:
    """An object that exists on chain."""

    id: int
    data: bytes
    multihash: str

    def start(self, **changes: Any) -> pb.UploadStart:
        return pb.UploadStart(**({"object_id": self.id, "storage_bucket_id": 0, "bag_id": BAG} | changes))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ports = (free_port(), free_port(), free_port())
    preset = DevPreset(storage=tuple(operator_metadata(port) for port in ports))
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, preset=preset)) as devnet:
        yield Ground(devnet, ports, tmp_path_factory.mktemp("storage"))


def operator_metadata(port: int) -> bytes:
    extra = json.dumps({"grpc": f"grpc://127.0.0.1:{port}"})
    return metadata.StorageBucketOperatorMetadata(endpoint=f"http://127.0.0.1:{port}", extra=extra).SerializeToString()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(ground: Ground) -> AsyncIterator[RunningNode]:
    async with ground.running(0) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peer(ground: Ground) -> AsyncIterator[RunningNode]:
    async with ground.running(1) as running:
        yield running


async def refused(call: Any) -> MeshError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return error_of(failure.value)


async def through_edge(node: RunningNode, start: pb.UploadStart, *pieces: bytes, finish: bool = True) -> content.Object:
    """An upload as a gateway makes it: it waits for the node's consent before the bytes."""
    call = node.edge.BeginUpload()
    await call.write(pb.BeginUploadRequest(start=start))
    accepted = await call.read()
    assert accepted.WhichOneof("step") == "accepted", accepted
    # A refusal may come before all is written; what the call ends with is the whole answer.
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        for piece in pieces:
            await call.write(pb.BeginUploadRequest(data=piece))
        if finish:
            await call.write(pb.BeginUploadRequest(commit=pb.UploadFinish()))
        await call.done_writing()
        committed = await call.read()
    code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code, await call.initial_metadata(), await call.trailing_metadata(), await call.details()
        )
    return committed.committed.object


async def through_mesh(node: RunningNode, start: pb.UploadStart, *pieces: bytes, finish: bool = True) -> content.Object:
    """An upload as a client of the mesh makes it."""

    async def requests() -> AsyncIterator[pb.WriteObjectRequest]:
        yield pb.WriteObjectRequest(start=start)
        for piece in pieces:
            yield pb.WriteObjectRequest(data=piece)
        if finish:
            yield pb.WriteObjectRequest(finish=pb.UploadFinish())

    return (await node.mesh.WriteObject(requests())).object


async def read(node: RunningNode, object_id: int, **part: int) -> bytes:
    call = node.mesh.ReadObject(pb.ReadObjectRequest(object_id=object_id, **part))
    data = b""
    async for response in call:
        assert len(response.data) <= MIB
        data += response.data
    return data


async def tree_of(node: RunningNode, object_id: int, **part: int) -> tuple[content.TreeHeader, bytes]:
    responses = [
        response async for response in node.mesh.GetObjectTree(pb.GetObjectTreeRequest(object_id=object_id, **part))
    ]
    return responses[0].header, b"".join(response.data for response in responses[1:])


async def until(node: RunningNode, object_id: int, wanted: Callable[[content.Object], bool]) -> content.Object:
    """The object, once the node says what is wanted of it."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                found = (await node.mesh.GetObject(pb.GetObjectRequest(object_id=object_id))).object
                if wanted(found):
                    return found
            await asyncio.sleep(0.05)


async def until_true(condition: Callable[[], bool]) -> None:
    """Waits for something that only the file system shows."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def stored(found: content.Object) -> bool:
    return found.state == content.OBJECT_STATE_STORED


def incoming(ground: Ground, folder: str, new: "Created") -> list[Path]:
    """Files that hold bytes of the object on their way in; the node fetches others from its peers meanwhile."""
    return list((ground.folder / folder / "temp").glob(f"{new.id}-*"))


# ---- uploads


@pytest.mark.parametrize("upload", [through_edge, through_mesh])
async def test_an_upload_is_served_at_once_then_accepted_then_replicated(
    ground: Ground, node: RunningNode, peer: RunningNode, upload: Callable[..., Any]
) -> None:
    new = await ground.create(noise(3 * MIB + 7, seed=1 if upload is through_edge else 2))
    pieces = [new.data[start : start + MIB] for start in range(0, len(new.data), MIB)]
    kept = await upload(node, new.start(), *pieces)
    assert (kept.id, kept.size, kept.multihash, kept.bag_id) == (new.id, len(new.data), new.multihash, BAG)
    assert kept.state == content.OBJECT_STATE_PENDING
    assert await read(node, new.id) == new.data
    await until(node, new.id, stored)
    replica = await until(peer, new.id, stored)
    assert (replica.multihash, replica.bag_id) == (new.multihash, BAG)
    assert await read(peer, new.id) == new.data
    assert await tree_of(peer, new.id) == await tree_of(node, new.id)
    query = await peer.mesh.QueryWrite(pb.QueryWriteRequest(object_id=new.id))
    assert (query.complete, query.committed_size) == (True, len(new.data))


async def test_the_smallest_object_is_uploaded_and_replicated(
    ground: Ground, node: RunningNode, peer: RunningNode
) -> None:
    # The chain takes none of no bytes.
    new = await ground.create(b"x")
    await through_edge(node, new.start(), b"x")
    await until(peer, new.id, stored)
    header, nodes = await tree_of(peer, new.id)
    assert (header.object_size, nodes) == (1, b"")


async def test_refusals_before_the_body(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(noise(100, seed=3))
    there = await ground.create(noise(100, seed=4))
    await through_edge(node, there.start(), there.data)
    await until(node, there.id, stored)
    bag = '{"dynamic":{"channel":1}}'
    council = '{"static":{"council":null}}'
    rows = [
        (new.start(storage_bucket_id=1), "BUCKET_NOT_SERVED", "Server is not accepting uploads into this bucket"),
        (new.start(storage_bucket_id=99), "BUCKET_NOT_SERVED", "Server is not accepting uploads into this bucket"),
        (new.start(bag_id="channel:1"), "UPLOAD_BAG_ID_INVALID", "Invalid bagId: channel:1"),
        (new.start(bag_id="static:x"), "UPLOAD_BAG_ID_INVALID", "Invalid static bagId: static:x"),
        (new.start(bag_id="dynamic:channel:1x"), "UPLOAD_BAG_ID_INVALID", "Invalid dynamic bagId: dynamic:channel:1x"),
        (
            new.start(bag_id="static:council"),
            "BAG_NOT_ASSIGNED",
            f"Storage bag {council} is not assigned to storage bucket 0.",
        ),
        (new.start(object_id=2**63), "OBJECT_NOT_IN_BAG", f"Data object {2**63} doesn't exist in storage bag {bag}"),
        (there.start(), "OBJECT_ALREADY_STORED", f"Data object {there.id} already exists (in storage)"),
        (
            new.start(announced_size=99),
            "SIZE_MISMATCH",
            f"File size doesn't match the data object's size for data object ID = {new.id}",
        ),
        (new.start(announced_size=1 << 50), "OBJECT_TOO_LARGE", "File too large"),
        (new.start(offset=5), "OFFSET_MISMATCH", "The upload cannot go on: its first bytes are not here"),
    ]
    for start, reason, message in rows:
        call = node.edge.BeginUpload()
        await call.write(pb.BeginUploadRequest(start=start))
        error = await refused(call.read())
        assert (error.reason, error.message) == (reason, message)
        error = await refused(through_mesh(node, start))
        assert (error.reason, error.message) == (reason, message)
    assert incoming(ground, "0", new) == []
    await through_edge(node, new.start(announced_size=100), new.data)


async def test_an_object_that_waits_is_not_uploaded_again(ground: Ground, node: RunningNode) -> None:
    await ground.devnet.call("devnet_setFault", stalled=True)
    try:
        # No block is made now, so the object was made before.
        new = await _with_blocks(ground, lambda: ground.create(noise(100, seed=5)))
        await through_edge(node, new.start(), new.data)
        error = await refused(through_mesh(node, new.start(), new.data))
    finally:
        await ground.devnet.call("devnet_setFault", clear=True)
    assert (error.reason, error.message) == ("OBJECT_ALREADY_PENDING", f"Data object {new.id} already exists (pending)")
    await until(node, new.id, stored)


async def _with_blocks(ground: Ground, work: Callable[[], Any]) -> Any:
    await ground.devnet.call("devnet_setFault", stalled=False)
    result = await work()
    await ground.devnet.call("devnet_setFault", stalled=True)
    return result


@pytest.mark.parametrize("upload", [through_edge, through_mesh])
@pytest.mark.parametrize(
    ("pieces", "finish", "reason"),
    [
        ((b"x" * 99,), True, "SIZE_MISMATCH"),
        ((b"x" * 101,), True, "SIZE_MISMATCH"),
        ((b"x" * 99, b"xx"), True, "SIZE_MISMATCH"),
        ((b"y" * 100,), True, "MULTIHASH_MISMATCH"),
        ((), True, "SIZE_MISMATCH"),
        ((b"x" * 50,), False, "UPLOAD_TRUNCATED"),
    ],
)
async def test_wrong_bytes_are_refused_and_the_object_can_still_be_uploaded(
    ground: Ground, node: RunningNode, upload: Callable[..., Any], pieces: tuple[bytes, ...], finish: bool, reason: str
) -> None:
    new = await ground.create(b"x" * 100)
    error = await refused(upload(node, new.start(), *pieces, finish=finish))
    assert error.reason == reason
    assert (await refused(node.mesh.GetObject(pb.GetObjectRequest(object_id=new.id)))).reason == "OBJECT_NOT_FOUND"
    assert (await upload(node, new.start(), new.data)).id == new.id
    assert incoming(ground, "0", new) == []


async def test_messages_in_the_wrong_order_are_refused(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(b"z" * 100)
    call = node.edge.BeginUpload()
    await call.write(pb.BeginUploadRequest(data=b"z"))
    assert (await refused(call.read())).reason == "REQUEST_INVALID"
    call = node.edge.BeginUpload()
    await call.write(pb.BeginUploadRequest(start=new.start()))
    await call.read()
    await call.write(pb.BeginUploadRequest(start=new.start()))
    assert (await refused(call.read())).reason == "REQUEST_INVALID"


async def test_one_upload_at_a_time_and_a_vanished_client_leaves_nothing(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(noise(2 * MIB, seed=6))
    call = node.edge.BeginUpload()
    await call.write(pb.BeginUploadRequest(start=new.start()))
    await call.read()
    await call.write(pb.BeginUploadRequest(data=new.data[:MIB]))
    assert (await refused(through_mesh(node, new.start(), new.data))).reason == "UPLOAD_IN_PROGRESS"
    stats = await node.mesh.GetDataStats(pb.GetDataStatsRequest())
    assert stats.receiving_count == 1
    call.cancel()
    await until_true(lambda: not incoming(ground, "0", new))
    await through_edge(node, new.start(), new.data[:MIB], new.data[MIB:])


async def test_a_silent_client_is_cut_off(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(b"s" * 100)
    call = node.edge.BeginUpload()
    await call.write(pb.BeginUploadRequest(start=new.start()))
    await call.read()
    assert (await refused(call.read())).reason == "UPLOAD_STALLED"
    assert incoming(ground, "0", new) == []


async def test_a_cut_upload_over_the_mesh_goes_on(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(noise(2 * MIB, seed=7))
    error = await refused(through_mesh(node, new.start(), new.data[:MIB], finish=False))
    assert error.reason == "UPLOAD_TRUNCATED"
    query = await node.mesh.QueryWrite(pb.QueryWriteRequest(object_id=new.id))
    assert (query.complete, query.committed_size) == (False, MIB)
    kept = await through_mesh(node, new.start(offset=MIB), new.data[MIB:])
    assert kept.multihash == new.multihash
    assert await read(node, new.id) == new.data


async def test_what_the_chain_refuses_is_kept_and_reported_again(ground: Ground, node: RunningNode) -> None:
    rule = {
        "pallet": "Storage",
        "error": "DataObjectBlacklisted",
        "call": "Storage.accept_pending_data_objects",
        "remaining": 1,
    }
    await ground.devnet.call("devnet_setFault", reject=rule)
    try:
        new = await ground.create(noise(100, seed=8))
        await through_edge(node, new.start(), new.data)
        await node.run_chore("acceptance")
        assert (await ground.devnet.call("devnet_faults"))["reject"] == []
    finally:
        await ground.devnet.call("devnet_setFault", clear=True)
    assert await read(node, new.id) == new.data
    await until(node, new.id, stored)


# ---- reading


async def test_ranges_and_proofs(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(noise(5 * GROUP_SIZE + 100, seed=9))
    await through_mesh(node, new.start(), new.data)
    size, root = len(new.data), decode_multihash(new.multihash)
    assert await read(node, new.id, offset=10, limit=20) == new.data[10:30]
    assert await read(node, new.id, offset=size - 5, limit=20) == new.data[-5:]
    assert await read(node, new.id, offset=size) == b""
    error = await refused(node.mesh.ReadObject(pb.ReadObjectRequest(object_id=new.id, offset=size + 1)).read())
    assert error.reason == "RANGE_NOT_SATISFIABLE"

    header, nodes = await tree_of(node, new.id)
    assert (header.object_size, header.multihash, header.group_size) == (size, new.multihash, GROUP_SIZE)
    assert (header.offset, header.limit, header.encoded_size) == (0, size, len(nodes))
    whole = Tree.parse(nodes, size, root)
    assert all(verify_group(i, new.data[i * GROUP_SIZE : (i + 1) * GROUP_SIZE], whole) for i in range(6))

    header, nodes = await tree_of(node, new.id, offset=3 * GROUP_SIZE + 1, limit=10)
    part = TreeSlice.parse(nodes, size, root, header.offset, header.limit)
    assert verify_group(3, new.data[3 * GROUP_SIZE : 4 * GROUP_SIZE], part)
    error = await refused(node.mesh.GetObjectTree(pb.GetObjectTreeRequest(object_id=10**9)).read())
    assert error.reason == "OBJECT_NOT_FOUND"


async def test_what_is_not_here_is_not_found(node: RunningNode) -> None:
    for object_id in (10**9, 2**64 - 1):
        calls = [
            node.mesh.GetObject(pb.GetObjectRequest(object_id=object_id)),
            node.mesh.ReadObject(pb.ReadObjectRequest(object_id=object_id)).read(),
            node.edge.OpenObject(pb.OpenObjectRequest(object_id=object_id)),
        ]
        for call in calls:
            error = await refused(call)
            assert (error.reason, error.message) == ("OBJECT_NOT_FOUND", "File not found.")


async def test_the_gateway_gets_a_lease_and_peers_get_none(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(noise(1000, seed=10))
    await through_edge(node, new.start(), new.data)
    opened = await node.edge.OpenObject(pb.OpenObjectRequest(object_id=new.id, want_lease=True))
    path = Path(opened.lease.path)
    assert path.is_relative_to(ground.folder / "0")
    assert path.read_bytes() == new.data
    assert (path.stat().st_dev, path.stat().st_ino) == (opened.lease.device, opened.lease.inode)
    assert opened.lease.valid_for.ToTimedelta().total_seconds() > 0
    assert not (await node.edge.OpenObject(pb.OpenObjectRequest(object_id=new.id))).HasField("lease")
    counts = [content.AccessCount(object_id=new.id, uses=1, bytes=1000)]
    await node.edge.ReportAccess(pb.ReportAccessRequest(counts=counts))
    call = node.channels.channel(node.addresses["grpc"]).unary_unary(
        "/joystream.storage.v1.StorageEdgeService/OpenObject"
    )
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(b"")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_lists_stats_and_status(ground: Ground, node: RunningNode) -> None:
    new = await ground.create(noise(10, seed=11))
    await through_edge(node, new.start(), new.data)
    await until(node, new.id, stored)

    async def ids(**request: Any) -> list[int]:
        pages = node.mesh.ListObjects(pb.ListObjectsRequest(**request))
        return [object_id async for page in pages for object_id in page.object_ids]

    everything = await ids()
    assert new.id in everything
    assert everything == sorted(everything)
    assert await ids(bag_id=BAG) == everything
    assert await ids(bag_id="static:council") == []
    assert await ids(after_id=new.id - 1) == [object_id for object_id in everything if object_id >= new.id]
    error = await refused(node.mesh.ListObjects(pb.ListObjectsRequest(bag_id="nonsense")).read())
    assert (error.reason, error.message) == ("BAG_ID_INVALID", "Invalid bagId: nonsense")
    stats = await node.mesh.GetDataStats(pb.GetDataStatsRequest())
    assert (stats.object_count, stats.receiving_count) == (len(everything), 0)
    status = await node.mesh.GetStatus(pb.GetStatusRequest())
    assert (list(status.upload_buckets), list(status.download_buckets), status.worker_id) == ([0], [0], 0)
    assert status.directory.complete
    assert status.max_object_size == 60 << 30
    assert (status.upload_auth, status.sync_enabled, status.cleanup_enabled) == ("off", True, False)


async def test_operators_see_and_drive_the_chores(node: RunningNode) -> None:
    names = {chore.name for chore in (await node.chores.ListChores(operator.ListChoresRequest())).chores}
    assert {"acceptance", "sync", "reconcile", "trees", "buckets"} <= names
    before = await node.run_chore("trees")
    assert (await node.run_chore("trees")).runs == before.runs + 1
    assert (await refused(node.chores.PauseChore(operator.PauseChoreRequest(name="nap")))).reason == "CHORE_NOT_FOUND"
    async with aiohttp.ClientSession() as session:
        async with session.get(node.addresses["admin"] + "/metrics") as response:
            assert "joygrpc_storage_objects" in await response.text()
        async with session.get(node.addresses["admin"] + "/readyz") as response:
            assert response.status == 200


# ---- tokens and immediate acceptance


MEMBER_SEED = b"\x07" * 32
MEMBER_ACCOUNT = encode_account(sr25519.pair_from_seed(MEMBER_SEED)[0], 126)


def signed_request(member: int, object_id: int) -> pb.CreateUploadTokenRequest:
    """What a member signs to upload into bucket 2."""
    data = {
        "memberId": member, "accountId": MEMBER_ACCOUNT, "dataObjectId": object_id, "storageBucketId": 2, "bagId": BAG,
    }  # fmt: skip
    text = json.dumps(data, separators=(",", ":"))
    signature = sr25519.sign(sr25519.pair_from_seed(MEMBER_SEED), text.encode())
    return pb.CreateUploadTokenRequest(signed_data=text, signature="0x" + signature.hex())


async def test_tokens_and_immediate_acceptance(ground: Ground) -> None:
    member = await ground.devnet.call("devnet_createMember", controller=MEMBER_ACCOUNT, handle="uploader")
    strict = UploadSettings(auth="required", token_ttl_s=30)
    async with ground.running(
        2, uploading=strict, acceptance=AcceptanceSettings(mode="immediate", interval_s=2)
    ) as node:
        new = await ground.create(noise(100, seed=12))
        start = new.start(storage_bucket_id=2)
        error = await refused(through_mesh(node, start, new.data))
        assert (error.reason, error.message) == ("TOKEN_MISSING", "'x-api-key' header required")

        error = await refused(node.mesh.CreateUploadToken(signed_request(0, new.id)))
        assert error.reason == "MEMBER_ACCOUNT_MISMATCH"
        request = signed_request(member, new.id)
        token = (await node.mesh.CreateUploadToken(request)).token
        request.signed_data = request.signed_data.replace(BAG, "static:council")
        assert (await refused(node.mesh.CreateUploadToken(request))).reason == "UPLOAD_SIGNATURE_INVALID"

        start.token = token
        await ground.devnet.call("devnet_setFault", stalled=True)
        uploading = asyncio.create_task(through_edge(node, start, new.data))
        await until(node, new.id, lambda found: found.state == content.OBJECT_STATE_PENDING)
        assert not uploading.done()
        await ground.devnet.call("devnet_setFault", clear=True)
        assert (await uploading).id == new.id
        error = await refused(through_mesh(node, start, new.data))
        assert (error.reason, error.message) == ("TOKEN_INVALID", "Nonce not found")
        await until(node, new.id, stored)
        status = await node.mesh.GetStatus(pb.GetStatusRequest())
        assert (status.upload_auth, bool(status.token_account)) == ("required", True)


# ---- ends and beginnings


async def test_a_killed_node_keeps_what_it_acknowledged_and_forgets_what_it_did_not(ground: Ground) -> None:
    whole = await ground.create(noise(MIB, seed=13))
    half = await ground.create(noise(2 * MIB, seed=14))
    async with ground.running(2, folder="killed") as node:
        await through_edge(node, whole.start(storage_bucket_id=2), whole.data)
        call = node.edge.BeginUpload()
        await call.write(pb.BeginUploadRequest(start=half.start(storage_bucket_id=2)))
        await call.read()
        await call.write(pb.BeginUploadRequest(data=half.data[:MIB]))
        await until_true(lambda: any(path.stat().st_size for path in incoming(ground, "killed", half)))
        await node.kill()
    assert len(incoming(ground, "killed", half)) == 1
    async with ground.running(2, folder="killed") as node:
        assert incoming(ground, "killed", half) == []
        assert await read(node, whole.id) == whole.data
        await until(node, whole.id, stored)
        assert (await refused(node.mesh.GetObject(pb.GetObjectRequest(object_id=half.id)))).reason == "OBJECT_NOT_FOUND"
        await through_edge(node, half.start(storage_bucket_id=2), half.data)
        # One data directory, one process.
        config = ground.config(2, folder="killed").model_copy(update={"node_socket": ground.folder / "other.sock"})
        with pytest.raises(AssertionError, match="ended with 102"):
            async with running_node(config, ground.folder / "second.log"):
                pass
        assert await node.stop() == 0


async def test_objects_are_served_while_chain_and_query_node_are_away(ground: Ground) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    away = node_config(2, ground.folder / "killed", f"ws://{nowhere}", f"http://{nowhere}/graphql")
    async with running_node(away, ground.folder / "away.log") as node:
        pages = node.mesh.ListObjects(pb.ListObjectsRequest())
        object_ids = [object_id async for page in pages for object_id in page.object_ids]
        assert object_ids
        assert await read(node, object_ids[0])
        start = pb.UploadStart(object_id=object_ids[0], storage_bucket_id=2, bag_id=BAG)
        assert (await refused(through_mesh(node, start))).reason == "BUCKET_NOT_SERVED"
        assert not (await node.mesh.GetStatus(pb.GetStatusRequest())).max_object_size


async def test_a_worker_that_does_not_exist_is_no_node(ground: Ground) -> None:
    addresses = ground.devnet.addresses
    config = node_config(40, ground.folder / "nobody", addresses.chain, addresses.query_node)
    with pytest.raises(AssertionError, match="ended with 103"):
        async with running_node(config, ground.folder / "nobody.log"):
            pass


async def test_a_node_without_buckets_is_idle(ground: Ground) -> None:
    worker = await ground.devnet.call("devnet_hire", group="storage", member=3, role_account="//Ferdie")
    addresses = ground.devnet.addresses
    config = node_config(worker, ground.folder / "idle", addresses.chain, addresses.query_node)
    async with running_node(config, ground.folder / "idle.log") as node:
        status = await node.mesh.GetStatus(pb.GetStatusRequest())
        assert (list(status.upload_buckets), list(status.download_buckets)) == ([], [])
