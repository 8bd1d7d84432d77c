"""How the gateway calls its node: one channel, deadlines, the request id, errors of the table, and byte streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from gateway.ranges import ByteRange
from joygrpc.mesh import JoygrpcError, call_metadata, error_of, read_stream

T = TypeVar("T")
Head = TypeVar("Head")


class StreamBroken(JoygrpcError):
    """The node sent fewer bytes than it announced."""

    reason = "SOURCE_FAILED"


class NodeLink:
    """The way to one node. `local` nodes are reached by a unix socket: they share the disk, and offer their edge services.

    Of a remote node at most `pull` bytes are asked at a time: what a client does not take waits in memory here, and a stream of a whole object would bring
    many times as much.
    """

    def __init__(
        self, channel: grpc.aio.Channel, target: str, *, call_timeout: timedelta, stall: timedelta, pull: int
    ) -> None:
        self.channel = channel
        self.target = target
        self.local = target.startswith("unix:")
        self.stall = stall
        self._pull = None if self.local else pull
        self._call_timeout_s = call_timeout.total_seconds()

    def __repr__(self) -> str:
        return f"<NodeLink {self.target}>"

    async def call(
        self, method: Callable[..., Awaitable[T]], request: object, *, timeout: timedelta | None = None
    ) -> T:
        """The response to a unary call. Raises `MeshError`; cancelling it cancels the call."""
        limit_s = self._call_timeout_s if timeout is None else timeout.total_seconds()
        try:
            return await method(request, timeout=limit_s, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    def stream(self, method: Callable[..., Any], request: object) -> AsyncGenerator[Any, None]:
        """The responses of a server stream, with a limit on stall. Close it (`aclosing`) to cancel the call."""
        return read_stream(method(request, metadata=call_metadata()), self.stall)

    @asynccontextmanager
    async def bytes_of(
        self,
        method: Callable[..., Any],
        request: Callable[[ByteRange], Message],
        split: Callable[[Any], tuple[Head | None, bytes]],
        part: ByteRange,
    ) -> AsyncIterator[ByteStream[Head]]:
        """The bytes of a range, begun as far as the first of them; `split` takes a response for the facts (the first one) or the data in it.

        So what goes wrong at the source shows before an answer begins. Raises `MeshError`, `StreamStalled` and `StreamBroken`; leaving the block cancels
        the call.
        """
        first = _head_of(part, self._pull)
        async with (
            self._begun(method, request(first), split, first.length) as stream,
            aclosing(self._onward(method, request, split, part, stream)) as chunks,
        ):
            yield ByteStream(stream.head, chunks)

    async def _onward(
        self,
        method: Callable[..., Any],
        request: Callable[[ByteRange], Message],
        split: Callable[[Any], tuple[Head | None, bytes]],
        part: ByteRange,
        first: ByteStream[Head],
    ) -> AsyncGenerator[bytes, None]:
        at = part.first
        async for data in first.chunks:
            at += len(data)
            yield data
        while at <= part.last:
            pulled = _head_of(ByteRange(at, part.last), self._pull)
            async with self._begun(method, request(pulled), split, pulled.length) as stream:
                async for data in stream.chunks:
                    at += len(data)
                    yield data

    @asynccontextmanager
    async def _begun(
        self,
        method: Callable[..., Any],
        request: Message,
        split: Callable[[Any], tuple[Head | None, bytes]],
        length: int,
    ) -> AsyncIterator[ByteStream[Head]]:
        async with aclosing(self.stream(method, request)) as responses:
            head: Head | None = None
            first = b""
            async for response in responses:
                found, first = split(response)
                head = head if found is None else found
                if first:
                    break
            if head is None or not first:
                raise StreamBroken("The node sent no data")
            clipped = _clipped(first, responses, split, length)
            # What was read shall not stay in memory as long as the answer lasts.
            del first, response
            async with aclosing(clipped) as chunks:
                yield ByteStream(head, chunks)


@dataclass(frozen=True, slots=True)
class ByteStream(Generic[Head]):
    """Facts and bytes. `chunks` gives exactly the announced number of bytes, or raises."""

    head: Head
    chunks: AsyncIterator[bytes]


def _head_of(part: ByteRange, most: int | None) -> ByteRange:
    return part if most is None else ByteRange(part.first, min(part.last, part.first + most - 1))


async def _clipped(
    first: bytes, responses: AsyncIterator[Any], split: Callable[[Any], tuple[Any, bytes]], length: int
) -> AsyncGenerator[bytes, None]:
    left = length - len(first)
    yield first[:length]
    del first
    if left <= 0:
        return
    async for response in responses:
        _, data = split(response)
        if not data:
            continue
        yield data if len(data) <= left else data[:left]
        left -= len(data)
        if left <= 0:
            return
    raise StreamBroken(f"{left} bytes are missing")
