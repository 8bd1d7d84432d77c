"""Objects out of sight: hidden, listed, restored after a check, purged after their time, and never while they are owed."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from joygrpc.chain import ChainUnavailable
from joygrpc.content import BagId, multihash_of_bytes
from joygrpc.directory import DirectoryBag, DirectoryObject
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims, UploadInProgress
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState, QuarantineReason
from joygrpc.storage.quarantine import NotQuarantined, ObjectRotten, PurgeHeld, QuarantineService, state_of_restored
from joygrpc.storage.quarantine_index import QuarantinedObject, QuarantineIndex
from joygrpc.storage.schema import open_database
from joygrpc.storage.store import Content, ObjectMissing
from tests.unit.storage.conftest import BAG, BUCKET, MemoryChain, MemoryDirectory

DATA = bytes(range(256)) * 2000
HASH = multihash_of_bytes(DATA)


class Owing(MemoryDirectory):
    """A directory that also answers what it holds."""

    async def bag(self, bag_id: BagId) -> DirectoryBag | None:
        return DirectoryBag(bag_id, (BUCKET,), ())

    async def object(self, object_id: int) -> DirectoryObject | None:
        return self.objects.get(object_id)


@pytest.fixture
def directory() -> Owing:
    return Owing()


@pytest.fixture
def revoked() -> list[int]:
    return []


@pytest.fixture
def service(
    store: DiskStore,
    index: ObjectIndex,
    directory: Owing,
    chain: MemoryChain,
    buckets: OwnBuckets,
    claims: Claims,
    revoked: list[int],
) -> QuarantineService:
    async def revoke(object_ids: Collection[int]) -> None:
        revoked.extend(object_ids)

    return QuarantineService(
        store=store, index=index, directory=directory, chain=chain, buckets=buckets, claims=claims,
        revoke=revoke, retention=timedelta(0),
    )  # type: ignore[arg-type]  # fmt: skip


async def add(store: DiskStore, index: ObjectIndex, object_id: int, state: ObjectState = ObjectState.STORED) -> None:
    writer = await store.create(object_id, len(DATA))
    await writer.write(DATA)
    await writer.finish()
    await writer.commit()
    await index.put(KeptObject(object_id, len(DATA), HASH, state, str(BAG), has_tree=True))


def owed(object_id: int, **changes: object) -> DirectoryObject:
    return replace(DirectoryObject(object_id, len(DATA), HASH, BAG, True), **changes)  # type: ignore[arg-type]


def held(reason: QuarantineReason = QuarantineReason.NOT_OWED) -> QuarantinedObject:
    return QuarantinedObject(1, 10, "gW", str(BAG), reason, datetime(2024, 5, 1, tzinfo=UTC))


RIGHT, WRONG = Content(10, "gW", "", b""), Content(10, "gX", "", b"")
KNOWN = DirectoryObject(1, 10, "gW", BAG, True)


@pytest.mark.parametrize(
    ("reason", "content", "known", "outcome"),
    [
        (QuarantineReason.NOT_OWED, RIGHT, None, ObjectState.STORED),
        (QuarantineReason.NOT_OWED, RIGHT, KNOWN, ObjectState.STORED),
        (QuarantineReason.NOT_OWED, RIGHT, replace(KNOWN, accepted=False), ObjectState.PENDING),
        (QuarantineReason.NOT_OWED, WRONG, None, ObjectRotten),
        (QuarantineReason.NOT_OWED, WRONG, KNOWN, ObjectRotten),
        (QuarantineReason.NOT_OWED, RIGHT, replace(KNOWN, multihash="gX"), ObjectRotten),
        (QuarantineReason.ROTTEN, WRONG, None, ObjectRotten),
        # Mended by the operator's hand.
        (QuarantineReason.ROTTEN, RIGHT, KNOWN, ObjectState.STORED),
        # What nobody knew has only its own multihash on record.
        (QuarantineReason.UNKNOWN, RIGHT, None, ObjectMissing),
        (QuarantineReason.UNKNOWN, RIGHT, KNOWN, ObjectState.STORED),
    ],
)
def test_what_may_be_served_again(
    reason: QuarantineReason, content: Content, known: DirectoryObject | None, outcome: object
) -> None:
    found = state_of_restored(held(reason), content, known)
    assert found == outcome if isinstance(outcome, ObjectState) else isinstance(found, outcome)  # type: ignore[arg-type]


async def test_hidden_objects_are_listed_and_their_leases_end(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, revoked: list[int]
) -> None:
    for object_id in (1, 2, 3):
        await add(store, index, object_id)
    await service.hide([3, 1], QuarantineReason.NOT_OWED)
    await service.hide([2], QuarantineReason.ROTTEN)
    assert revoked == [3, 1, 2]
    assert [each.object_id for each in await service.records.page()] == [1, 2, 3]
    assert [each.object_id for each in await service.records.page(reasons=[QuarantineReason.ROTTEN])] == [2]
    assert [each.object_id for each in await service.records.page(after=1, limit=1)] == [2]
    first = await service.records.get(1)
    assert first is not None
    assert abs(datetime.now(UTC) - first.since) < timedelta(minutes=1)
    assert await service.records.get(4) is None
    assert await service.records.get(2**63) is None


@pytest.mark.parametrize("how", ["put", "set_state"])
async def test_every_way_into_quarantine_is_on_record(index: ObjectIndex, how: str) -> None:
    entry = KeptObject(1, 10, "gW", ObjectState.STORED, str(BAG))
    records = QuarantineIndex(index)
    if how == "put":
        await index.put(replace(entry, state=ObjectState.QUARANTINED))
    else:
        await index.put(entry)
        await index.set_state([1], ObjectState.QUARANTINED)
    found = await records.get(1)
    assert found is not None
    assert found.reason is QuarantineReason.UNKNOWN
    # Fetched anew, it is out of quarantine.
    await index.put(entry)
    assert await records.page() == []
    await index.quarantine([1], QuarantineReason.ROTTEN)
    await index.set_state([1], ObjectState.STORED)
    assert await records.page() == []
    await index.quarantine([1], QuarantineReason.ROTTEN)
    await index.remove([1])
    assert await records.page() == []


async def test_an_index_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    first = open_database(str(path), create=True)
    for name in ("quarantine_found", "quarantine_begin", "quarantine_end"):
        first.execute(f"DROP TRIGGER {name}")
    first.execute("DROP INDEX objects_by_verified")
    for name in ("quarantine", "notes"):
        first.execute(f"DROP TABLE {name}")
    first.execute("INSERT INTO objects VALUES (7, 10, 'gW', 'quarantined', '', NULL, '', 1, NULL, NULL)")
    first.execute("PRAGMA user_version = 1")
    first.close()
    async with ObjectIndex(path) as index:
        found = await QuarantineIndex(index).get(7)
    assert found is not None
    assert found.reason is QuarantineReason.UNKNOWN


async def test_a_restored_object_is_whole_and_new(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, data: DataDirectory
) -> None:
    await add(store, index, 1)
    data.tree(1).unlink()
    await service.hide([1], QuarantineReason.NOT_OWED)
    restored = await service.restore(1)
    assert restored.state is ObjectState.STORED
    assert restored.stored_at is not None
    assert await index.get(1) == restored
    assert data.tree(1).exists()
    with pytest.raises(NotQuarantined):
        await service.restore(1)


async def test_a_rotten_object_is_not_restored(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, data: DataDirectory
) -> None:
    await add(store, index, 1)
    await service.hide([1], QuarantineReason.NOT_OWED)
    data.object(1).write_bytes(bytes(len(DATA)))
    with pytest.raises(ObjectRotten):
        await service.restore(1)
    found = await service.records.get(1)
    assert found is not None
    assert found.reason is QuarantineReason.ROTTEN


async def test_purging_frees_the_disk_and_ends_no_read(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, data: DataDirectory, claims: Claims
) -> None:
    await add(store, index, 1)
    async with store.open(1) as reader:
        with pytest.raises(NotQuarantined):
            await service.purge(1)
        await service.hide([1], QuarantineReason.NOT_OWED)
        with claims.hold(1), pytest.raises(UploadInProgress):
            await service.purge(1)
        assert await service.purge(1) == len(DATA)
        assert await reader.read(0, len(DATA)) == DATA
    assert await index.get(1) is None
    assert not data.object(1).exists()
    assert not data.tree(1).exists()


async def test_what_is_due_is_purged(service: QuarantineService, store: DiskStore, index: ObjectIndex) -> None:
    await add(store, index, 1)
    await service.hide([1], QuarantineReason.NOT_OWED)
    service.retention = timedelta(hours=1)
    await service.tend()
    assert await index.get(1) is not None
    service.retention = timedelta(0)
    await service.tend()
    assert await index.get(1) is None


async def test_nothing_is_purged_without_a_complete_picture(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, directory: Owing, chain: MemoryChain
) -> None:
    await add(store, index, 1)
    await service.hide([1], QuarantineReason.NOT_OWED)
    directory.complete = False
    with pytest.raises(PurgeHeld):
        await service.tend()
    directory.complete = True
    chain.away = True
    with pytest.raises(ChainUnavailable):
        await service.tend()
    chain.away = False
    # No bucket is this node's at the moment.
    buckets, chain.buckets = chain.buckets, {}
    with pytest.raises(PurgeHeld):
        await service.tend()
    chain.buckets = buckets
    # The chain itself still asks for it.
    chain.add_object(1, len(DATA), HASH, accepted=True)
    await service.tend()
    assert await index.get(1) is not None


async def test_what_is_owed_again_is_served_again(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, directory: Owing
) -> None:
    await add(store, index, 1)
    await service.hide([1], QuarantineReason.NOT_OWED)
    directory.objects[1] = owed(1)
    await service.tend()
    kept = await index.get(1)
    assert kept is not None
    assert kept.state is ObjectState.STORED


async def test_what_is_rotten_and_owed_stays_until_it_is_fetched(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, directory: Owing
) -> None:
    await add(store, index, 1)
    await service.hide([1], QuarantineReason.ROTTEN)
    directory.objects[1] = owed(1)
    await service.tend()
    kept = await index.get(1)
    assert kept is not None
    assert kept.state is ObjectState.QUARANTINED


async def test_a_file_that_is_gone_is_told_as_missing(
    service: QuarantineService, store: DiskStore, index: ObjectIndex, data: DataDirectory
) -> None:
    await add(store, index, 1)
    await service.hide([1], QuarantineReason.NOT_OWED)
    data.object(1).unlink()
    with pytest.raises(JoygrpcError) as failure:
        await service.restore(1)
    assert failure.value.reason == "OBJECT_NOT_FOUND"
