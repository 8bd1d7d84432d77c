"""What the operator sets stays, until the configuration says something new."""

from pathlib import Path

import pytest

from joygrpc.distributor.assignment import Assignment, AssignmentStore, parse_buckets
from joygrpc.distributor.cache_index import CacheIndex
from joygrpc.distributor.errors import BucketIdInvalid

CONFIGURED = Assignment(worker_id=1)


async def stored(path: Path, configured: Assignment) -> Assignment:
    async with CacheIndex(path) as index:
        store = AssignmentStore(configured, index)
        await store.load()
        return store.current


async def test_changes_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with CacheIndex(path) as index:
        store = AssignmentStore(CONFIGURED, index)
        await store.load()
        assert store.current == CONFIGURED
        await store.set_worker(2)
        await store.set_buckets(("0:1", "1:0"))
    assert await stored(path, CONFIGURED) == Assignment(2, ("0:1", "1:0"))


async def test_an_edited_configuration_counts_again(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    async with CacheIndex(path) as index:
        await AssignmentStore(CONFIGURED, index).set_worker(2)
    edited = Assignment(worker_id=3)
    assert await stored(path, edited) == edited


async def test_a_reload_counts_only_when_it_says_something_new(tmp_path: Path) -> None:
    async with CacheIndex(tmp_path / "index.db") as index:
        store = AssignmentStore(CONFIGURED, index)
        await store.set_worker(2)
        assert not await store.configure(CONFIGURED)
        assert store.current == Assignment(2)
        assert await store.configure(Assignment(4))
        assert store.current == Assignment(4)


def test_buckets_are_canonical_and_each_once() -> None:
    assert parse_buckets(["0:1", "00:1", "2:0"]) == ("0:1", "2:0")
    assert parse_buckets([]) is None
    with pytest.raises(BucketIdInvalid):
        parse_buckets(["1"])
