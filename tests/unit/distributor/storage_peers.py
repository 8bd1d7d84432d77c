"""Storage nodes for tests: real servers on real sockets that hold a few objects, and behave well or badly."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
from aiohttp import web

from joygrpc.content import GROUP_SIZE, BagId, Tree, TreeBuilder, encode_multihash, multihash_of_bytes
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.mesh import MAX_DATA_BYTES, JoygrpcError, MeshServer, Service
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

BAG = BagId.channel(1)

TRICKLE_BYTES = 50_000
TRICKLE_PAUSE_S = 0.05


class ObjectMissing(JoygrpcError):
    reason = "OBJECT_NOT_FOUND"


class TreeMissing(JoygrpcError):
    reason = "TREE_NOT_FOUND"


class PeerBroken(JoygrpcError):
    reason = "NODE_UNAVAILABLE"


class Content(Protocol):
    """What an object holds; bytes are."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class Pattern:
    """Content of any size that takes no memory: each group is a rotated block that begins with the group's number."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self._size = size
        self._twice = random.Random(seed).randbytes(GROUP_SIZE) * 2

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._size)
        groups = range(start // GROUP_SIZE, -(-stop // GROUP_SIZE))
        data = b"".join(self._group(group) for group in groups)
        skip = start - groups.start * GROUP_SIZE
        return data[skip : skip + stop - start]

    def _group(self, group: int) -> bytes:
        number = group.to_bytes(8, "big")
        shift = group * 4099 % GROUP_SIZE
        return number + self._twice[shift + 8 : shift + GROUP_SIZE]


def tree_of(data: Content) -> Tree:
    """The object's tree."""
    builder = TreeBuilder()
    for start in range(0, len(data), 1 << 22):
        builder.update(data[start : start + (1 << 22)])
    return builder.finish()


def multihash_of(data: Content) -> str:
    """The object's multihash."""
    return encode_multihash(tree_of(data).root)


def object_of(object_id: int, data: bytes, fallback_media_type: str | None = None) -> DirectoryObject:
    """The facts on chain of an object with these bytes."""
    return DirectoryObject(object_id, len(data), multihash_of_bytes(data), BAG, True, fallback_media_type)


@dataclass
class Behaviour:
    """How a peer misbehaves; as made, it does not."""

    trees: bool = True
    wrong_trees: bool = False
    reads: bool = True
    wrong_from: int | None = None
    """First byte of what it sends wrongly."""
    dies_at: int | None = None
    """Byte at which streams break off, once for each stream that begins before it."""
    hangs_at: int | None = None
    """Byte at which streams stop and wait for `go_on`."""
    too_long: bool = False
    redirects: bool = False
    foreign_trees: bool = False
    """Sends a tree that is right, of another object of the same size."""
    short_trees: bool = False
    hanging_trees: bool = False
    """Answers no question for a tree."""
    wrong_facts: bool = False
    """Tells another size and multihash than the chain."""
    too_short: bool = False
    """Ends without an error before all was sent."""
    empty_answers: bool = False
    """Ends without having sent anything."""
    trickles: bool = False
    """Sends a few bytes at a time, with pauses."""
    wrong_range: bool = False
    """Sends another range than was asked for, and says so over REST."""
    encoded: bool = False
    """Says over REST that it sends something compressed."""
    status: int = 0
    """Status of all answers over REST, if it is not 0."""
    deaf: bool = False
    """Has no more than a socket that takes connections and never says anything."""
    garbage: bool = False
    """Answers with bytes that are neither HTTP nor gRPC."""


@dataclass
class Peer:
    """A storage node with both of its faces."""

    objects: dict[int, Any]
    behaviour: Behaviour
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    calls: Counter[str] = field(default_factory=Counter)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bytes_sent: int = 0
    endpoint: str = ""
    grpc_target: str | None = None
    trees: dict[int, tuple[Content, Tree]] = field(default_factory=dict, repr=False)

    def tree(self, object_id: int) -> Tree:
        """The tree of one of its objects."""
        data = self.objects[object_id]
        known = self.trees.get(object_id)
        if known is None or known[0] is not data:
            known = self.trees[object_id] = (data, tree_of(data))
        return known[1]

    def facts(self, bucket_id: int) -> StoragePeer:
        return StoragePeer(bucket_id, bucket_id, self.endpoint, self.grpc_target)

    async def sent(self, data: Content, offset: int, end: int) -> AsyncIterator[bytes]:
        """The bytes of a range as this peer sends them."""
        behaviour = self.behaviour
        position = offset
        if behaviour.empty_answers:
            return
        if behaviour.too_short:
            end -= 1 + (end - offset) // 3
        if not behaviour.reads:
            raise PeerBroken("reads nothing")
        while position < end:
            stops = [stop for stop in (behaviour.dies_at, behaviour.hangs_at) if stop is not None and stop > position]
            if position == behaviour.dies_at and position > offset:
                raise PeerBroken("broke off")
            if position == behaviour.hangs_at and not self.go_on.is_set():
                self.hanging.set()
                await self.go_on.wait()
            stop = min([position + (TRICKLE_BYTES if behaviour.trickles else MAX_DATA_BYTES), end, *stops])
            piece = bytearray(data[position:stop])
            if behaviour.wrong_from is not None:
                for index in range(max(0, behaviour.wrong_from - position), len(piece)):
                    piece[index] ^= 0xFF
            self.bytes_sent += len(piece)
            yield bytes(piece)
            position = stop
            if behaviour.trickles:
                await asyncio.sleep(TRICKLE_PAUSE_S)
        if behaviour.too_long:
            yield b"more"


class _Endpoint(rpc.StorageServiceServicer):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def _object(self, object_id: int) -> bytes:
        try:
            return self._peer.objects[object_id]
        except KeyError:
            raise ObjectMissing("no such object") from None

    async def GetObjectTree(
        self, request: pb.GetObjectTreeRequest, context: Any
    ) -> AsyncIterator[pb.GetObjectTreeResponse]:
        self._peer.calls["tree"] += 1
        data, behaviour = self._object(request.object_id), self._peer.behaviour
        if not behaviour.trees:
            raise TreeMissing("no tree")
        if behaviour.hanging_trees:
            self._peer.hanging.set()
            await self._peer.go_on.wait()
        tree = tree_of(bytes(len(data))) if behaviour.foreign_trees else self._peer.tree(request.object_id)
        proof = bytearray(tree.prove(request.offset, request.limit or len(data)))
        if behaviour.wrong_trees:
            proof[-1] ^= 1
        if behaviour.short_trees:
            del proof[-64:]
        size, multihash = self._told(request.object_id)
        header = content.TreeHeader(object_size=size, multihash=multihash, encoded_size=len(proof))
        yield pb.GetObjectTreeResponse(header=header)
        yield pb.GetObjectTreeResponse(data=bytes(proof))

    async def ReadObject(self, request: pb.ReadObjectRequest, context: Any) -> AsyncIterator[pb.ReadObjectResponse]:
        self._peer.calls["read"] += 1
        data = self._object(request.object_id)
        end = min(request.offset + request.limit, len(data)) if request.limit else len(data)
        self._peer.ranges.append((request.offset, end))
        size, multihash = self._told(request.object_id)
        yield pb.ReadObjectResponse(object=content.Object(id=request.object_id, size=size, multihash=multihash))
        shift = GROUP_SIZE if self._peer.behaviour.wrong_range and request.offset >= GROUP_SIZE else 0
        async for piece in self._peer.sent(data, request.offset - shift, end - shift):
            yield pb.ReadObjectResponse(data=piece)

    def _told(self, object_id: int) -> tuple[int, str]:
        data = self._object(object_id)
        if self._peer.behaviour.wrong_facts:
            return len(data) + 1, multihash_of_bytes(b"another")
        return len(data), encode_multihash(self._peer.tree(object_id).root)

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        self._peer.calls["probe"] += 1
        return pb.GetStatusResponse(version="test")


def _rest_app(peer: Peer) -> web.Application:
    async def file(request: web.Request) -> web.StreamResponse:
        peer.calls["rest"] += 1
        peer.headers.append(dict(request.headers))
        data = peer.objects.get(int(request.match_info["id"]))
        if peer.behaviour.status:
            return web.Response(status=peer.behaviour.status, text="not today")
        if peer.behaviour.redirects:
            raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
        if data is None:
            raise web.HTTPNotFound
        asked = request.http_range
        first, end = asked.start or 0, min(asked.stop or len(data), len(data))
        peer.ranges.append((first, end))
        if peer.behaviour.wrong_range and first >= GROUP_SIZE:
            first, end = first - GROUP_SIZE, end - GROUP_SIZE
        response = web.StreamResponse(status=206 if "Range" in request.headers else 200)
        if response.status == 206:
            response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
        if peer.behaviour.encoded:
            response.headers["Content-Encoding"] = "gzip"
        if not (peer.behaviour.too_long or peer.behaviour.too_short or peer.behaviour.empty_answers):
            response.content_length = end - first
        await response.prepare(request)
        try:
            async for piece in peer.sent(data, first, end):
                await response.write(piece)
        except PeerBroken:
            assert request.transport is not None
            request.transport.abort()
        return response

    async def version(_: web.Request) -> web.Response:
        peer.calls["probe"] += 1
        return web.json_response({"version": "test"})

    app = web.Application()
    app.add_routes([web.get("/api/v1/files/{id}", file), web.get("/api/v1/version", version)])
    return app


@asynccontextmanager
async def _mute_peer(peer: Peer, mesh: bool) -> AsyncIterator[Peer]:
    """A socket in place of both of a peer's faces."""
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer.calls["connected"] += 1
        if peer.behaviour.garbage:
            writer.write(b"\x00\xffthis is no protocol\r\n" * 1000)
            await writer.drain()
        else:
            await gone.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        peer.endpoint = f"http://127.0.0.1:{port}"
        peer.grpc_target = f"127.0.0.1:{port}" if mesh else None
        try:
            yield peer
        finally:
            gone.set()


@asynccontextmanager
async def storage_peer(
    objects: dict[int, Any], behaviour: Behaviour | None = None, *, mesh: bool = True
) -> AsyncIterator[Peer]:
    """A storage node that runs for the length of the block; with REST alone when `mesh` is False."""
    peer = Peer(dict(objects), behaviour or Behaviour())
    if peer.behaviour.deaf or peer.behaviour.garbage:
        async with _mute_peer(peer, mesh):
            yield peer
        return

    def add(server: grpc.aio.Server) -> None:
        rpc.add_StorageServiceServicer_to_server(_Endpoint(peer), server)

    runner = web.AppRunner(_rest_app(peer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    peer.endpoint = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    services = [Service("joystream.storage.v1.StorageService", add)]
    server = MeshServer("127.0.0.1:0", services)
    server.grace = server.grace * 0
    try:
        async with server:
            if mesh:
                peer.grpc_target = f"127.0.0.1:{server.port}"
            yield peer
    finally:
        peer.go_on.set()
        await runner.cleanup()
