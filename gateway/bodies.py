"""Reading request bodies: bounded, with a limit on stall, and asking for them only when they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from aiohttp import hdrs, web

from gateway.errors import RequestRefused
from gateway.exchange import current_exchange
from gateway.schema_checks import parse_json

JSON_MEDIA_TYPE = "application/json"
JSON_BODY_TIMEOUT = timedelta(seconds=30)
PIECE_BYTES = 256 << 10


def waits_for_continue(request: web.Request) -> bool:
    """Whether the client holds the body back until it is told to send it."""
    return request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and not current_exchange().continued


async def continue_if_expected(request: web.Request) -> None:
    """Tells a client that waits for it to send the body."""
    if waits_for_continue(request):
        current_exchange().continued = True
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # It is no part of the answer.
        request.writer.output_size = 0


def is_json(request: web.Request) -> bool:
    """Whether the body claims to be JSON."""
    return hdrs.CONTENT_TYPE in request.headers and request.content_type == JSON_MEDIA_TYPE


async def read_json(request: web.Request) -> object:
    """The parsed JSON body; an empty object when there is none or it does not claim to be JSON.

    Raises `RequestRefused` for malformed and for too large ones.
    """
    refuse_encoded(request)
    if not is_json(request):
        return {}
    if (request.content_length or 0) > request.client_max_size:
        raise RequestRefused("BODY_TOO_LARGE", "request entity too large")
    await continue_if_expected(request)
    try:
        async with asyncio.timeout(JSON_BODY_TIMEOUT.total_seconds()):
            body = await request.read()
    except TimeoutError:
        raise RequestRefused("REQUEST_INVALID", "The body did not arrive in time") from None
    return parse_json(body) if body else {}


def refuse_encoded(request: web.Request) -> None:
    """Refuses bodies with a content coding: a small body could unpack to a huge one."""
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    if coding not in ("", "identity"):
        raise RequestRefused("MEDIA_TYPE_UNSUPPORTED", f'unsupported content encoding "{coding}"')


async def pieces(request: web.Request, stall: timedelta) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, no faster than the client's pace. Raises `RequestRefused` with UPLOAD_STALLED when nothing comes for `stall`, ConnectionResetError when the client goes."""
    await continue_if_expected(request)
    pace = current_exchange().pace
    while True:
        try:
            async with asyncio.timeout(stall.total_seconds()):
                piece = await request.content.read(PIECE_BYTES)
        except TimeoutError:
            raise RequestRefused("UPLOAD_STALLED", "The upload made no progress for too long") from None
        except web.RequestPayloadError as error:
            raise RequestRefused("UPLOAD_TRUNCATED", "The upload ended too early") from error
        if not piece:
            return
        if pace is not None:
            await pace.spend(len(piece))
        yield piece
