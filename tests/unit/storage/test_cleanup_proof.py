"""Proofs of replicas over plain REST: what an honest peer shows, and every way to pretend. The mesh is in the tests with whole nodes."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.directory import StoragePeer
from joygrpc.storage.cleanup_proof import ReplicaProver
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.peer_sources import PeerSources
from tests.unit.storage.conftest import BAG
from tests.unit.storage.test_sync import Answer, peer

BYTES = os.urandom(3 * GROUP_SIZE + 1000)
SMALL = b"small"


def kept(data: bytes = BYTES) -> KeptObject:
    return KeptObject(1, len(data), multihash_of_bytes(data), ObjectState.STORED, str(BAG), has_tree=True)


@pytest.fixture
async def prover(store: DiskStore) -> AsyncIterator[ReplicaProver]:
    writer = await store.create(1, len(BYTES))
    await writer.write(BYTES)
    await writer.finish()
    await writer.commit()
    async with PeerSources(timedelta(seconds=5)) as sources:
        yield ReplicaProver(store=store, sources=sources, timeout=timedelta(seconds=2))


def part_of(data: bytes, request: web.Request, *, size: int | None = None) -> web.Response:
    asked = request.http_range
    body = data[asked.start : asked.stop]
    told = f"bytes {asked.start}-{asked.stop - 1}/{len(data) if size is None else size}"
    return web.Response(status=206, body=body, headers={"Content-Range": told})


async def honest(request: web.Request) -> web.StreamResponse:
    return part_of(BYTES, request)


async def head_alone(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"", headers={"Content-Length": "0"})


async def other_bytes(request: web.Request) -> web.StreamResponse:
    return part_of(bytes(len(BYTES)), request)


async def other_size(request: web.Request) -> web.StreamResponse:
    return part_of(BYTES, request, size=len(BYTES) + 1)


async def other_part(request: web.Request) -> web.StreamResponse:
    return web.Response(status=206, body=BYTES[:10], headers={"Content-Range": f"bytes 0-9/{len(BYTES)}"})


async def no_ranges(request: web.Request) -> web.StreamResponse:
    return web.Response(body=BYTES)


async def missing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=404)


async def redirecting(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/api/v1/files/2")


async def cut(request: web.Request) -> web.StreamResponse:
    response = part_of(BYTES, request)
    response.body = b"cut"
    return response


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("answer", "proven"),
    [
        (honest, True), (head_alone, False), (other_bytes, False), (other_size, False), (other_part, False),
        (no_ranges, False), (missing, False), (redirecting, False), (cut, False), (silent, False),
    ],
)  # fmt: skip
async def test_only_the_right_group_is_a_proof(prover: ReplicaProver, answer: Answer, proven: bool) -> None:
    async with peer(answer) as url:
        assert await prover.proves(StoragePeer(1, 1, url, None), kept(), BAG) is proven


async def test_a_small_object_may_come_whole(prover: ReplicaProver) -> None:
    async def whole(_: web.Request) -> web.StreamResponse:
        return web.Response(body=SMALL)

    async with peer(whole) as url:
        assert await prover.proves(StoragePeer(1, 1, url, None), kept(SMALL), BAG)
        assert not await prover.proves(StoragePeer(1, 1, url, None), kept(b"other"), BAG)


async def test_without_a_tree_of_our_own_nothing_is_proven(prover: ReplicaProver, data: DataDirectory) -> None:
    data.tree(1).write_bytes(bytes(data.tree(1).stat().st_size))
    async with peer(honest) as url:
        assert not await prover.proves(StoragePeer(1, 1, url, None), kept(), BAG)


async def test_rest_is_asked_when_the_mesh_does_not_answer(prover: ReplicaProver) -> None:
    async with peer(honest) as url:
        assert await prover.proves(StoragePeer(1, 1, url, "127.0.0.1:1"), kept(), BAG)
    assert not await prover.proves(StoragePeer(1, 1, "http://127.0.0.1:1", "127.0.0.1:1"), kept(), BAG)
