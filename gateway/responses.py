"""Answers that are not objects: JSON, errors, preflights."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from aiohttp import hdrs, web

from gateway.answers import NO_STORE
from gateway.errors import ErrorAnswer
from gateway.preconditions import Conditions, Validators, Verdict, evaluate
from gateway.schema_checks import compact_json

JSON_TYPE = "application/json; charset=utf-8"
ALLOWED_METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
EXPOSED_HEADERS = "x-cache, x-data-source, content-length, content-range, accept-ranges, etag, cache-status, retry-after, x-request-id"
PREFLIGHT_MAX_AGE_S = 86400


def json_answer(request: web.Request, value: object) -> web.Response:
    """A JSON answer to a GET: with a weak entity tag of the text, and 304 for clients that have it."""
    return _tagged(request, compact_json(value).encode())


def created(value: object) -> web.Response:
    """A JSON answer that reports something new."""
    return web.Response(status=201, body=compact_json(value).encode(), headers={hdrs.CONTENT_TYPE: JSON_TYPE})


def error_response(method: str, answer: ErrorAnswer, more_headers: Mapping[str, str] | None = None) -> web.Response:
    """An error; never cached. To HEAD it has neither body nor what describes one."""
    headers = {**(more_headers or {}), **answer.headers, hdrs.CACHE_CONTROL: NO_STORE}
    if method == hdrs.METH_HEAD:
        return web.Response(status=answer.status, headers=headers)
    headers[hdrs.CONTENT_TYPE] = JSON_TYPE
    return web.Response(status=answer.status, body=compact_json(answer.body).encode(), headers=headers)


def preflight(request: web.Request) -> web.Response:
    """The answer to OPTIONS on any path: everything is allowed."""
    headers = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: ALLOWED_METHODS,
        hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_MAX_AGE_S),
        hdrs.VARY: hdrs.ACCESS_CONTROL_REQUEST_HEADERS,
    }
    wanted = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS)
    if wanted:
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
    return web.Response(status=204, headers=headers)


async def id_list(request: web.Request, pages: AsyncGenerator[Sequence[int], None]) -> web.StreamResponse:
    """A JSON list of ids as texts; a list of one page is answered whole, a longer one is streamed.

    Raises what `pages` raises.
    """
    async with aclosing(pages):
        first = await anext(pages, None) or ()
        second = await anext(pages, None)
        if second is None:
            return json_answer(request, [str(number) for number in first])
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: JSON_TYPE, hdrs.CACHE_CONTROL: "no-cache"})
        await response.prepare(request)
        await response.write(b"[" + _quoted(first))
        page: Sequence[int] | None = second
        while page is not None:
            if page:
                await response.write(b"," + _quoted(page))
            page = await anext(pages, None)
        await response.write(b"]")
        await response.write_eof()
        return response


def _quoted(ids: Sequence[int]) -> bytes:
    return ",".join(f'"{number}"' for number in ids).encode()


def _tagged(request: web.Request, body: bytes) -> web.Response:
    digest = hashlib.blake2s(body, digest_size=12).hexdigest()
    # The comparison below is a weak one, so that the tag's mark does not matter.
    tag = f'"{len(body):x}-{digest}"'
    headers = {hdrs.ETAG: f"W/{tag}", hdrs.CACHE_CONTROL: "no-cache"}
    wanted = Conditions(if_none_match=Conditions.of(request.headers).if_none_match)
    if evaluate(wanted, Validators(tag)) is Verdict.NOT_MODIFIED:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers={**headers, hdrs.CONTENT_TYPE: JSON_TYPE})
