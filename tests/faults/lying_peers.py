"""Storage peers that lie: servers of plain TCP that speak HTTP as they like, and servers of gRPC that answer what they like."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc

from joygrpc.content import TreeBuilder, multihash_of_bytes
from joygrpc.mesh import JoygrpcError, MeshServer, Service
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

_PIECE = 64 << 10
_ENDLESS = 1 << 30
"""More than anybody should take."""

RestLie = Callable[["Tongue", bytes], Awaitable[None]]
GrpcLie = Callable[[bytes, int, int], AsyncGenerator[Any, None]]


@dataclass
class Tongue:
    """One connection of a liar, after the request's head was read."""

    writer: asyncio.StreamWriter
    sent: int = 0

    async def say(self, data: bytes) -> None:
        """Sends bytes and waits until most of them are gone."""
        self.sent += len(data)
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, *lines: str, status: str = "200 OK") -> None:
        """Sends a status line and headers."""
        await self.say("\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode())

    async def chunks(self, data: bytes) -> None:
        """Sends a chunk of a chunked body."""
        await self.say(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def wait(self) -> None:
        """Says nothing until the other end goes."""
        await self.writer.wait_closed()

    def reset(self) -> None:
        """Ends the connection with a reset instead of an end."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def flipped(data: bytes) -> bytes:
    """As long, and wrong from the middle on."""
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0xFF for byte in data[middle:])


async def wrong_bytes(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}")
    await tongue.say(flipped(data))


async def another_size(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data) - 1}")
    await tongue.say(data[:-1])


async def short(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}")
    await tongue.say(data[: len(data) // 2])


async def short_in_chunks(tongue: Tongue, data: bytes) -> None:
    await tongue.head("Transfer-Encoding: chunked")
    await tongue.chunks(data[: len(data) // 2])
    await tongue.say(b"0\r\n\r\n")


async def endless(tongue: Tongue, data: bytes) -> None:
    await tongue.head("Transfer-Encoding: chunked")
    await tongue.chunks(data)
    while tongue.sent < _ENDLESS:
        await tongue.chunks(bytes(_PIECE))


async def stalled(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}")
    await tongue.say(data[: len(data) // 2])
    await tongue.wait()


async def silent(tongue: Tongue, data: bytes) -> None:
    await tongue.wait()


async def trickling(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}")
    for byte in data:
        await tongue.say(bytes((byte,)))
        await asyncio.sleep(0.1)


async def reset_half_way(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}")
    await tongue.say(data[: len(data) // 2])
    tongue.reset()


async def redirecting(tongue: Tongue, data: bytes) -> None:
    port = tongue.writer.get_extra_info("sockname")[1]
    await tongue.head(f"Location: http://127.0.0.1:{port}/again", "Content-Length: 0", status="302 Found")


async def huge_header(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"X-Large: {'x' * (1 << 20)}", f"Content-Length: {len(data)}")
    await tongue.say(data)


async def endless_headers(tongue: Tongue, data: bytes) -> None:
    await tongue.say(b"HTTP/1.1 200 OK\r\n")
    while tongue.sent < _ENDLESS:
        await tongue.say(b"".join(b"X-%d: yes\r\n" % number for number in range(1000)))


async def no_http(tongue: Tongue, data: bytes) -> None:
    await tongue.say(b"\x00\xff" * 1000)


async def server_error(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}", status="500 Internal Server Error")
    await tongue.say(data)


async def encoded(tongue: Tongue, data: bytes) -> None:
    await tongue.head(f"Content-Length: {len(data)}", "Content-Encoding: gzip")
    await tongue.say(data)


@contextlib.asynccontextmanager
async def rest_liar(objects: dict[int, bytes], lie: RestLie) -> AsyncIterator[tuple[int, list[Tongue]]]:
    """A listener that answers every request for an object that it has with the lie, others with 404; its port and what it sent."""
    tongues: list[Tongue] = []
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                request = await reader.readuntil(b"\r\n\r\n")
                data = objects.get(int(request.split()[1].rsplit(b"/", 1)[-1]))
                tongue = Tongue(writer)
                if data is None:
                    await tongue.head("Content-Length: 0", status="404 Not Found")
                else:
                    tongues.append(tongue)
                    await lie(tongue, data)
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], tongues
    finally:
        server.close()
        await _ended(tasks)


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    running = set(tasks)
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)


class Broken(JoygrpcError):
    """It broke off."""

    reason = "RESOURCE_EXHAUSTED"


class Dying(JoygrpcError):
    """What a stream ends with whose server dies."""

    reason = "NODE_UNAVAILABLE"


def facts(data: bytes) -> pb.ReadObjectResponse:
    """The first message of an honest answer."""
    return pb.ReadObjectResponse(object=content.Object(id=1, size=len(data), multihash=multihash_of_bytes(data)))


def pieces(data: bytes, size: int = 1 << 20) -> list[pb.ReadObjectResponse]:
    """Bytes in messages."""
    return [pb.ReadObjectResponse(data=data[start : start + size]) for start in range(0, len(data), size)]


async def grpc_honest(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    for piece in pieces(data[start:end]):
        yield piece


async def grpc_wrong_bytes(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    for piece in pieces(flipped(data)[start:end]):
        yield piece


async def grpc_other_object(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data + b"x")
    for piece in pieces(data[start:end]):
        yield piece


async def grpc_short(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    yield pieces(data[start : end - 1])[0]


async def grpc_endless(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    for _ in range(_ENDLESS // _PIECE):
        yield pb.ReadObjectResponse(data=bytes(_PIECE))


async def grpc_stalled(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    yield pieces(data[start : end // 2])[0]
    await asyncio.get_running_loop().create_future()


async def grpc_broken(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    yield pieces(data[start : end // 2])[0]
    raise Broken


async def grpc_dying(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    yield pieces(data[start : end // 2])[0]
    raise Dying


async def grpc_huge_message(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    yield facts(data)
    yield pb.ReadObjectResponse(data=bytes(16 << 20))


async def grpc_data_first(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    for piece in pieces(data[start:end]):
        yield piece


async def grpc_nothing(data: bytes, start: int, end: int) -> AsyncGenerator[pb.ReadObjectResponse, None]:
    return
    yield


async def right_tree(data: bytes, start: int, end: int) -> AsyncGenerator[pb.GetObjectTreeResponse, None]:
    nodes = _nodes(data, start, end)
    yield pb.GetObjectTreeResponse(header=_tree_header(data, len(nodes)))
    yield pb.GetObjectTreeResponse(data=nodes)


async def wrong_tree(data: bytes, start: int, end: int) -> AsyncGenerator[pb.GetObjectTreeResponse, None]:
    nodes = _nodes(flipped(data), start, end)
    yield pb.GetObjectTreeResponse(header=_tree_header(data, len(nodes)))
    yield pb.GetObjectTreeResponse(data=nodes)


async def endless_tree(data: bytes, start: int, end: int) -> AsyncGenerator[pb.GetObjectTreeResponse, None]:
    yield pb.GetObjectTreeResponse(header=_tree_header(data, _ENDLESS))
    for _ in range(_ENDLESS // _PIECE):
        yield pb.GetObjectTreeResponse(data=bytes(_PIECE))


def _nodes(data: bytes, start: int, end: int) -> bytes:
    builder = TreeBuilder()
    builder.update(data)
    return builder.finish().prove(start, end - start)


def _tree_header(data: bytes, size: int) -> content.TreeHeader:
    return content.TreeHeader(object_size=len(data), multihash=multihash_of_bytes(data), encoded_size=size)


class Missing(JoygrpcError):
    """No such object."""

    reason = "OBJECT_NOT_FOUND"


class _Liar(rpc.StorageServiceServicer):
    def __init__(self, objects: dict[int, bytes], reading: GrpcLie, proving: GrpcLie) -> None:
        self._objects, self._reading, self._proving = objects, reading, proving

    async def ReadObject(self, request: pb.ReadObjectRequest, context: Any) -> AsyncIterator[Any]:
        async for response in self._lies(self._reading, request):
            yield response

    async def GetObjectTree(self, request: pb.GetObjectTreeRequest, context: Any) -> AsyncIterator[Any]:
        async for response in self._lies(self._proving, request):
            yield response

    async def _lies(self, lie: GrpcLie, request: Any) -> AsyncIterator[Any]:
        data = self._objects.get(request.object_id)
        if data is None:
            raise Missing
        end = min(len(data), request.offset + (request.limit or len(data)))
        async with contextlib.aclosing(lie(data, request.offset, end)) as responses:
            async for response in responses:
                yield response


@contextlib.asynccontextmanager
async def grpc_liar(objects: dict[int, bytes], reading: GrpcLie, proving: GrpcLie = right_tree) -> AsyncIterator[int]:
    """A mesh server that answers with lies; its port."""
    liar = _Liar(objects, reading, proving)

    def add(server: grpc.aio.Server) -> None:
        rpc.add_StorageServiceServicer_to_server(liar, server)

    server = MeshServer("127.0.0.1:0", [Service("joystream.storage.v1.StorageService", add)], grace=timedelta(0))
    async with server:
        yield server.port
