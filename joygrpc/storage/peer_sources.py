"""Reading an object from a peer: over the mesh, or over plain REST from nodes that have none."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Protocol, Self, cast

import aiohttp
import grpc

from joygrpc.content import GROUP_SIZE, InvalidMultihash, InvalidTree, TreeSlice, decode_multihash
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.mesh import ChannelPool, JoygrpcError, MeshError, StreamStalled, call_metadata, error_of, read_stream
from joygrpc.mesh.streams import ResponseStream
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

HOST_ID_HEADER = "X-COLOSSUS-HOST-ID"
"""Names the asking process, so that a node can see that it asks itself."""

_CONNECT_S = 10.0
_CHUNK_BYTES = 1 << 20
_MAX_HEADER_BYTES = 8190
_NODE_BYTES = 64
_LONGEST_PATH = 64
"""More inner nodes than any path from the root to a group has."""


class SourceProblem(StrEnum):
    """Why a peer did not give what was asked of it; label of the metric and field of the log."""

    ABSENT = "absent"
    """It does not have the object."""
    NO_TREE = "no_tree"
    """It has the object, and no tree of it."""
    STALLED = "stalled"
    """Nothing came for too long."""
    UNREACHABLE = "unreachable"
    """It cannot be connected to."""
    BROKEN = "broken"
    """The answer broke off, or was no answer."""
    STATUS = "status"
    """An HTTP status that is none of success."""
    REDIRECTED = "redirected"
    """It wanted to send us somewhere else."""
    HEADERS = "headers"
    """Headers that are too large."""
    TRUNCATED = "truncated"
    """Fewer bytes than the object has."""
    TOO_LONG = "too_long"
    """More bytes than were asked for."""
    OTHER_OBJECT = "other_object"
    """Another size or multihash than on chain."""
    WRONG_TREE = "wrong_tree"
    """A tree that does not lead to the multihash on chain."""
    WRONG_BYTES = "wrong_bytes"
    """Bytes that are not the object's."""
    SLOW = "slow"
    """It took longer than the operator allows."""


LIES = frozenset(
    {SourceProblem.OTHER_OBJECT, SourceProblem.WRONG_TREE, SourceProblem.WRONG_BYTES, SourceProblem.TOO_LONG}
)
"""What no honest peer does."""


class SourceFailed(JoygrpcError):
    """A peer did not give the object."""

    reason = "SOURCE_FAILED"

    def __init__(self, message: str = "", problem: SourceProblem = SourceProblem.BROKEN) -> None:
        super().__init__(message)
        self.problem = problem


class PeerSource(Protocol):
    """One way to one peer."""

    kind: Literal["grpc", "rest"]
    worker_id: int
    address: str

    def read(self, wanted: DirectoryObject, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """A range of the object as the peer tells it, unverified: never more bytes, and `SourceFailed` when they are fewer."""

    async def prove(self, wanted: DirectoryObject, offset: int, length: int) -> TreeSlice:
        """What proves a range, verified against the multihash on chain. Raises `SourceFailed`."""


class GrpcSource:
    """A peer's mesh address."""

    kind: Literal["grpc", "rest"] = "grpc"

    def __init__(self, peer: StoragePeer, target: str, channels: ChannelPool, stall: timedelta) -> None:
        self.worker_id, self.address = peer.worker_id, target
        self._tls = peer.grpc_tls
        self._channels = channels
        self._stall = stall

    def __repr__(self) -> str:
        return f"<GrpcSource worker={self.worker_id} {self.address}>"

    async def read(self, wanted: DirectoryObject, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """A range of the object."""
        request = pb.ReadObjectRequest(object_id=wanted.object_id, offset=offset, limit=length)
        left = length
        async with _mesh_errors():
            call = self._stub.ReadObject(request, metadata=call_metadata())
            responses = read_stream(cast("ResponseStream[pb.ReadObjectResponse]", call), self._stall)
            async with aclosing(responses):
                first = await anext(responses)
                _expect_same(wanted, first.object.size, first.object.multihash)
                async for response in responses:
                    left -= len(response.data)
                    if left < 0:
                        raise SourceFailed("More bytes than were asked for", SourceProblem.TOO_LONG)
                    yield response.data
        if left:
            raise SourceFailed("Fewer bytes than were asked for", SourceProblem.TRUNCATED)

    async def prove(self, wanted: DirectoryObject, offset: int, length: int) -> TreeSlice:
        """What proves a range."""
        request = pb.GetObjectTreeRequest(object_id=wanted.object_id, offset=offset, limit=length)
        most = _NODE_BYTES * (length // GROUP_SIZE + 2 + 2 * _LONGEST_PATH)
        encoded = bytearray()
        async with _mesh_errors():
            call = self._stub.GetObjectTree(request, metadata=call_metadata())
            responses = read_stream(cast("ResponseStream[pb.GetObjectTreeResponse]", call), self._stall)
            async with aclosing(responses):
                async for response in responses:
                    if response.WhichOneof("content") == "header":
                        _expect_same(wanted, response.header.object_size, response.header.multihash)
                    encoded += response.data
                    if len(encoded) > most:
                        raise SourceFailed("A tree that is too long", SourceProblem.WRONG_TREE)
        try:
            root = decode_multihash(wanted.multihash)
            # Some thousand hashes for a long range.
            return await asyncio.to_thread(TreeSlice.parse, bytes(encoded), wanted.size, root, offset, length)
        except (InvalidTree, InvalidMultihash) as error:
            raise SourceFailed(str(error), SourceProblem.WRONG_TREE) from error

    @property
    def _stub(self) -> "rpc.StorageServiceAsyncStub":
        return rpc.StorageServiceStub(self._channels.channel(self.address, tls=self._tls))


class RestSource:
    """A peer's REST root."""

    kind: Literal["grpc", "rest"] = "rest"

    def __init__(self, peer: StoragePeer, session: aiohttp.ClientSession, stall: timedelta) -> None:
        self.worker_id, self.address = peer.worker_id, peer.endpoint.rstrip("/")
        self._session = session
        self._stall = stall

    def __repr__(self) -> str:
        return f"<RestSource worker={self.worker_id} {self.address}>"

    async def read(self, wanted: DirectoryObject, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        """A range of the object. Redirects are not followed: an operator's metadata must not send us anywhere."""
        headers = {} if length == wanted.size else {"Range": f"bytes={offset}-{offset + length - 1}"}
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._stall.total_seconds())
        url = f"{self.address}/api/v1/files/{wanted.object_id}"
        async with (
            _http_errors(),
            self._session.get(url, headers=headers, allow_redirects=False, timeout=limits) as answer,
        ):
            skip = _bytes_to_skip(answer, offset, wanted.size)
            left = length
            async for data in answer.content.iter_any():
                # A server that does not know ranges sends all from the start.
                kept = data[skip : skip + left]
                if len(data) - skip > left and offset + length == wanted.size:
                    raise SourceFailed("More bytes than the object has", SourceProblem.TOO_LONG)
                skip = max(0, skip - len(data))
                left -= len(kept)
                if kept:
                    yield kept
                if left == 0 and offset + length < wanted.size:
                    return
        if left:
            raise SourceFailed("Fewer bytes than were asked for", SourceProblem.TRUNCATED)

    async def prove(self, wanted: DirectoryObject, offset: int, length: int) -> TreeSlice:
        """Plain REST has no trees."""
        raise SourceFailed("Plain REST has no trees", SourceProblem.NO_TREE)


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
        self._session = aiohttp.ClientSession(
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=_CHUNK_BYTES,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
        await self._channels.__aexit__()

    @property
    def session(self) -> aiohttp.ClientSession:
        """For plain REST; sends the host id, asks for identity coding."""
        assert self._session is not None
        return self._session

    def of(self, peers: Sequence[StoragePeer]) -> Iterator[PeerSource]:
        """Ways to the peers in their order, the mesh before REST; each address once."""
        seen: set[str] = set()
        for peer in peers:
            if peer.grpc_target is not None and peer.grpc_target not in seen:
                seen.add(peer.grpc_target)
                yield GrpcSource(peer, peer.grpc_target, self._channels, self._stall)
            if peer.endpoint and peer.endpoint not in seen:
                seen.add(peer.endpoint)
                yield RestSource(peer, self.session, self._stall)


def _expect_same(wanted: DirectoryObject, size: int, multihash: str) -> None:
    if (size, multihash) != (wanted.size, wanted.multihash):
        raise SourceFailed("The peer has another object under this id", SourceProblem.OTHER_OBJECT)


def _bytes_to_skip(answer: aiohttp.ClientResponse, offset: int, size: int) -> int:
    """Bytes at the start of an answer's body that were not asked for."""
    if answer.status == 404:
        raise SourceFailed("The peer answered 404", SourceProblem.ABSENT)
    if 300 <= answer.status < 400:
        raise SourceFailed(f"The peer answered {answer.status}", SourceProblem.REDIRECTED)
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceFailed("The peer sends an encoded answer")
    if answer.status == 200:
        if answer.content_length not in (None, size):
            raise SourceFailed("The peer has another size for this id", SourceProblem.OTHER_OBJECT)
        return offset
    if answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
        return 0
    raise SourceFailed(f"The peer answered {answer.status}", SourceProblem.STATUS)


@asynccontextmanager
async def _mesh_errors() -> AsyncIterator[None]:
    """Errors of the mesh as those of a source."""
    try:
        yield
    except StreamStalled as error:
        raise SourceFailed(error.message, SourceProblem.STALLED) from error
    except StopAsyncIteration as error:
        raise SourceFailed("An empty answer") from error
    except (MeshError, grpc.aio.AioRpcError) as error:
        refusal = error if isinstance(error, MeshError) else error_of(error)
        match refusal.reason:
            case "OBJECT_NOT_FOUND":
                problem = SourceProblem.ABSENT
            case "TREE_NOT_FOUND" | "NOT_IMPLEMENTED":
                problem = SourceProblem.NO_TREE
            case "NODE_UNAVAILABLE":
                problem = SourceProblem.UNREACHABLE
            case _:
                problem = SourceProblem.BROKEN
        raise SourceFailed(f"{refusal.reason}: {refusal.message}", problem) from error


@asynccontextmanager
async def _http_errors() -> AsyncIterator[None]:
    """Errors of HTTP as those of a source."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise SourceFailed("The peer cannot be connected to", SourceProblem.UNREACHABLE) from error
    except (TimeoutError, aiohttp.ServerTimeoutError) as error:
        raise SourceFailed("No data in time", SourceProblem.STALLED) from error
    except aiohttp.ClientResponseError as error:
        # What cannot be parsed: a header that is too long, most of all.
        raise SourceFailed(f"The peer's answer is none: {type(error).__name__}", SourceProblem.HEADERS) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise SourceFailed(f"The peer's answer broke off: {type(error).__name__}") from error
