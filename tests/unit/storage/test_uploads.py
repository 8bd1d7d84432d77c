"""Uploads: from the first check to the commit, aborts, one writer an object, and going on after a cut."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.tokens import TokenService
from joygrpc.storage.upload_checks import UploadRequest, host_of
from joygrpc.storage.uploads import TooManyUploads, UploadLimits, UploadService
from tests.unit.storage.conftest import BUCKET, WORKER, MemoryChain

DATA = random.Random(1).randbytes(2 * GROUP_SIZE + 5)
REQUEST = UploadRequest(7, BUCKET, "dynamic:channel:1")
Make = Callable[..., UploadService]


async def send(
    uploads: UploadService, *pieces: bytes, request: UploadRequest = REQUEST, keep_part: bool = False
) -> KeptObject:
    async with uploads.begin(request, keep_part=keep_part) as upload:
        for piece in pieces:
            await upload.write(piece)
        return await upload.commit()


async def cut(uploads: UploadService, data: bytes) -> None:
    async with uploads.begin(REQUEST, keep_part=True) as upload:
        await upload.write(data)
        raise ConnectionError


@pytest.fixture
def added() -> list[int]:
    return []


@pytest.fixture
def make(
    store: DiskStore, index: ObjectIndex, chain: MemoryChain, buckets: OwnBuckets, claims: Claims, added: list[int]
) -> Make:
    def uploads(**limits: object) -> UploadService:
        chain.add_object(7, len(DATA), multihash_of_bytes(DATA))
        return UploadService(
            store=store,
            index=index,
            chain=chain,  # type: ignore[arg-type]
            buckets=buckets,
            claims=claims,
            tokens=TokenService(chain, auth="off", lifetime=timedelta(seconds=30), account=None),  # type: ignore[arg-type]
            worker_id=WORKER,
            limits=UploadLimits(**limits),  # type: ignore[arg-type]
            added=added.append,
        )

    return uploads


async def test_an_upload_becomes_a_pending_object(
    make: Make, store: DiskStore, index: ObjectIndex, added: list[int]
) -> None:
    async with make().begin(REQUEST) as upload:
        assert (upload.expected.size, upload.offset) == (len(DATA), 0)
        for start in range(0, len(DATA), 60_000):
            await upload.write(DATA[start : start + 60_000])
        kept = await upload.commit()
    assert kept.state is ObjectState.PENDING
    assert await index.get(7) == kept
    assert (kept.bucket, kept.bag, kept.has_tree) == (BUCKET, "dynamic:channel:1", True)
    assert added == [7]
    async with store.open(7) as reader:
        assert await reader.read(0, len(DATA)) == DATA


async def test_an_empty_object_is_an_object(make: Make, chain: MemoryChain) -> None:
    uploads = make()
    chain.add_object(8, 0, multihash_of_bytes(b""))
    async with uploads.begin(UploadRequest(8, BUCKET, "dynamic:channel:1")) as upload:
        assert (await upload.commit()).size == 0


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (DATA[:-1], "SIZE_MISMATCH"),
        (DATA + b"x", "SIZE_MISMATCH"),
        (DATA[:-1] + bytes([DATA[-1] ^ 1]), "MULTIHASH_MISMATCH"),
    ],
)
async def test_other_bytes_are_refused_and_leave_nothing(
    make: Make, index: ObjectIndex, data: DataDirectory, added: list[int], sent: bytes, reason: str
) -> None:
    uploads = make()
    with pytest.raises(JoygrpcError) as refused:
        await send(uploads, sent)
    assert refused.value.reason == reason
    assert await index.get(7) is None
    assert list(data.incoming.iterdir()) == []
    assert not data.object(7).exists()
    assert added == []
    async with uploads.begin(REQUEST) as upload:
        await upload.write(DATA)
        await upload.commit()


async def test_bytes_beyond_the_expected_size_are_not_even_written(make: Make, store: DiskStore) -> None:
    with pytest.raises(JoygrpcError):
        await send(make(), DATA, b"x")
    assert store.receiving == (0, 0)


async def test_leaving_without_commit_leaves_nothing(make: Make, index: ObjectIndex, data: DataDirectory) -> None:
    async with make().begin(REQUEST) as upload:
        await upload.write(DATA)
    assert await index.get(7) is None
    assert list(data.incoming.iterdir()) == []


async def test_a_cancelled_upload_leaves_nothing(make: Make, claims: Claims, data: DataDirectory) -> None:
    begun = asyncio.Event()
    uploads = make()

    async def run() -> None:
        async with uploads.begin(REQUEST) as upload:
            await upload.write(DATA)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(run())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(data.incoming.iterdir()) == []
    assert 7 not in claims


async def test_a_commit_that_began_is_finished_in_spite_of_cancellation(make: Make, index: ObjectIndex) -> None:
    uploads = make()
    begun = asyncio.Event()

    async def run() -> None:
        async with uploads.begin(REQUEST) as upload:
            await upload.write(DATA)
            begun.set()
            await upload.commit()

    task = asyncio.create_task(run())
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await index.get(7) is not None


async def test_one_writer_an_object(make: Make) -> None:
    uploads = make()
    async with uploads.begin(REQUEST):
        with pytest.raises(JoygrpcError) as refused:
            async with uploads.begin(REQUEST):
                pass
    assert refused.value.reason == "UPLOAD_IN_PROGRESS"


async def test_so_many_uploads_and_no_more(make: Make, chain: MemoryChain) -> None:
    uploads = make(max_concurrent=1)
    chain.add_object(8, 1, multihash_of_bytes(b"x"))
    async with uploads.begin(REQUEST):
        with pytest.raises(JoygrpcError) as refused:
            async with uploads.begin(UploadRequest(8, BUCKET, "dynamic:channel:1")):
                pass
    assert refused.value.reason == "TOO_MANY_UPLOADS"


async def test_a_long_queue_takes_no_more(make: Make, index: ObjectIndex) -> None:
    await index.put(KeptObject(1, 1, "gW", ObjectState.PENDING, "static:council"))
    with pytest.raises(JoygrpcError) as refused:
        async with make(max_pending=1).begin(REQUEST):
            pass
    assert refused.value.reason == "TOO_MANY_UPLOADS"


async def test_without_the_chain_nothing_is_taken(make: Make, chain: MemoryChain) -> None:
    uploads = make()
    chain.away = True
    with pytest.raises(Exception) as refused:
        async with uploads.begin(REQUEST):
            pass
    assert getattr(refused.value, "reason", "") == "CHAIN_UNAVAILABLE"


async def test_the_nodes_own_bound_counts_before_the_chains(make: Make) -> None:
    with pytest.raises(JoygrpcError) as refused:
        async with make(max_object_size=10).begin(REQUEST):
            pass
    assert refused.value.reason == "OBJECT_TOO_LARGE"


async def test_a_cut_upload_goes_on_where_it_ended(make: Make, store: DiskStore) -> None:
    uploads = make()
    with pytest.raises(ConnectionError):
        await cut(uploads, DATA[:100_000])
    assert (await uploads.query(7)).committed_size == 100_000
    with pytest.raises(JoygrpcError, match="goes on at byte 100000") as refused:
        async with uploads.begin(UploadRequest(7, BUCKET, "dynamic:channel:1", offset=5), keep_part=True):
            pass
    assert refused.value.reason == "OFFSET_MISMATCH"
    async with uploads.begin(UploadRequest(7, BUCKET, "dynamic:channel:1", offset=100_000), keep_part=True) as upload:
        assert upload.offset == 100_000
        await upload.write(DATA[100_000:])
        await upload.commit()
    assert (await uploads.query(7)).complete
    async with store.open(7) as reader:
        assert await reader.read(0, len(DATA)) == DATA


async def test_a_new_upload_forgets_what_was_cut(make: Make, store: DiskStore) -> None:
    uploads = make()
    async with uploads.begin(REQUEST, keep_part=True) as upload:
        await upload.write(b"x" * 10)
    async with uploads.begin(REQUEST) as upload:
        await upload.write(DATA)
        await upload.commit()
    assert store.receiving == (0, 0)


async def test_bytes_that_are_known_to_be_wrong_are_not_kept(make: Make, store: DiskStore) -> None:
    uploads = make()
    with pytest.raises(JoygrpcError):
        await send(uploads, bytes(len(DATA)), keep_part=True)
    assert (await uploads.query(7)).committed_size == 0
    assert store.receiving == (0, 0)


async def test_cut_uploads_are_forgotten_in_time(make: Make, store: DiskStore) -> None:
    uploads = make(part_lifetime=timedelta(0))
    async with uploads.begin(REQUEST, keep_part=True) as upload:
        await upload.write(b"x" * 10)
    assert store.receiving[0] == 1
    await uploads.expire_parts()
    assert store.receiving == (0, 0)
    with pytest.raises(JoygrpcError):
        async with uploads.begin(UploadRequest(7, BUCKET, "dynamic:channel:1", offset=10)):
            pass


async def test_one_client_does_not_take_all_slots(make: Make, chain: MemoryChain) -> None:
    uploads = make(max_per_client=1)
    chain.add_object(8, len(DATA), multihash_of_bytes(DATA))
    here = replace(REQUEST, client="ipv4:192.0.2.1:1000")
    async with uploads.begin(here):
        with pytest.raises(TooManyUploads):
            await send(uploads, DATA, request=replace(here, object_id=8, client="ipv4:192.0.2.1:2000"))
        await send(uploads, DATA, request=replace(here, object_id=8, client="192.0.2.2"))
    await send(uploads, DATA, request=here)


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("ipv4:192.0.2.1:4000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:4000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:4000", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_hosts_of_clients(client: str, host: str) -> None:
    assert host_of(client) == host
