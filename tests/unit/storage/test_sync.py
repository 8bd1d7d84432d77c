"""Fetching from peers, honest and other: REST peers here, the mesh in the tests with whole nodes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from joygrpc.content import multihash_of_bytes
from joygrpc.directory import DirectoryObject, StoragePeer
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.metrics import PEER_REFUSALS
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.peer_health import PeerHealth
from joygrpc.storage.peer_sources import HOST_ID_HEADER, PeerSources, SourceProblem
from joygrpc.storage.store import DiskFull
from joygrpc.storage.sync import MAX_QUEUED, SyncIncomplete, SyncService
from joygrpc.storage.transfers import Transfers
from tests.unit.storage.conftest import BAG, WORKER, MemoryDirectory
from tests.unit.storage.test_disk_store import BYTES, tree_of

HASH = multihash_of_bytes(BYTES)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def peer(answer: Answer) -> AsyncIterator[str]:
    """The root URL of a node that answers all requests in one way."""
    app = web.Application()
    app.router.add_get("/api/v1/files/{id}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def honest(request: web.Request) -> web.StreamResponse:
    assert request.headers[HOST_ID_HEADER]
    return web.Response(body=BYTES)


async def wrong(request: web.Request) -> web.StreamResponse:
    return web.Response(body=bytes(len(BYTES)))


async def short(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(BYTES[:1000])
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(100_000))


async def reset(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(BYTES))})
    await response.prepare(request)
    await response.write(BYTES[:1000])
    assert request.transport is not None
    request.transport.abort()
    return response


async def stalled(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(BYTES))})
    await response.prepare(request)
    await response.write(BYTES[:1000])
    await asyncio.Event().wait()
    return response


async def redirecting(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(request.url)


async def huge_headers(request: web.Request) -> web.StreamResponse:
    return web.Response(body=BYTES, headers={"X-Huge": "x" * 100_000})


async def missing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=404, body=BYTES)


@pytest.fixture
async def service(
    store: DiskStore, index: ObjectIndex, directory: MemoryDirectory, buckets: OwnBuckets, claims: Claims
) -> AsyncIterator[SyncService]:
    async with PeerSources(timedelta(seconds=0.3)) as sources:
        health = PeerHealth()
        yield SyncService(
            index=index, directory=directory, buckets=buckets, claims=claims, sources=sources, health=health,
            transfers=Transfers(store=store, health=health, bandwidth=Bandwidth()),
            worker_id=WORKER, downloads=3, page_size=2,
        )  # fmt: skip


def owe(directory: MemoryDirectory, *object_ids: int, peers: list[str], multihash: str = HASH) -> None:
    for object_id in object_ids:
        directory.objects[object_id] = DirectoryObject(object_id, len(BYTES), multihash, BAG, accepted=True)
    directory.peers = [StoragePeer(number, number, url, None) for number, url in enumerate(peers, start=1)]


async def test_what_is_owed_is_fetched_and_verified(
    service: SyncService, store: DiskStore, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    async with peer(honest) as url:
        owe(directory, 1, 2, 3, 4, 5, peers=[url])
        await index.put(KeptObject(2, len(BYTES), HASH, ObjectState.QUARANTINED, str(BAG)))
        await service.run_once()
    for object_id in (1, 2, 3, 4, 5):
        kept = await index.get(object_id)
        assert kept is not None
        assert (kept.state, kept.multihash, kept.has_tree) == (ObjectState.STORED, HASH, True)
        assert await store.tree(object_id) == tree_of(BYTES)


@pytest.mark.parametrize("answer", [wrong, short, endless, reset, stalled, redirecting, huge_headers, missing])
async def test_a_bad_peer_gives_nothing_and_leaves_nothing(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory, data: DataDirectory, answer: Answer
) -> None:
    async with peer(answer) as url:
        owe(directory, 1, peers=[url])
        with pytest.raises(SyncIncomplete):
            await service.run_once()
        assert await index.get(1) is None
        assert list(data.incoming.iterdir()) == []
        assert not data.object(1).exists()
        async with peer(honest) as good:
            owe(directory, 1, peers=[url, good])
            await service.run_once()
    assert await index.get(1) is not None


async def test_a_peer_that_is_not_there_is_passed_over(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    async with peer(honest) as url:
        owe(directory, 1, peers=["http://127.0.0.1:1", url])
        await service.run_once()
    assert await index.get(1) is not None


async def test_a_peer_without_mesh_answer_is_asked_by_rest(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    async with peer(honest) as url:
        owe(directory, 1, peers=[])
        directory.peers = [StoragePeer(1, 1, url, "127.0.0.1:1")]
        await service.run_once()
    assert await index.get(1) is not None


async def test_the_node_is_no_peer_of_its_own(service: SyncService, directory: MemoryDirectory) -> None:
    asked: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(body=BYTES)

    async with peer(note) as url:
        owe(directory, 1, peers=[])
        directory.peers = [StoragePeer(0, WORKER, url, None)]
        with pytest.raises(SyncIncomplete):
            await service.run_once()
    assert asked == []


async def test_what_is_being_uploaded_is_left_to_the_uploader(
    service: SyncService, directory: MemoryDirectory, claims: Claims, index: ObjectIndex
) -> None:
    owe(directory, 1, peers=[])
    with claims.hold(1):
        await service.run_once()
    assert await index.get(1) is None


async def test_a_full_disk_ends_the_run(
    service: SyncService, directory: MemoryDirectory, store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_reserve", 1 << 62)
    async with peer(honest) as url:
        owe(directory, 1, peers=[url])
        with pytest.raises(DiskFull):
            await service.run_once()


async def test_only_what_is_new_is_looked_at_when_it_is_told_of(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    async with peer(honest) as url:
        owe(directory, 1, 2, 3, peers=[url])
        service.note_objects([2, 77])
        await service.run_new()
        assert [await index.get(object_id) is not None for object_id in (1, 2, 3)] == [False, True, False]
        service.note_bag(BAG)
        await service.run_new()
        assert await index.unserved([1, 2, 3]) == []


async def test_a_bag_that_is_none_of_ours_is_not_fetched(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    directory.bag_buckets = (99,)
    async with peer(honest) as url:
        owe(directory, 1, peers=[url])
        service.note_bag(BAG)
        await service.run_new()
    assert await index.get(1) is None


async def test_what_was_new_and_failed_is_tried_again(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    async with peer(missing) as url, peer(honest) as good:
        owe(directory, 1, peers=[url])
        service.note_objects([1])
        with pytest.raises(SyncIncomplete):
            await service.run_new()
        owe(directory, 1, peers=[url, good])
        await service.run_new()
    assert await index.get(1) is not None


async def test_too_many_new_objects_ask_for_a_walk(service: SyncService) -> None:
    service.note_objects(range(MAX_QUEUED + 1))
    assert service.walk_wanted


async def test_a_walk_goes_on_where_it_was_interrupted(
    service: SyncService, index: ObjectIndex, directory: MemoryDirectory
) -> None:
    asked: list[str] = []
    stop = asyncio.Event()

    async def note(request: web.Request) -> web.StreamResponse:
        asked.append(request.match_info["id"])
        if request.match_info["id"] == "9":
            stop.set()
            await asyncio.Event().wait()
        return web.Response(body=BYTES)

    async with peer(note) as url:
        owe(directory, *range(1, 13), peers=[url])
        running = asyncio.create_task(service.run_once())
        await stop.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert 0 < await index.note("sync-after", -1) < 9
    async with peer(honest) as url:
        owe(directory, *range(1, 13), peers=[url])
        await service.run_once()
    assert await index.unserved(list(range(1, 13))) == []
    assert await index.note("sync-after") == -1


async def test_a_peer_with_our_own_address_is_not_asked(service: SyncService, directory: MemoryDirectory) -> None:
    async with peer(honest) as url:
        owe(directory, 1, peers=[url])
        directory.endpoint = url + "/"
        with pytest.raises(SyncIncomplete):
            await service.run_once()


async def test_an_object_that_waits_for_takeover_is_not_fetched(
    service: SyncService, directory: MemoryDirectory, index: ObjectIndex
) -> None:
    async def late(object_id: int) -> KeptObject | None:
        return KeptObject(object_id, len(BYTES), HASH, ObjectState.UNVERIFIED, str(BAG))

    service._late = late
    owe(directory, 1, peers=[])
    await service.run_once()
    assert await index.get(1) is None


PROBLEMS = {
    wrong: SourceProblem.WRONG_BYTES,
    short: SourceProblem.TRUNCATED,
    endless: SourceProblem.TOO_LONG,
    reset: SourceProblem.BROKEN,
    stalled: SourceProblem.STALLED,
    redirecting: SourceProblem.REDIRECTED,
    huge_headers: SourceProblem.HEADERS,
    missing: SourceProblem.ABSENT,
}


@pytest.mark.parametrize(("answer", "problem"), PROBLEMS.items())
async def test_each_refusal_is_counted_by_its_name(
    service: SyncService, directory: MemoryDirectory, answer: Answer, problem: SourceProblem
) -> None:
    refusals = PEER_REFUSALS.labels("1", "rest", problem.value)
    before = refusals._value.get()
    async with peer(answer) as url:
        owe(directory, 1, peers=[url])
        with pytest.raises(SyncIncomplete):
            await service.run_once()
    assert refusals._value.get() > before
