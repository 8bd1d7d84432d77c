"""How the gateway calls its node: one channel, deadlines, the request id, errors of the table, and byte streams."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import grpc

from joygrpc.mesh import JoygrpcError, call_metadata, error_of, read_stream

T = TypeVar("T")
Head = TypeVar("Head")


class StreamBroken(JoygrpcError):
    """The node sent fewer bytes than it announced."""

    reason = "SOURCE_FAILED"


class NodeLink:
    """The way to one node. `local` nodes are reached by a unix socket: they share the disk, and offer their edge services."""

    def __init__(self, channel: grpc.aio.Channel, target: str, *, call_timeout: timedelta, stall: timedelta) -> None:
        self.channel = channel
        self.target = target
        self.local = target.startswith("unix:")
        self.stall = stall
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
        request: object,
        split: Callable[[Any], tuple[Head | None, bytes]],
        length: int,
    ) -> AsyncIterator[ByteStream[Head]]:
        """A stream whose first response carries facts and later ones carry `length` bytes of data, begun as far as its first bytes.

        So what goes wrong at the source shows before an answer begins. Raises `MeshError`, `StreamStalled` and `StreamBroken`; leaving the block cancels
        the call.
        """
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
            async with aclosing(_clipped(first, responses, split, length)) as chunks:
                yield ByteStream(head, chunks)


@dataclass(frozen=True, slots=True)
class ByteStream(Generic[Head]):
    """Facts and bytes. `chunks` gives exactly the announced number of bytes, or raises."""

    head: Head
    chunks: AsyncIterator[bytes]


async def _clipped(
    first: bytes, responses: AsyncIterator[Any], split: Callable[[Any], tuple[Any, bytes]], length: int
) -> AsyncGenerator[bytes, None]:
    left = length - len(first)
    yield first[:length]
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
