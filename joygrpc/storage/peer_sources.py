"""Reading an object from a peer: over the mesh, or over plain REST from nodes that have none."""

import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import timedelta
from typing import Literal, Protocol, Self, cast

import aiohttp
import grpc

from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.mesh import ChannelPool, JoygrpcError, StreamStalled, call_metadata, error_of, read_stream
from joygrpc.mesh.streams import ResponseStream
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

HOST_ID_HEADER = "X-COLOSSUS-HOST-ID"
"""Names the asking process, so that a node can see that it asks itself."""

_CONNECT_S = 10.0
_CHUNK_BYTES = 1 << 20


class SourceFailed(JoygrpcError):
    """A peer did not give the object."""

    reason = "SOURCE_FAILED"


class PeerSource(Protocol):
    """One way to one peer."""

    kind: Literal["grpc", "rest"]
    worker_id: int

    def read(self, wanted: DirectoryObject) -> AsyncGenerator[bytes, None]:
        """The object's bytes as the peer tells them, unverified. Raises `SourceFailed`, `MeshError` and `StreamStalled`."""


class GrpcSource:
    """A peer's mesh address."""

    kind: Literal["grpc", "rest"] = "grpc"

    def __init__(self, peer: StoragePeer, target: str, channels: ChannelPool, stall: timedelta) -> None:
        self.worker_id = peer.worker_id
        self._target, self._tls = target, peer.grpc_tls
        self._channels = channels
        self._stall = stall

    def __repr__(self) -> str:
        return f"<GrpcSource worker={self.worker_id} {self._target}>"

    async def read(self, wanted: DirectoryObject) -> AsyncGenerator[bytes, None]:
        """The object's bytes."""
        stub = rpc.StorageServiceStub(self._channels.channel(self._target, tls=self._tls))
        try:
            call = stub.ReadObject(pb.ReadObjectRequest(object_id=wanted.object_id), metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        first = True
        async for response in read_stream(cast("ResponseStream[pb.ReadObjectResponse]", call), self._stall):
            if first and (response.object.size, response.object.multihash) != (wanted.size, wanted.multihash):
                raise SourceFailed("The peer has another object under this id")
            if not first:
                yield response.data
            first = False


class RestSource:
    """A peer's REST root."""

    kind: Literal["grpc", "rest"] = "rest"

    def __init__(self, peer: StoragePeer, session: aiohttp.ClientSession, stall: timedelta) -> None:
        self.worker_id = peer.worker_id
        self._root = peer.endpoint.rstrip("/")
        self._session = session
        self._stall = stall

    def __repr__(self) -> str:
        return f"<RestSource worker={self.worker_id} {self._root}>"

    async def read(self, wanted: DirectoryObject) -> AsyncGenerator[bytes, None]:
        """The object's bytes. Redirects are not followed: an operator's metadata must not send us anywhere."""
        limits = aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=self._stall.total_seconds())
        url = f"{self._root}/api/v1/files/{wanted.object_id}"
        try:
            async with self._session.get(url, allow_redirects=False, timeout=limits) as response:
                if response.status != 200:
                    raise SourceFailed(f"The peer answered {response.status}")
                if response.content_length not in (None, wanted.size):
                    raise SourceFailed("The peer has another size for this id")
                async for data in response.content.iter_any():
                    yield data
        except TimeoutError:
            raise StreamStalled(f"No data for {self._stall.total_seconds():g} s") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise SourceFailed(f"The peer's answer broke off: {type(error).__name__}") from error


class PeerSources:
    """Ways to peers; use as an async context manager, which closes connections. `stall` is the longest time without a byte."""

    def __init__(self, stall: timedelta) -> None:
        self._stall = stall
        self._channels = ChannelPool()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self._channels.__aenter__()
        # Identity coding and no decompression: the bytes are hashed as they are, and a bomb stays small.
        headers = {HOST_ID_HEADER: str(uuid.uuid4()), "Accept-Encoding": "identity"}
        self._session = aiohttp.ClientSession(headers=headers, auto_decompress=False, read_bufsize=_CHUNK_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        await self._channels.__aexit__()

    @property
    def channels(self) -> ChannelPool:
        """Channels to peers' mesh addresses."""
        return self._channels

    @property
    def session(self) -> aiohttp.ClientSession:
        """For plain REST; sends the host id, asks for identity coding."""
        assert self._session is not None
        return self._session

    def of(self, peers: Sequence[StoragePeer]) -> Iterator[PeerSource]:
        """Ways to the peers in their order, the mesh before REST; each address once."""
        assert self._session is not None
        seen: set[str] = set()
        for peer in peers:
            if peer.grpc_target is not None and peer.grpc_target not in seen:
                seen.add(peer.grpc_target)
                yield GrpcSource(peer, peer.grpc_target, self._channels, self._stall)
            if peer.endpoint and peer.endpoint not in seen:
                seen.add(peer.endpoint)
                yield RestSource(peer, self._session, self._stall)
