"""`POST /files`: a multipart body of both eras' clients, streamed to the node while it arrives."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO

from aiohttp import hdrs, web

from gateway.bodies import pieces, refuse_encoded
from gateway.errors import RequestRefused
from gateway.exchange import current_exchange
from gateway.facts import ObjectFacts
from gateway.metrics import BYTES_RECEIVED
from gateway.multipart import (
    BodyEnded,
    Event,
    MultipartDecoder,
    MultipartInvalid,
    MultipartTruncated,
    PartBegan,
    PartData,
    PartEnded,
    boundary_of,
)
from gateway.storage_node import StorageNode
from gateway.upload_parameters import NAMES, UploadParameters, UploadTarget
from gateway.upload_streams import UploadStream, open_upload
from joygrpc.config.gateway import GatewayLimits
from joygrpc.pb.joystream.storage.v1.storage_pb2 import UploadStart

MULTIPART = "multipart/form-data"
TOKEN_HEADER = "x-api-key"  # noqa: S105 - a header's name
MESSAGE_BYTES = 512 << 10
"""Bytes gathered for one message to the node."""


@dataclass(slots=True)
class SpoolRoom:
    """Bytes on disk that files of all uploads together may wait in."""

    free: int

    def take(self, size: int) -> None:
        """Takes some of it. Raises `RequestRefused` when there is not enough."""
        if size > self.free:
            raise RequestRefused("TOO_MANY_UPLOADS", "Too many uploads at the moment")
        self.free -= size

    def give_back(self, size: int) -> None:
        """Gives it back."""
        self.free += size


class Uploads:
    """Takes uploads for one storage node.

    With all three parameters in the query string, or in form fields before the file, every check that needs no body is made before the file is read, and
    the file goes straight to the node. If a parameter comes only after the file, the file waits in an unnamed temporary file, within bounds. Nothing is
    committed before the whole form has been read; a client that goes away leaves nothing behind.
    """

    def __init__(self, node: StorageNode, limits: GatewayLimits) -> None:
        self._node = node
        self._limits = limits
        self._stall = timedelta(seconds=limits.stall_timeout_s)
        self._spool_room = SpoolRoom(limits.max_spool_total_bytes)
        self._running = 0

    def __repr__(self) -> str:
        return f"<Uploads {self._running}/{self._limits.max_concurrent_uploads}>"

    async def take(self, request: web.Request) -> ObjectFacts:
        """Serves one upload. Raises `RequestRefused`, `MeshError` and what reading the body raises."""
        boundary = _boundary(request)
        refuse_encoded(request)
        parameters = UploadParameters.of_query(request.query.items())
        if self._running >= self._limits.max_concurrent_uploads:
            raise RequestRefused("TOO_MANY_UPLOADS", "Too many uploads at the moment")
        self._running += 1
        try:
            async with AsyncExitStack() as stack:
                reception = _Reception(self._node, self._limits, self._spool_room, request, parameters, stack)
                if parameters.complete:
                    await reception.begin()
                await self._check_length(request)
                async with aclosing(_events(request, boundary, self._stall)) as events:
                    async for event in events:
                        await reception.handle(event)
                return await reception.finish()
        finally:
            self._running -= 1

    async def _check_length(self, request: web.Request) -> None:
        announced = request.content_length
        if announced is None:
            return
        known = await self._node.max_object_size()
        limit = self._limits.max_upload_bytes if known is None else min(known, self._limits.max_upload_bytes)
        if announced > limit + self._limits.max_form_overhead_bytes:
            raise RequestRefused("OBJECT_TOO_LARGE")


@dataclass(slots=True)
class _Reception:
    """The state of one upload's form."""

    node: StorageNode
    limits: GatewayLimits
    spool_room: SpoolRoom
    request: web.Request
    parameters: UploadParameters
    stack: AsyncExitStack
    stream: UploadStream | None = None
    spool: IO[bytes] | None = None
    spooled: int = 0
    received: int = 0
    files: int = 0
    in_file: bool = False
    field_name: str = ""
    field_value: bytearray = field(default_factory=bytearray)
    gathered: list[bytes] = field(default_factory=list)
    gathered_bytes: int = 0

    async def begin(self) -> None:
        """Announces the upload to the node, which makes its checks."""
        target = self.parameters.target()
        stream = await self.stack.enter_async_context(open_upload(self.node.link))
        await stream.begin(_start(target, self.request))
        self.stream = stream

    async def handle(self, event: Event) -> None:
        """Goes on by one event of the form."""
        match event:
            case PartBegan(name, is_file):
                await self._part_began(name, is_file=is_file)
            case PartData(data) if self.in_file:
                await self._file_data(data)
            case PartData(data) if self.field_name:
                self.field_value += data
                if len(self.field_value) > self.limits.max_form_field_bytes:
                    raise RequestRefused("BODY_TOO_LARGE", f"The form field {self.field_name} is too long")
            case PartEnded() if self.field_name:
                self.parameters.add_field(self.field_name, self.field_value.decode("utf-8", "replace"))
            case PartData() | PartEnded() | BodyEnded():
                pass

    async def finish(self) -> ObjectFacts:
        """Commits, now that the whole form was read."""
        if self.stream is None:
            await self.begin()
        if not self.files:
            raise RequestRefused("NO_FILE")
        if self.spool is not None:
            await self._forward(self.spool)
        await self._flush()
        return await self._stream.commit()

    @property
    def _stream(self) -> UploadStream:
        if self.stream is None:
            raise RuntimeError("the upload has not begun")
        return self.stream

    async def _part_began(self, name: str, *, is_file: bool) -> None:
        self.in_file = is_file
        self.field_name = name if not is_file and name in NAMES else ""
        self.field_value = bytearray()
        if not is_file:
            return
        self.files += 1
        if self.files > 1:
            raise RequestRefused("TOO_MANY_FILES")
        if self.stream is None and self.parameters.complete:
            await self.begin()
        if self.stream is None:
            directory = self.limits.spool_directory
            self.spool = self.stack.enter_context(tempfile.TemporaryFile(dir=directory))  # noqa: SIM115 - the stack closes it
            self.stack.callback(lambda: self.spool_room.give_back(self.spooled))

    async def _file_data(self, data: bytes) -> None:
        self.received += len(data)
        BYTES_RECEIVED.inc(len(data))
        if self.spool is not None:
            if self.received > self.limits.max_spool_bytes:
                raise RequestRefused("OBJECT_TOO_LARGE")
            self.spool_room.take(len(data))
            self.spooled += len(data)
            await asyncio.to_thread(self.spool.write, data)
            return
        if self.received > self.limits.max_upload_bytes:
            raise RequestRefused("OBJECT_TOO_LARGE")
        await self._gather(data)

    async def _gather(self, data: bytes) -> None:
        self.gathered.append(data)
        self.gathered_bytes += len(data)
        if self.gathered_bytes >= MESSAGE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        if self.gathered:
            data = self.gathered[0] if len(self.gathered) == 1 else b"".join(self.gathered)
            self.gathered.clear()
            self.gathered_bytes = 0
            await self._stream.send(data)

    async def _forward(self, spool: IO[bytes]) -> None:
        async for data in _read_from_start(spool):
            await self._gather(data)


def _boundary(request: web.Request) -> bytes:
    content_type = request.headers.get(hdrs.CONTENT_TYPE)
    if content_type is None or request.content_type != MULTIPART:
        shown = "undefined" if content_type is None else content_type
        raise RequestRefused("MEDIA_TYPE_UNSUPPORTED", f"unsupported media type {shown}")
    boundary = boundary_of(content_type)
    if boundary is None:
        raise RequestRefused("REQUEST_INVALID", "multipart file(s) required")
    return boundary


def _start(target: UploadTarget, request: web.Request) -> UploadStart:
    return UploadStart(
        object_id=target.object_id,
        storage_bucket_id=target.bucket_id,
        bag_id=_sendable(target.bag_id),
        token=_sendable(request.headers.get(TOKEN_HEADER, "")),
        client_address=current_exchange().client.address,
    )


def _sendable(text: str) -> str:
    """The text without what is no Unicode; messages to the node carry nothing else."""
    return text.encode("utf-8", "replace").decode()


async def _events(request: web.Request, boundary: bytes, stall: timedelta) -> AsyncGenerator[Event, None]:
    decoder = MultipartDecoder(boundary)
    try:
        async with aclosing(pieces(request, stall)) as body:
            async for piece in body:
                for event in decoder.feed(piece):
                    yield event
        decoder.finish()
    except MultipartTruncated:
        raise RequestRefused("UPLOAD_TRUNCATED", "The upload ended too early") from None
    except MultipartInvalid as error:
        raise RequestRefused("REQUEST_INVALID", f"Malformed multipart body: {error}") from None


async def _read_from_start(spool: IO[bytes]) -> AsyncIterator[bytes]:
    await asyncio.to_thread(spool.seek, 0)
    while data := await asyncio.to_thread(spool.read, MESSAGE_BYTES):
        yield data
