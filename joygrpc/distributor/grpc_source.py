"""Asking a storage node over the mesh."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import cast

import grpc

from joygrpc.content import GROUP_SIZE, InvalidMultihash, InvalidTree, TreeSlice, decode_multihash
from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.distributor.address_guard import AddressForbidden, AddressGuard
from joygrpc.distributor.sources import SourceError, SourceProblem
from joygrpc.mesh import ChannelPool, MeshError, StreamStalled, call_metadata, error_of, read_stream
from joygrpc.mesh.streams import ResponseStream
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

NODE_BYTES = 64
LONGEST_PATH = 64
"""More inner nodes than any path from the root to a group has."""


class GrpcSource:
    """`StorageService` of peers. Every method raises `SourceError`.

    `lookup` bounds the time without an answer to something small, `stall` that without a byte of an object.
    """

    def __init__(self, channels: ChannelPool, guard: AddressGuard, lookup: timedelta, stall: timedelta) -> None:
        self._channels = channels
        self._guard = guard
        self._lookup = lookup
        self._stall = stall

    async def probe(self, peer: StoragePeer, timeout: timedelta) -> None:
        """Have the peer answer a small question."""
        stub = await self._stub(peer)
        async with _translated(peer):
            await stub.GetStatus(pb.GetStatusRequest(), timeout=timeout.total_seconds(), metadata=call_metadata())

    async def tree(self, peer: StoragePeer, wanted: DirectoryObject, offset: int, length: int) -> TreeSlice:
        """The verified tree of a byte range of the object."""
        stub = await self._stub(peer)
        call = stub.GetObjectTree(
            pb.GetObjectTreeRequest(object_id=wanted.object_id, offset=offset, limit=length), metadata=call_metadata()
        )
        encoded = bytearray()
        most = NODE_BYTES * (length // GROUP_SIZE + 2 + 2 * LONGEST_PATH)
        async with (
            _translated(peer),
            aclosing(read_stream(cast("ResponseStream[pb.GetObjectTreeResponse]", call), self._lookup)) as responses,
        ):
            async for response in responses:
                if response.WhichOneof("content") == "header":
                    _expect_same(wanted, response.header.object_size, response.header.multihash)
                    continue
                encoded += response.data
                if len(encoded) > most:
                    raise SourceError(SourceProblem.LIED, "a tree that is too long")
        try:
            root = decode_multihash(wanted.multihash)
            # Some thousand hashes for a long range.
            return await asyncio.to_thread(TreeSlice.parse, bytes(encoded), wanted.size, root, offset, length)
        except (InvalidTree, InvalidMultihash) as error:
            raise SourceError(SourceProblem.LIED, str(error)) from error

    async def read(
        self, peer: StoragePeer, wanted: DirectoryObject, offset: int, length: int
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a range, as the peer sends them: never more of them, and an error when they are fewer."""
        stub = await self._stub(peer)
        call = stub.ReadObject(
            pb.ReadObjectRequest(object_id=wanted.object_id, offset=offset, limit=length), metadata=call_metadata()
        )
        left = length
        responses = read_stream(cast("ResponseStream[pb.ReadObjectResponse]", call), self._stall)
        async with _translated(peer), aclosing(responses):
            # A peer that is away or busy is found out sooner than one that pauses in the middle.
            async with asyncio.timeout(self._lookup.total_seconds()):
                told = await anext(responses)
            _expect_same(wanted, told.object.size, told.object.multihash)
            async for response in responses:
                left -= len(response.data)
                if left < 0:
                    raise SourceError(SourceProblem.LIED, "more bytes than were asked for")
                yield response.data
        if left:
            raise SourceError(SourceProblem.BROKEN, "fewer bytes than were asked for")

    async def _stub(self, peer: StoragePeer) -> "rpc.StorageServiceAsyncStub":
        target = peer.grpc_target or ""
        try:
            address = await self._guard.resolved(target)
        except AddressForbidden as error:
            raise SourceError(SourceProblem.FORBIDDEN, str(error)) from error
        return rpc.StorageServiceStub(self._channels.channel(target, tls=peer.grpc_tls, address=address))


def _expect_same(wanted: DirectoryObject, size: int, multihash: str) -> None:
    if (size, multihash) != (wanted.size, wanted.multihash):
        raise SourceError(SourceProblem.LIED, "another size or multihash than on chain")


@asynccontextmanager
async def _translated(peer: StoragePeer) -> AsyncIterator[None]:
    """Errors of the mesh as errors of a source."""
    try:
        yield
    except (StreamStalled, TimeoutError) as error:
        raise SourceError(SourceProblem.STALLED, "no answer, or no data, in time") from error
    except StopAsyncIteration as error:
        raise SourceError(SourceProblem.BROKEN, "an empty answer") from error
    except grpc.aio.AioRpcError as error:
        raise SourceError(SourceProblem.BROKEN, error_of(error).reason) from error
    except MeshError as error:
        match error.reason:
            case "OBJECT_NOT_FOUND":
                problem = SourceProblem.ABSENT
            case "TREE_NOT_FOUND" | "NOT_IMPLEMENTED":
                problem = SourceProblem.NO_TREE
            case _:
                problem = SourceProblem.BROKEN
        raise SourceError(problem, f"{error.reason} {peer.grpc_target}") from error
