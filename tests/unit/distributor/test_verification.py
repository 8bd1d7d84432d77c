"""What lies in the cache is hashed again: before the first use after a start, and in samples."""

import os
import random
import sqlite3
from contextlib import aclosing
from pathlib import Path

import pytest

from joygrpc.content import GROUP_SIZE
from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.verification import Verification

from .conftest import OpenRig, Rig, open_cache
from .storage_peers import object_of, storage_peer
from .test_fill_streams import ended

DATA = os.urandom(9 * GROUP_SIZE + 12_345)
OBJECT = object_of(9, DATA)
HELD = {9: DATA}


async def read(rig: Rig, offset: int = 0, end: int = len(DATA)) -> bytes:
    async with aclosing(rig.delivery.read(OBJECT, offset, end, rest=True)) as pieces:
        return b"".join([data async for data in pieces])


def damage(directory: Path, offset: int) -> None:
    """Change one byte of the only cached file."""
    (path,) = (directory / "objects").glob("*/*-*")
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes((byte ^ 1,)))


def made(cache: Cache, share: float = 0.0) -> tuple[Verification, list[int]]:
    revoked: list[int] = []

    async def revoke(entry: CachedObject) -> None:
        revoked.append(entry.object_id)

    return Verification(cache, share=share, revoke=revoke, dice=random.Random(7)), revoked


async def fill(open_rig: OpenRig, *, mesh: bool = True, part: tuple[int, int] | None = None) -> None:
    """Have the object, or a part of it, in the cache, and the node ended."""
    async with storage_peer(HELD, mesh=mesh) as peer, open_rig() as rig:
        rig.use(peer)
        if part is None:
            assert await read(rig) == DATA
        else:
            async with aclosing(rig.delivery.read(OBJECT, *part)) as pieces:
                assert b"".join([data async for data in pieces]) == DATA[slice(*part)]
        await ended(rig)


@pytest.mark.parametrize("mesh", [True, False], ids=["proven by a tree", "proven by the whole hash"])
async def test_what_was_kept_is_served_after_a_start_without_a_source(open_rig: OpenRig, mesh: bool) -> None:
    await fill(open_rig, mesh=mesh)
    async with open_rig() as rig:
        entry = rig.cache.get(9)
        assert entry is not None
        assert entry.complete
        assert not entry.trusted
        assert await read(rig) == DATA
        assert entry.trusted


@pytest.mark.parametrize("offset", [0, 4 * GROUP_SIZE - 1, len(DATA) - 1])
async def test_damage_while_the_node_was_down_is_never_sent_and_is_mended(
    open_rig: OpenRig, tmp_path: Path, offset: int
) -> None:
    await fill(open_rig)
    damage(tmp_path, offset)
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig) == DATA
        await ended(rig)
        group = offset // GROUP_SIZE
        assert peer.ranges == [(group * GROUP_SIZE, min((group + 1) * GROUP_SIZE, len(DATA)))]
        assert rig.cache.used == len(DATA)
    async with open_rig() as rig:
        assert await read(rig) == DATA


async def test_a_part_is_verified_as_a_whole_object_is(open_rig: OpenRig, tmp_path: Path) -> None:
    await fill(open_rig, part=(3 * GROUP_SIZE, 6 * GROUP_SIZE))
    damage(tmp_path, 4 * GROUP_SIZE)
    async with open_rig() as rig:
        entry = rig.cache.get(9)
        assert entry is not None
        await rig.delivery.verification.check(entry, GroupRun(0, entry.groups.count))
        assert list(entry.groups.runs()) == [GroupRun(3, 1), GroupRun(5, 1)]
        assert entry.unchecked.empty
        assert rig.cache.used == 2 * GROUP_SIZE


def forget_hashes(directory: Path) -> None:
    """As an index of an older version has none."""
    with sqlite3.connect(directory / "index.db") as index:
        index.execute("DELETE FROM hashes")
    index.close()


async def test_a_whole_object_of_an_older_cache_is_verified_by_its_whole_hash(
    open_rig: OpenRig, tmp_path: Path
) -> None:
    await fill(open_rig)
    forget_hashes(tmp_path)
    async with open_rig() as rig:
        assert await read(rig, 100, 200) == DATA[100:200]
        entry = rig.cache.get(9)
        assert entry is not None
        assert entry.trusted
    forget_hashes(tmp_path)
    damage(tmp_path, 5)
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig) == DATA
        assert peer.bytes_sent == len(DATA)


async def test_a_part_of_an_older_cache_is_brought_again(open_rig: OpenRig, tmp_path: Path) -> None:
    await fill(open_rig, part=(0, GROUP_SIZE))
    forget_hashes(tmp_path)
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig) == DATA
        assert peer.bytes_sent == len(DATA)


async def test_a_file_that_became_shorter_is_not_adopted(open_rig: OpenRig, tmp_path: Path) -> None:
    await fill(open_rig)
    (path,) = (tmp_path / "objects").glob("*/*-*")
    os.truncate(path, 1000)
    async with open_rig() as rig:
        assert len(rig.cache) == 0


async def test_a_file_that_becomes_shorter_while_the_node_runs_is_mended(open_rig: OpenRig, tmp_path: Path) -> None:
    await fill(open_rig)
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        (path,) = (tmp_path / "objects").glob("*/*-*")
        os.truncate(path, 2 * GROUP_SIZE)
        assert await read(rig) == DATA
        assert peer.bytes_sent == len(DATA) - 2 * GROUP_SIZE


async def test_rot_is_found_by_samples_while_it_is_read_and_leases_end(open_rig: OpenRig, tmp_path: Path) -> None:
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig) == DATA
        await ended(rig)
        verification, revoked = made(rig.cache, share=1.0)
        rig.delivery.verification = verification
        damage(tmp_path, 6 * GROUP_SIZE)
        start = 6 * GROUP_SIZE - 10
        assert await read(rig, start, start + 100) == DATA[start : start + 100]
        assert revoked == [9]
        assert await read(rig) == DATA


async def test_a_patrol_checks_what_an_earlier_process_wrote_and_then_samples(
    open_rig: OpenRig, tmp_path: Path
) -> None:
    await fill(open_rig)
    async with open_cache(tmp_path) as cache:
        verification, revoked = made(cache)
        entry = cache.get(9)
        assert entry is not None
        assert await verification.patrol(GROUP_SIZE) >= GROUP_SIZE
        assert entry.trusted
        damage(tmp_path, 2 * GROUP_SIZE)
        for _ in range(100):
            await verification.patrol(4 * GROUP_SIZE)
            if revoked:
                break
        assert revoked == [9]
        assert [run.first for run in entry.groups.missing_runs()] == [2]
        assert not entry.trusted
    (tmp_path / "empty").mkdir()
    async with open_cache(tmp_path / "empty") as cache:
        assert await made(cache)[0].patrol(GROUP_SIZE) == 0


async def test_what_is_asked_for_is_checked_first(open_rig: OpenRig, tmp_path: Path) -> None:
    await fill(open_rig)
    async with open_cache(tmp_path) as cache:
        verification, _ = made(cache)
        entry = cache.get(9)
        assert entry is not None
        await verification.check_for(entry, GroupRun(9, 1))
        assert entry.trusted
