"""The index: entries, pages, counters, the acceptance queue, and survival of a restart."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from joygrpc.storage.index import Count, IndexFailed, ObjectIndex, Setback
from joygrpc.storage.objects import LISTED_STATES, KeptObject, ObjectState
from joygrpc.storage.schema import IndexTooNew

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def kept(object_id: int, state: ObjectState = ObjectState.STORED, **changes: object) -> KeptObject:
    values: dict[str, object] = {
        "size": 10,
        "multihash": "gW",
        "bag": "dynamic:channel:1",
        "stored_at": NOW,
        "verified_at": NOW,
    }
    return KeptObject(object_id=object_id, state=state, **(values | changes))  # type: ignore[arg-type]


async def test_an_entry_comes_back_as_it_was(index: ObjectIndex) -> None:
    entry = kept(2**63 - 1, ObjectState.PENDING, bucket=3, media_type="video/webm", has_tree=True)
    await index.put(entry)
    assert await index.get(entry.object_id) == entry
    assert await index.get(1) is None


@pytest.mark.parametrize("object_id", [-1, 2**63, 2**64 - 1])
async def test_ids_that_cannot_be_are_unknown(index: ObjectIndex, object_id: int) -> None:
    assert await index.get(object_id) is None
    assert await index.unknown([object_id]) == [object_id]
    assert await index.ids(LISTED_STATES, after=object_id) == []


async def test_counts_follow_every_change(index: ObjectIndex) -> None:
    await index.put(kept(1, size=5))
    await index.put(kept(2, ObjectState.PENDING, size=7))
    await index.put(kept(2, ObjectState.PENDING, size=8))
    await index.put(kept(3, size=1))
    await index.set_state([3], ObjectState.QUARANTINED)
    await index.remove([1, 99])
    counts = await index.counts()
    assert counts[ObjectState.STORED] == Count(0, 0)
    assert counts[ObjectState.PENDING] == Count(1, 8)
    assert counts[ObjectState.QUARANTINED] == Count(1, 1)
    assert counts[ObjectState.UNVERIFIED] == Count(0, 0)


async def test_pages_of_ids_by_state_and_bag(index: ObjectIndex) -> None:
    for object_id in range(10):
        await index.put(kept(object_id, bag=f"dynamic:channel:{object_id % 2}"))
    await index.put(kept(10, ObjectState.PENDING))
    await index.put(kept(11, ObjectState.QUARANTINED))
    assert await index.ids(LISTED_STATES, limit=4) == [0, 1, 2, 3]
    assert await index.ids(LISTED_STATES, after=7) == [8, 9]
    assert await index.ids(LISTED_STATES, bag="dynamic:channel:1") == [1, 3, 5, 7, 9]


async def test_unknown_and_unserved_ids(index: ObjectIndex) -> None:
    await index.put(kept(1))
    await index.put(kept(2, ObjectState.QUARANTINED))
    assert await index.unknown([3, 2, 1]) == [3]
    assert await index.unserved([3, 2, 1]) == [3, 2]
    assert await index.unknown(list(range(3000))) == [0, *range(3, 3000)]


async def test_the_queue_holds_back_what_failed_until_its_time(index: ObjectIndex) -> None:
    for object_id in (1, 2):
        await index.put(kept(object_id, ObjectState.PENDING, bucket=4))
    await index.set_back([Setback(1, 1, NOW + timedelta(seconds=12), "Storage.Error"), Setback(77, 1, NOW, "gone")])
    assert [each.object_id for each in await index.pending(now=NOW)] == [2]
    later = await index.pending(now=NOW + timedelta(seconds=12))
    assert [(each.object_id, each.attempts) for each in later] == [(1, 1), (2, 0)]
    assert await index.next_retry() == NOW + timedelta(seconds=12)


async def test_an_accepted_object_starts_anew(index: ObjectIndex) -> None:
    await index.put(kept(1, ObjectState.PENDING))
    await index.set_back([Setback(1, 5, NOW + timedelta(hours=1), "x")])
    await index.set_state([1], ObjectState.STORED)
    assert await index.next_retry() is None
    await index.set_state([1], ObjectState.PENDING)
    assert (await index.pending(now=NOW))[0].attempts == 0


async def test_trees_and_verification(index: ObjectIndex) -> None:
    await index.put(kept(1, ObjectState.UNVERIFIED, verified_at=None))
    await index.put(kept(2, ObjectState.PENDING, has_tree=True))
    assert [entry.object_id for entry in await index.without_tree()] == [1]
    await index.verified(1, "image/png", NOW)
    assert await index.get(1) == kept(1, has_tree=True, media_type="image/png")
    await index.tree_lost(2)
    assert [entry.object_id for entry in await index.without_tree()] == [2]


async def test_entries_survive_a_restart(tmp_path: Path) -> None:
    async with ObjectIndex(tmp_path / "index") as first:
        await first.put(kept(1))
    async with ObjectIndex(tmp_path / "index") as second:
        assert await second.get(1) == kept(1)
        assert (await second.counts())[ObjectState.STORED] == Count(1, 10)
    with pytest.raises(IndexFailed):
        await second.get(1)


async def test_an_index_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "index") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(IndexTooNew):
        async with ObjectIndex(tmp_path / "index"):
            pass


async def test_a_damaged_index_is_a_failure_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"no database" * 1000)
    with pytest.raises(IndexFailed):
        async with ObjectIndex(tmp_path / "index"):
            pass
