"""Leases, and what ends them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

from joygrpc.distributor.leases import LeaseBook
from joygrpc.mesh import EdgeHub
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator

from .conftest import open_cache
from .test_cache import MIB, put


async def worker(
    hub: EdgeHub, said: "asyncio.Queue[operator.WatchNodeRequest]"
) -> AsyncGenerator[operator.LeaseRevocation, None]:
    """The revocations that a gateway worker hears of."""

    async def requests() -> AsyncIterator[operator.WatchNodeRequest]:
        yield operator.WatchNodeRequest(hello=operator.WatchNodeHello())
        while True:
            yield await said.get()

    async for news in hub.watch(requests()):
        yield news.revoked


async def test_eviction_and_the_operator_end_leases(tmp_path: Path) -> None:
    hub = EdgeHub()
    async with open_cache(tmp_path, 2 * MIB) as cache, aclosing(worker(hub, asyncio.Queue())) as revocations:
        await anext(revocations)
        book = LeaseBook(cache, hub, timedelta(seconds=60))
        kept, evicted = await put(cache, 1, b"1" * MIB), await put(cache, 2, b"2" * MIB)
        cache.use(1, 50)
        leases = {entry.object_id: book.give(entry) for entry in (kept, evicted)}
        assert sorted(book.lent()) == [1, 2]
        assert Path(leases[2].path).stat().st_ino == leases[2].inode

        await put(cache, 3, b"3" * MIB)
        revoked = await anext(revocations)
        assert list(revoked.lease_ids) == [leases[2].lease_id]
        assert list(revoked.object_ids) == [2]
        assert book.lent() == [1]

        await book.revoke_all()
        assert (await anext(revocations)).all


async def test_what_was_not_lent_leaves_first(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 2 * MIB) as cache:
        book = LeaseBook(cache, EdgeHub(), timedelta(seconds=60))
        lent = await put(cache, 1, b"1" * MIB)
        await put(cache, 2, b"2" * MIB)
        cache.use(2, 50)
        book.give(lent)
        await put(cache, 3, b"3" * MIB)
        assert {entry.object_id for entry in cache} == {1, 3}


async def test_an_expired_lease_is_not_lent(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        book = LeaseBook(cache, EdgeHub(), timedelta(0))
        book.give(await put(cache, 1, b"1"))
        assert book.lent() == []
