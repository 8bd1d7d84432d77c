"""Checks of what is kept: their order, their pace, what they find and what they do about it."""

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from joygrpc.content import multihash_of_bytes
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState, QuarantineReason, present
from joygrpc.storage.quarantine import QuarantineService
from joygrpc.storage.scrub import ScrubOutcome, ScrubRules, ScrubService, pause_after
from joygrpc.storage.scrub_index import DueObject, ScrubIndex
from joygrpc.storage.store import ObjectMissing, StoreFailed
from tests.unit.storage.conftest import BAG, MemoryChain, MemoryDirectory

DATA = os.urandom(600_000)
HASH = multihash_of_bytes(DATA)
LONG_AGO = datetime(2024, 5, 1, tzinfo=UTC)


@dataclass
class Told:
    rotten: int = 0
    drifted: int = 0
    revoked: list[int] = field(default_factory=list)

    def on_rotten(self) -> None:
        self.rotten += 1

    def on_drift(self) -> None:
        self.drifted += 1

    async def revoke(self, object_ids: Collection[int]) -> None:
        self.revoked += object_ids


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def service(
    store: DiskStore,
    index: ObjectIndex,
    directory: MemoryDirectory,
    chain: MemoryChain,
    buckets: OwnBuckets,
    claims: Claims,
    told: Told,
) -> ScrubService:
    quarantine = QuarantineService(
        store=store, index=index, directory=directory, chain=chain, buckets=buckets, claims=claims,
        revoke=told.revoke, retention=timedelta(days=7),
    )  # type: ignore[arg-type]  # fmt: skip
    return ScrubService(
        store=store, index=index, quarantine=quarantine, claims=claims,
        rules=ScrubRules(max_bytes_per_s=1 << 40), rotten=told.on_rotten, drifted=told.on_drift,
    )  # fmt: skip


async def add(
    store: DiskStore,
    index: ObjectIndex,
    object_id: int,
    state: ObjectState = ObjectState.STORED,
    verified_at: datetime | None = LONG_AGO,
) -> None:
    writer = await store.create(object_id, len(DATA))
    await writer.write(DATA)
    content = await writer.finish()
    await writer.commit()
    await index.put(
        KeptObject(
            object_id, len(DATA), HASH, state, str(BAG), media_type=content.media_type, has_tree=True,
            stored_at=LONG_AGO, verified_at=verified_at,
        )
    )  # fmt: skip


def rot(data: DataDirectory, object_id: int) -> None:
    with data.object(object_id).open("r+b") as file:
        file.seek(300_000)
        file.write(b"rot")


@pytest.mark.parametrize(
    ("done", "elapsed_s", "rate", "pause"), [(100, 0.0, 100, 1.0), (100, 0.75, 100, 0.25), (100, 2.0, 100, 0.0)]
)
def test_the_pace(done: int, elapsed_s: float, rate: int, pause: float) -> None:
    assert pause_after(done, elapsed_s, rate) == pause


async def test_a_sound_object_is_remembered_as_checked(
    service: ScrubService, store: DiskStore, index: ObjectIndex, told: Told
) -> None:
    await add(store, index, 1)
    began = present()
    await service.run_once()
    kept = await index.get(1)
    assert kept is not None
    assert kept.verified_at is not None
    assert kept.verified_at >= began
    assert (kept.state, kept.stored_at) == (ObjectState.STORED, LONG_AGO)
    progress = service.progress
    assert (progress.objects_checked, progress.size_checked, progress.objects_rotten) == (1, len(DATA), 0)
    assert (progress.due.objects, progress.due.oldest) == (0, kept.verified_at)
    assert told == Told()


async def test_a_rotten_object_is_set_aside_and_wanted_anew(
    service: ScrubService, store: DiskStore, index: ObjectIndex, data: DataDirectory, told: Told
) -> None:
    await add(store, index, 1)
    await add(store, index, 2)
    rot(data, 1)
    await service.run_once()
    kept, sound = await index.get(1), await index.get(2)
    assert kept is not None
    assert sound is not None
    assert (kept.state, sound.state) == (ObjectState.QUARANTINED, ObjectState.STORED)
    assert (told.rotten, told.revoked) == (1, [1])
    assert service.progress.objects_rotten == 1
    assert await index.unserved([1, 2]) == [1]


async def test_a_file_of_another_size_is_rotten(
    service: ScrubService, store: DiskStore, index: ObjectIndex, data: DataDirectory
) -> None:
    await add(store, index, 1)
    os.truncate(data.object(1), 10)
    assert await service.check(1) is ScrubOutcome.ROTTEN


@pytest.mark.parametrize("how", ["wrong", "missing"])
async def test_a_tree_is_mended(
    service: ScrubService, store: DiskStore, index: ObjectIndex, data: DataDirectory, how: str
) -> None:
    await add(store, index, 1)
    right = data.tree(1).read_bytes()
    if how == "wrong":
        data.tree(1).write_bytes(bytes(len(right)))
    else:
        data.tree(1).unlink()
    assert await service.check(1) is ScrubOutcome.TREE_MENDED
    assert data.tree(1).read_bytes() == right
    assert await service.check(1) is ScrubOutcome.SOUND


async def test_what_is_not_there_or_not_served_is_not_checked(
    service: ScrubService, store: DiskStore, index: ObjectIndex, data: DataDirectory, told: Told
) -> None:
    with pytest.raises(ObjectMissing):
        await service.check(1)
    await add(store, index, 1)
    data.object(1).unlink()
    with pytest.raises(ObjectMissing):
        await service.check(1)
    assert told.drifted == 1
    await service.run_once()
    await index.quarantine([1], QuarantineReason.ROTTEN)
    with pytest.raises(ObjectMissing):
        await service.check(1)


async def test_claimed_objects_are_left_for_the_next_run(
    service: ScrubService, store: DiskStore, index: ObjectIndex, claims: Claims
) -> None:
    await add(store, index, 1)
    with claims.hold(1):
        await service.run_once()
    assert service.progress.due.objects == 1
    await service.run_once()
    assert service.progress.due.objects == 0


async def test_the_order_is_unverified_first_then_by_age(index: ObjectIndex) -> None:
    def entry(object_id: int, days: int | None, state: ObjectState = ObjectState.STORED) -> KeptObject:
        at = None if days is None else LONG_AGO + timedelta(days=days)
        return KeptObject(object_id, 10, "gW", state, str(BAG), verified_at=at)

    for each in (
        entry(1, 3), entry(2, 1), entry(3, None), entry(4, 1), entry(5, 2, ObjectState.PENDING), entry(6, 9),
        entry(7, 0, ObjectState.QUARANTINED), entry(8, None, ObjectState.UNVERIFIED),
    ):  # fmt: skip
        await index.put(each)
    times = ScrubIndex(index)
    before = LONG_AGO + timedelta(days=5)
    assert await times.unverified() == [DueObject(8, 0)]
    order: list[int] = []
    last = None
    while page := await times.due(before, after=last, limit=2):
        order += [each.object_id for each in page]
        last = page[-1]
    assert order == [3, 8, 2, 4, 5, 1]
    count = await times.count(before)
    assert (count.objects, count.size, count.oldest) == (6, 60, None)


async def test_everything_can_be_made_due_and_that_survives(
    service: ScrubService, store: DiskStore, index: ObjectIndex
) -> None:
    await add(store, index, 1, verified_at=datetime.now(UTC) - timedelta(seconds=1))
    await service.count()
    assert service.progress.due.objects == 0
    await service.make_all_due()
    assert service.progress.due.objects == 1
    assert await ScrubIndex(index).all_due_before() > LONG_AGO
    await service.run_once()
    assert service.progress.due.objects == 0


async def test_a_disk_that_fails_again_and_again_ends_the_run(
    service: ScrubService, store: DiskStore, index: ObjectIndex, data: DataDirectory
) -> None:
    for object_id in range(12):
        await add(store, index, object_id)
        data.object(object_id).unlink()
        # Opening it works, reading does not: a directory.
        data.object(object_id).mkdir()
    with pytest.raises(StoreFailed):
        await service.run_once()
    assert len(await index.unserved(range(12))) == 10


async def test_a_run_ends_after_its_time(service: ScrubService, store: DiskStore, index: ObjectIndex) -> None:
    service.rules = ScrubRules(max_bytes_per_s=1 << 40, run_time=timedelta(0))
    await add(store, index, 1)
    await add(store, index, 2)
    await service.run_once()
    assert service.progress.objects_checked == 1
    await service.run_once()
    assert service.progress.objects_checked == 2
