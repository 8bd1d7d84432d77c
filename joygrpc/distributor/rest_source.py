"""Asking a storage node by plain REST, as nodes without a mesh address are."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Self

import aiohttp

from joygrpc.directory.facts import DirectoryObject, StoragePeer
from joygrpc.distributor.address_guard import AddressForbidden, AddressGuard, GuardedResolver
from joygrpc.distributor.sources import SourceError, SourceProblem
from joygrpc.version import __version__

CHUNK_BYTES = 1 << 20

HEADERS = {"User-Agent": f"joygrpc/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
"""All that is sent: nothing of what a client sent goes on to a storage node."""


def api_url(endpoint: str, path: str) -> str:
    """The URL of a path of a storage node's API, given the URL root that its operator published."""
    return f"{endpoint.rstrip('/')}/api/v1/{path}"


class RestSource:
    """The REST API of peers; use as an async context manager.

    `connect` bounds the time to connect and to get an answer's head, `stall` that without a byte. Redirects are not followed. Every method raises
    `SourceError`.
    """

    def __init__(self, guard: AddressGuard, connect: timedelta, stall: timedelta) -> None:
        self._guard = guard
        self._connect = connect
        self._stall = stall
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # The number of connections is bounded where all sources are, for both transports together.
            connector=aiohttp.TCPConnector(limit=0, resolver=GuardedResolver(self._guard)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
            read_bufsize=CHUNK_BYTES,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def probe(self, peer: StoragePeer, timeout: timedelta) -> None:
        """Have the peer answer a small question."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                async with self._get(api_url(peer.endpoint, "version"), {}) as answer:
                    if answer.status >= 400:
                        raise SourceError(SourceProblem.BROKEN, f"status {answer.status}")
        except TimeoutError as error:
            raise SourceError(SourceProblem.STALLED, "no answer in time") from error

    async def read(
        self, peer: StoragePeer, wanted: DirectoryObject, offset: int, length: int
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a range, as the peer sends them: never more of them, and an error when they are fewer."""
        whole = offset == 0 and length == wanted.size
        headers = {} if whole else {"Range": f"bytes={offset}-{offset + length - 1}"}
        async with self._get(api_url(peer.endpoint, f"files/{wanted.object_id}"), headers) as answer:
            skip = _bytes_to_skip(answer, offset, whole=whole)
            left = length
            async for data in answer.content.iter_any():
                # A server that does not know ranges sends all from the start.
                kept = data[skip : skip + left]
                skip = max(0, skip - len(data))
                left -= len(kept)
                if kept:
                    yield kept
                if left == 0 and not whole:
                    return
                if whole and len(kept) < len(data):
                    raise SourceError(SourceProblem.LIED, "more bytes than the object has")
            if left:
                raise SourceError(SourceProblem.BROKEN, "fewer bytes than were asked for")

    @asynccontextmanager
    async def _get(self, url: str, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise SourceError(SourceProblem.BROKEN, "closed")
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=self._connect.total_seconds(), sock_read=self._stall.total_seconds()
        )
        try:
            self._guard.check_url(url)
            async with asyncio.timeout(self._connect.total_seconds()):
                answer = await self._session.get(url, headers=headers, timeout=timeout, allow_redirects=False)
            async with answer:
                yield answer
        except AddressForbidden as error:
            raise SourceError(SourceProblem.FORBIDDEN, str(error)) from error
        except TimeoutError as error:
            raise SourceError(SourceProblem.STALLED, "no answer, or no data, in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError(SourceProblem.BROKEN, type(error).__name__) from error


def _bytes_to_skip(answer: aiohttp.ClientResponse, offset: int, *, whole: bool) -> int:
    """Bytes at the start of an answer's body that were not asked for."""
    if answer.status == 404:
        raise SourceError(SourceProblem.ABSENT, "status 404")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError(SourceProblem.BROKEN, "an encoded answer")
    if answer.status == 200:
        return offset
    if answer.status == 206 and not whole:
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            raise SourceError(SourceProblem.BROKEN, "another range than was asked for")
        return 0
    raise SourceError(SourceProblem.BROKEN, f"status {answer.status}")
