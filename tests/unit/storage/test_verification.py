"""Objects that were taken over are never served wrong: verified before, or while, they leave."""

import asyncio
import random
from collections.abc import Collection

import pytest

import joygrpc.storage.reading as reading_module
from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.reading import ReadService, span_of
from joygrpc.storage.store import ObjectMissing
from joygrpc.storage.verification import Verifier
from tests.unit.storage.conftest import BAG
from tests.unit.storage.test_disk_store import tree_of

LARGE = random.Random(3).randbytes((5 << 20) + 11)
HASH = multihash_of_bytes(LARGE)


class Revoked(list[int]):
    async def __call__(self, object_ids: Collection[int]) -> None:
        self.extend(object_ids)


@pytest.fixture
def revoked() -> Revoked:
    return Revoked()


@pytest.fixture
def verifier(store: DiskStore, index: ObjectIndex, revoked: Revoked) -> Verifier:
    return Verifier(store=store, index=index, revoke=revoked)


@pytest.fixture
def reads(store: DiskStore, index: ObjectIndex, verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> ReadService:
    monkeypatch.setattr(reading_module, "SMALL_BYTES", 1 << 20)
    return ReadService(store=store, index=index, verifier=verifier, bandwidth=Bandwidth(), drifted=lambda: None)


async def import_file(data: DataDirectory, index: ObjectIndex, content: bytes, multihash: str = HASH) -> None:
    data.object(1).write_bytes(content)
    await index.put(KeptObject(1, len(content), multihash, ObjectState.UNVERIFIED, str(BAG)))


async def collect(reads: ReadService, offset: int = 0, limit: int = 0) -> bytes:
    received = bytearray()
    await collect_into(received, reads, offset, limit)
    return bytes(received)


async def collect_into(received: bytearray, reads: ReadService, offset: int = 0, limit: int = 0) -> None:
    async with reads.open(1) as opened:
        async for data in opened.chunks(span_of(offset, limit, opened.kept.size)):
            received += data


async def state(index: ObjectIndex) -> ObjectState:
    kept = await index.get(1)
    assert kept is not None
    return kept.state


@pytest.mark.parametrize(("offset", "limit"), [(0, 0), (10, 20), (len(LARGE) - 1, 0)])
async def test_reading_a_good_object_verifies_it(
    reads: ReadService, store: DiskStore, index: ObjectIndex, data: DataDirectory, offset: int, limit: int
) -> None:
    await import_file(data, index, LARGE)
    assert await collect(reads, offset, limit) == LARGE[offset:][: limit or None]
    assert await state(index) is ObjectState.STORED
    assert await store.tree(1) == tree_of(LARGE)


async def test_a_large_rotten_object_never_completes(
    reads: ReadService, index: ObjectIndex, data: DataDirectory, revoked: Revoked
) -> None:
    await import_file(data, index, LARGE[:-1] + b"?")
    received = bytearray()
    with pytest.raises(ObjectMissing):
        await collect_into(received, reads)
    assert 0 < len(received) <= len(LARGE) - GROUP_SIZE
    assert await state(index) is ObjectState.QUARANTINED
    assert revoked == [1]
    assert data.object(1).exists()


@pytest.mark.parametrize(("offset", "limit"), [(0, 100), (1 << 20, 10)])
async def test_a_range_of_a_rotten_object_gives_no_byte(
    reads: ReadService, index: ObjectIndex, data: DataDirectory, offset: int, limit: int
) -> None:
    await import_file(data, index, LARGE[:-1] + b"?")
    received = bytearray()
    with pytest.raises(ObjectMissing):
        await collect_into(received, reads, offset, limit)
    assert not received


async def test_a_small_rotten_object_gives_no_byte(reads: ReadService, index: ObjectIndex, data: DataDirectory) -> None:
    await import_file(data, index, b"small", multihash_of_bytes(b"SMALL"))
    with pytest.raises(ObjectMissing):
        await collect(reads)
    with pytest.raises(ObjectMissing):
        await reads.find(1)


async def test_a_lease_is_given_for_a_small_object_once_it_is_verified(
    reads: ReadService, index: ObjectIndex, data: DataDirectory
) -> None:
    await import_file(data, index, b"small", multihash_of_bytes(b"small"))
    assert await reads.locate(await reads.find(1)) is None
    kept = await reads.find_verified(1)
    assert kept.state is ObjectState.STORED
    assert await reads.locate(kept) is not None


async def test_readers_of_one_object_share_one_verification(
    verifier: Verifier, store: DiskStore, index: ObjectIndex, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await import_file(data, index, LARGE)
    examined: list[int] = []
    examine = store.examine

    async def counted(object_id: int) -> object:
        examined.append(object_id)
        return await examine(object_id)

    monkeypatch.setattr(store, "examine", counted)
    kept = await asyncio.gather(*(verifier.ensure(1) for _ in range(5)))
    assert examined == [1]
    assert {each.state for each in kept} == {ObjectState.STORED}
