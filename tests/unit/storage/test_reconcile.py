"""Index and disk brought together."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.directory import DirectoryObject
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.reconcile import ReconcileService, ReconcileUndecided
from joygrpc.storage.verification import TreeService, Verifier
from tests.unit.storage.conftest import BAG, MemoryDirectory
from tests.unit.storage.test_disk_store import BYTES, stored, tree_of

HASH = multihash_of_bytes(BYTES)


class Revoked(list[int]):
    async def __call__(self, object_ids: Collection[int]) -> None:
        self.extend(object_ids)


@pytest.fixture
def revoked() -> Revoked:
    return Revoked()


@pytest.fixture
def service(
    store: DiskStore, index: ObjectIndex, directory: MemoryDirectory, claims: Claims, revoked: Revoked
) -> ReconcileService:
    return ReconcileService(store=store, index=index, directory=directory, claims=claims, revoke=revoked)


def known(directory: MemoryDirectory, object_id: int, multihash: str = HASH, *, accepted: bool = True) -> None:
    directory.objects[object_id] = DirectoryObject(object_id, len(BYTES), multihash, BAG, accepted)


def entry(object_id: int, state: ObjectState = ObjectState.STORED, multihash: str = HASH) -> KeptObject:
    return KeptObject(object_id, len(BYTES), multihash, state, str(BAG))


async def test_an_entry_without_file_goes(service: ReconcileService, index: ObjectIndex, revoked: Revoked) -> None:
    await index.put(entry(1))
    await service.run_once()
    assert await index.get(1) is None
    assert revoked == [1]


async def test_a_file_of_the_wrong_size_is_not_served(
    service: ReconcileService, store: DiskStore, index: ObjectIndex, data: DataDirectory, revoked: Revoked
) -> None:
    await stored(store, 1, BYTES)
    await index.put(entry(1))
    with data.object(1).open("ab") as file:
        file.truncate(10)
    await service.run_once()
    kept = await index.get(1)
    assert kept is not None
    assert kept.state is ObjectState.QUARANTINED
    assert data.object(1).exists()
    assert revoked == [1]


@pytest.mark.parametrize(("accepted", "state"), [(True, ObjectState.STORED), (False, ObjectState.PENDING)])
async def test_a_file_that_the_chain_knows_is_taken_in(
    service: ReconcileService,
    store: DiskStore,
    index: ObjectIndex,
    directory: MemoryDirectory,
    accepted: bool,
    state: ObjectState,
) -> None:
    data_file = store._directory.object(1)
    data_file.write_bytes(BYTES)
    known(directory, 1, accepted=accepted)
    await service.run_once()
    kept = await index.get(1)
    assert kept is not None
    assert (kept.state, kept.multihash, kept.bag, kept.has_tree) == (state, HASH, str(BAG), True)
    assert await store.tree(1) == tree_of(BYTES)


@pytest.mark.parametrize("multihash", [None, multihash_of_bytes(b"other")])
async def test_a_stranger_is_kept_out_of_sight(
    service: ReconcileService,
    data: DataDirectory,
    index: ObjectIndex,
    directory: MemoryDirectory,
    multihash: str | None,
    store: DiskStore,
) -> None:
    data.object(1).write_bytes(BYTES)
    if multihash is not None:
        known(directory, 1, multihash)
    await service.run_once()
    kept = await index.get(1)
    assert kept is not None
    assert kept.state is ObjectState.QUARANTINED
    assert data.object(1).exists()


async def test_nothing_is_decided_on_an_incomplete_picture(
    service: ReconcileService, data: DataDirectory, index: ObjectIndex, directory: MemoryDirectory, store: DiskStore
) -> None:
    data.object(1).write_bytes(BYTES)
    directory.complete = False
    with pytest.raises(ReconcileUndecided):
        await service.run_once()
    assert await index.get(1) is None


async def test_what_somebody_works_on_is_left_alone(
    service: ReconcileService, data: DataDirectory, index: ObjectIndex, claims: Claims, store: DiskStore
) -> None:
    data.object(1).write_bytes(BYTES)
    await index.put(entry(2))
    with claims.hold(1), claims.hold(2):
        await service.run_once()
    assert await index.get(1) is None
    assert await index.get(2) is not None


async def test_missing_trees_are_made_and_rot_is_found(
    store: DiskStore, index: ObjectIndex, claims: Claims, data: DataDirectory, revoked: Revoked
) -> None:
    data.object(1).write_bytes(BYTES)
    data.object(2).write_bytes(bytes(len(BYTES)))
    data.object(3).write_bytes(BYTES[:GROUP_SIZE])
    await index.put(entry(1, ObjectState.UNVERIFIED))
    await index.put(entry(2))
    await index.put(replace(entry(3), size=GROUP_SIZE, multihash=multihash_of_bytes(BYTES[:GROUP_SIZE])))
    await TreeService(
        index=index, claims=claims, verifier=Verifier(store=store, index=index, revoke=revoked)
    ).run_once()
    kept = [await index.get(i) for i in (1, 2, 3)]
    assert [each and (each.state, each.has_tree) for each in kept] == [
        (ObjectState.STORED, True), (ObjectState.QUARANTINED, False), (ObjectState.STORED, True),
    ]  # fmt: skip
    assert kept[0] is not None
    assert kept[0].verified_at is not None
    assert kept[0].verified_at <= datetime.now(UTC)
    assert await store.tree(1) == tree_of(BYTES)
    assert revoked == [2]
