"""Uploads on their way to the node: with every check before the body where the node is local, in one pass where it is remote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol, Self

import grpc
from google.protobuf.message import Message
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # not in the library's types

from gateway.facts import ObjectFacts
from gateway.node_link import NodeLink, StreamBroken
from joygrpc.mesh import MeshError, StreamStalled, call_metadata, error_of
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

BEGIN_TIMEOUT = timedelta(seconds=30)
"""An object that the node does not know is looked up on chain before an upload is accepted."""

COMMIT_TIMEOUT = timedelta(minutes=10)
"""The node flushes the file to disk and, in immediate mode, waits for the chain."""


class UploadStream(Protocol):
    """One upload. Leaving the block without `commit` aborts it, and nothing stays behind."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def begin(self, start: pb.UploadStart) -> None:
        """Announces the upload. Raises `MeshError` when the node refuses it."""
        ...

    async def send(self, data: bytes) -> None:
        """Sends the next bytes, 1 MiB at most. Raises `MeshError` when the node refuses to go on."""
        ...

    async def commit(self) -> ObjectFacts:
        """Says that these were all the bytes, and waits until the object is stored. Raises `MeshError`."""
        ...


def open_upload(link: NodeLink) -> UploadStream:
    """An upload to the node: by its edge service if it is local, else by the mesh."""
    return _LocalUpload(link) if link.local else _MeshUpload(link)


class _CallUpload:
    """What both ways share: a call that takes a stream of requests."""

    def __init__(self, call: Any, stall: timedelta) -> None:
        self._call = call
        self._stall = stall

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # An ended call is left alone; any other ends here, which the node takes as an abort.
        self._call.cancel()

    async def _write_first(self, request: Message) -> None:
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        except asyncio.InvalidStateError as error:
            raise await self._failure() from error

    async def _write(self, request: Message) -> None:
        if self._call.done():
            raise await self._failure()
        # Not `write`: when the node ends the call while a message is on its way, that replaces the node's status by an internal error of the library,
        # and the reason is lost. What it does besides is done by the first write.
        try:
            async with _within(self._stall):
                await self._call._cython_call.send_serialized_message(request.SerializeToString())  # noqa: SLF001 - as above
        except cygrpc.InternalError as error:
            raise await self._failure() from error

    async def _failure(self) -> MeshError:
        """Why the node ended the call."""
        code = await self._call.code()
        error = grpc.aio.AioRpcError(
            code, await self._call.initial_metadata(), await self._call.trailing_metadata(), await self._call.details()
        )
        return error_of(error)


class _LocalUpload(_CallUpload):
    def __init__(self, link: NodeLink) -> None:
        super().__init__(rpc.StorageEdgeServiceStub(link.channel).BeginUpload(metadata=call_metadata()), link.stall)

    async def begin(self, start: pb.UploadStart) -> None:
        await self._write_first(pb.BeginUploadRequest(start=start))
        async with _within(BEGIN_TIMEOUT):
            response = await self._read()
        if not response.HasField("accepted"):
            raise StreamBroken("The node did not accept the upload")

    async def send(self, data: bytes) -> None:
        await self._write(pb.BeginUploadRequest(data=data))

    async def commit(self) -> ObjectFacts:
        await self._write(pb.BeginUploadRequest(commit=pb.UploadFinish()))
        async with _within(COMMIT_TIMEOUT):
            response = await self._read()
        if not response.HasField("committed"):
            raise StreamBroken("The node did not commit the upload")
        await self._call.done_writing()
        return ObjectFacts.of(response.committed.object)

    async def _read(self) -> pb.BeginUploadResponse:
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        if response is grpc.aio.EOF:
            raise StreamBroken("The node ended the upload")
        return response  # type: ignore[no-any-return]  # untyped call


class _MeshUpload(_CallUpload):
    def __init__(self, link: NodeLink) -> None:
        super().__init__(rpc.StorageServiceStub(link.channel).WriteObject(metadata=call_metadata()), link.stall)

    async def begin(self, start: pb.UploadStart) -> None:
        # The node answers only once, at the end or when it refuses; a refusal is seen at the next write.
        await self._write_first(pb.WriteObjectRequest(start=start))

    async def send(self, data: bytes) -> None:
        await self._write(pb.WriteObjectRequest(data=data))

    async def commit(self) -> ObjectFacts:
        await self._write(pb.WriteObjectRequest(finish=pb.UploadFinish()))
        try:
            async with _within(COMMIT_TIMEOUT):
                await self._call.done_writing()
                return ObjectFacts.of((await self._call).object)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error


@asynccontextmanager
async def _within(limit: timedelta) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit.total_seconds()):
            yield
    except TimeoutError:
        raise StreamStalled("The node made no progress for too long") from None
