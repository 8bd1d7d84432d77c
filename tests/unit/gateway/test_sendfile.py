import asyncio
import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.ranges import ByteRange
from gateway.sendfile import ClientStalled, send_file

STALL = timedelta(seconds=0.3)
DATA = os.urandom(6 << 20)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A transport and the socket at its other end."""
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    theirs.setblocking(False)
    yield transport, theirs
    transport.abort()
    theirs.close()


@pytest.fixture
def fd(tmp_path: Path) -> AsyncIterator[int]:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


async def received(theirs: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += await asyncio.get_running_loop().sock_recv(theirs, 1 << 16)
    return bytes(data)


async def test_a_part_comes_after_what_was_written(pair: tuple[asyncio.Transport, socket.socket], fd: int) -> None:
    transport, theirs = pair
    head = os.urandom(1 << 20)
    transport.write(head)
    assert transport.get_write_buffer_size() > 0
    part = ByteRange(10, len(DATA) - 11)
    sending = asyncio.create_task(send_file(transport, fd, part, STALL))
    assert await received(theirs, len(head) + part.length) == head + DATA[10:-10]
    await sending


async def test_a_client_that_takes_nothing(pair: tuple[asyncio.Transport, socket.socket], fd: int) -> None:
    transport, _ = pair
    with pytest.raises(ClientStalled):
        await send_file(transport, fd, ByteRange(0, len(DATA) - 1), STALL)


async def test_a_client_that_does_not_take_the_headers(pair: tuple[asyncio.Transport, socket.socket], fd: int) -> None:
    transport, _ = pair
    transport.write(DATA)
    with pytest.raises(ClientStalled):
        await send_file(transport, fd, ByteRange(0, 0), STALL)


async def test_a_client_that_goes(pair: tuple[asyncio.Transport, socket.socket], fd: int) -> None:
    transport, theirs = pair
    sending = asyncio.create_task(send_file(transport, fd, ByteRange(0, len(DATA) - 1), timedelta(seconds=10)))
    await received(theirs, 1000)
    theirs.close()
    with pytest.raises(ConnectionError):
        await sending


async def test_a_file_that_is_too_short(pair: tuple[asyncio.Transport, socket.socket], tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"abc")
    with short.open("rb") as file, pytest.raises(ConnectionResetError):
        await send_file(pair[0], file.fileno(), ByteRange(0, 9), STALL)


async def test_no_descriptor_is_left(pair: tuple[asyncio.Transport, socket.socket], fd: int) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ClientStalled):
        await send_file(pair[0], fd, ByteRange(0, len(DATA) - 1), STALL)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
