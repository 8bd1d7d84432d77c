"""Storage nodes for tests: real servers on real sockets that hold a few objects, and behave well or badly."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from aiohttp import web

from joygrpc.content import BagId, TreeBuilder, multihash_of_bytes
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.mesh import MAX_DATA_BYTES, JoygrpcError, MeshServer, Service
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

BAG = BagId.channel(1)


class ObjectMissing(JoygrpcError):
    reason = "OBJECT_NOT_FOUND"


class TreeMissing(JoygrpcError):
    reason = "TREE_NOT_FOUND"


class PeerBroken(JoygrpcError):
    reason = "NODE_UNAVAILABLE"


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


@dataclass
class Peer:
    """A storage node with both of its faces."""

    objects: dict[int, bytes]
    behaviour: Behaviour
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    calls: Counter[str] = field(default_factory=Counter)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bytes_sent: int = 0
    endpoint: str = ""
    grpc_target: str | None = None

    def facts(self, bucket_id: int) -> StoragePeer:
        return StoragePeer(bucket_id, bucket_id, self.endpoint, self.grpc_target)

    async def sent(self, data: bytes, offset: int, end: int) -> AsyncIterator[bytes]:
        """The bytes of a range as this peer sends them."""
        behaviour = self.behaviour
        position = offset
        if not behaviour.reads:
            raise PeerBroken("reads nothing")
        while position < end:
            stops = [stop for stop in (behaviour.dies_at, behaviour.hangs_at) if stop is not None and stop > position]
            if position == behaviour.dies_at and position > offset:
                raise PeerBroken("broke off")
            if position == behaviour.hangs_at and not self.go_on.is_set():
                self.hanging.set()
                await self.go_on.wait()
            stop = min([position + MAX_DATA_BYTES, end, *stops])
            piece = bytearray(data[position:stop])
            if behaviour.wrong_from is not None:
                for index in range(max(0, behaviour.wrong_from - position), len(piece)):
                    piece[index] ^= 0xFF
            self.bytes_sent += len(piece)
            yield bytes(piece)
            position = stop
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
        data = self._object(request.object_id)
        if not self._peer.behaviour.trees:
            raise TreeMissing("no tree")
        builder = TreeBuilder()
        builder.update(data)
        proof = bytearray(builder.finish().prove(request.offset, request.limit or len(data)))
        if self._peer.behaviour.wrong_trees:
            proof[-1] ^= 1
        header = content.TreeHeader(object_size=len(data), multihash=multihash_of_bytes(data), encoded_size=len(proof))
        yield pb.GetObjectTreeResponse(header=header)
        yield pb.GetObjectTreeResponse(data=bytes(proof))

    async def ReadObject(self, request: pb.ReadObjectRequest, context: Any) -> AsyncIterator[pb.ReadObjectResponse]:
        self._peer.calls["read"] += 1
        data = self._object(request.object_id)
        end = min(request.offset + request.limit, len(data)) if request.limit else len(data)
        self._peer.ranges.append((request.offset, end))
        facts = content.Object(id=request.object_id, size=len(data), multihash=multihash_of_bytes(data))
        yield pb.ReadObjectResponse(object=facts)
        async for piece in self._peer.sent(data, request.offset, end):
            yield pb.ReadObjectResponse(data=piece)

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        self._peer.calls["probe"] += 1
        return pb.GetStatusResponse(version="test")


def _rest_app(peer: Peer) -> web.Application:
    async def file(request: web.Request) -> web.StreamResponse:
        peer.calls["rest"] += 1
        peer.headers.append(dict(request.headers))
        data = peer.objects.get(int(request.match_info["id"]))
        if peer.behaviour.redirects:
            raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
        if data is None:
            raise web.HTTPNotFound
        asked = request.http_range
        first, end = asked.start or 0, min(asked.stop or len(data), len(data))
        peer.ranges.append((first, end))
        response = web.StreamResponse(status=206 if "Range" in request.headers else 200)
        if response.status == 206:
            response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
        if not peer.behaviour.too_long:
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
async def storage_peer(
    objects: dict[int, bytes], behaviour: Behaviour | None = None, *, mesh: bool = True
) -> AsyncIterator[Peer]:
    """A storage node that runs for the length of the block; with REST alone when `mesh` is False."""
    peer = Peer(dict(objects), behaviour or Behaviour())

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
