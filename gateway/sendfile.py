"""Sending part of a file to a socket without copying it through this process."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

from gateway.ranges import ByteRange
from gateway.rates import Pace
from joygrpc.mesh import JoygrpcError

CALL_BYTES = 1 << 20
"""Most bytes of one system call."""
TURN_BYTES = 4 << 20
"""Bytes after which other connections get their turn."""


class ClientStalled(JoygrpcError):
    """The client took nothing for too long."""

    reason = "DEADLINE_EXCEEDED"


async def send_file(
    transport: asyncio.Transport, fd: int, part: ByteRange, stall: timedelta, pace: Pace | None = None
) -> None:
    """Sends bytes of an open file after what the transport has buffered, no faster than `pace`.

    Raises `ClientStalled` when the client takes nothing for `stall`, and ConnectionResetError when it goes away or the file is shorter than it shall
    be; the connection is of no use then.
    """
    await flushed(transport, stall)
    # The transport may close its descriptor, and another connection get its number, while this waits: so it writes to a duplicate only.
    out = os.dup(transport.get_extra_info("socket").fileno())
    most = CALL_BYTES if pace is None else min(CALL_BYTES, pace.piece)
    try:
        offset, end, turn = part.first, part.last + 1, 0
        while offset < end:
            if transport.is_closing():
                raise ConnectionResetError("the client is gone")
            try:
                sent = os.sendfile(out, fd, offset, min(most, end - offset))
            except BlockingIOError:
                await _writable(out, stall)
                turn = 0
                continue
            if sent == 0:
                raise ConnectionResetError("the file ends too early")
            offset += sent
            turn += sent
            if pace is not None:
                await pace.spend(sent)
            if turn >= TURN_BYTES:
                turn = 0
                await asyncio.sleep(0)
    finally:
        os.close(out)


async def flushed(transport: asyncio.Transport, stall: timedelta) -> None:
    """Waits until the transport's buffer is empty. Raises `ClientStalled` when it does not shrink for `stall`, ConnectionResetError when it closes."""
    left = transport.get_write_buffer_size()
    if not left:
        return
    out = os.dup(transport.get_extra_info("socket").fileno())
    try:
        while left:
            if transport.is_closing():
                raise ConnectionResetError("the client is gone")
            await _writable(out, stall)
            # The transport's own callback runs in the same turn of the loop, and takes what the socket has room for.
            await asyncio.sleep(0)
            left = transport.get_write_buffer_size()
    finally:
        os.close(out)


async def _writable(fd: int, stall: timedelta) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(fd, _wake, ready)
    try:
        async with asyncio.timeout(stall.total_seconds()):
            await ready
    except TimeoutError:
        raise ClientStalled("The client took nothing for too long") from None
    finally:
        loop.remove_writer(fd)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
