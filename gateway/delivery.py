"""Bytes of objects on their way to clients: from leased files by `sendfile`, else from the node's stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from aiohttp import web

from gateway.answers import Answer
from gateway.exchange import current_exchange
from gateway.leases import OpenLease
from gateway.metrics import BYTES_SENT
from gateway.ranges import ByteRange
from gateway.sendfile import send_file


class Delivery:
    """Sends bodies for one API; a client that takes nothing for `stall` is cut off.

    All methods raise ConnectionResetError when the client is gone. An exception after the headers went out leaves a connection that must be closed:
    the client sees a body shorter than announced.
    """

    def __init__(self, api: str, stall: timedelta) -> None:
        self._stall = stall
        self._sent_from_file = BYTES_SENT.labels(api, "file")
        self._sent_from_stream = BYTES_SENT.labels(api, "stream")

    async def send_from_file(
        self, request: web.Request, answer: Answer, part: ByteRange, lease: OpenLease
    ) -> web.StreamResponse:
        """Answers with a range of a leased file; hold the lease meanwhile."""
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        await send_file(transport, lease.fd, part, self._stall, current_exchange().pace)
        self._sent_from_file.inc(part.length)
        await response.write_eof()
        return response

    async def send_from_stream(
        self, request: web.Request, answer: Answer, chunks: AsyncIterator[bytes]
    ) -> web.StreamResponse:
        """Answers with the bytes of a stream, which must be as many as the answer announces. Raises what the stream raises."""
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        pace = current_exchange().pace
        async for chunk in chunks:
            # Whoever takes nothing for too long is cut off by the connection itself.
            await response.write(chunk)
            self._sent_from_stream.inc(len(chunk))
            if pace is not None:
                await pace.spend(len(chunk))
        await response.write_eof()
        return response


def without_body(answer: Answer) -> web.Response:
    """The response to a HEAD request, a 304, or a GET of no bytes."""
    return web.Response(status=answer.status, headers=answer.headers)
