"""Room, eviction and adoption."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.distributor.errors import CacheFull
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.object_file import write_all

from .conftest import open_cache

MIB = 1 << 20


async def put(cache: Cache, object_id: int, data: bytes, groups: int | None = None) -> CachedObject:
    """Fill an object, or its first groups."""
    entry = await cache.begin(object_id, len(data), multihash_of_bytes(data), "dynamic:channel:1")
    run = GroupRun(0, entry.groups.count if groups is None else groups)
    try:
        with await cache.reserve(entry.groups.bytes_in(run)) as room:
            async with entry.file.opened():
                kept = data[: run.end * GROUP_SIZE]
                await entry.file.work(lambda fd: write_all(fd, 0, kept))
                entry.groups.add(run.first, run.count)
                room.turn_into_content(len(kept))
                await cache.checkpoint(entry)
    finally:
        await cache.end(entry)
    return entry


async def content_of(entry: CachedObject, length: int) -> bytes:
    async with entry.file.opened():
        return await entry.file.read(0, length)


def files_in(directory: Path) -> set[str]:
    return {path.name for path in (directory / "objects").glob("*/*")}


async def test_the_limit_holds_and_the_least_useful_leaves(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 3 * MIB) as cache:
        for object_id in range(3):
            await put(cache, object_id, bytes([object_id]) * MIB)
        cache.use(0, at_ms=None)
        await put(cache, 3, b"3" * MIB)
        assert {entry.object_id for entry in cache} == {0, 2, 3}
        assert cache.used == 3 * MIB
        assert len(files_in(tmp_path)) == 3


async def test_reservations_count_and_what_is_left_comes_back(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 3 * MIB) as cache:
        await put(cache, 1, b"1" * MIB)
        with await cache.reserve(2 * MIB):
            assert cache.used == 3 * MIB
        assert cache.used == MIB


async def test_reservations_at_the_same_time_never_exceed_the_limit(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 4 * MIB) as cache:
        for object_id in range(4):
            await put(cache, object_id, b"x" * MIB)
        results = await asyncio.gather(*(cache.reserve(2 * MIB) for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(result, CacheFull) for result in results) == 3
        assert cache.used == 4 * MIB
        assert len(cache) == 0


async def test_nothing_is_evicted_for_what_can_never_fit(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 2 * MIB) as cache:
        await put(cache, 1, b"1" * MIB)
        with pytest.raises(CacheFull):
            await cache.reserve(2 * MIB + 1)
        with await cache.reserve(MIB), pytest.raises(CacheFull):
            await cache.reserve(MIB + 1)
        assert cache.get(1) is not None


async def test_objects_being_filled_or_read_are_not_evicted(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 2 * MIB) as cache:
        read = await put(cache, 1, b"1" * MIB)
        filled = await put(cache, 2, b"2" * MIB)
        await cache.begin(2, filled.size, filled.multihash, filled.bag)
        async with read.file.opened():
            with pytest.raises(CacheFull):
                await cache.reserve(1)
        with await cache.reserve(1):
            assert [entry.object_id for entry in cache] == [2]


async def test_an_unlinked_file_that_somebody_holds_open_still_counts(tmp_path: Path) -> None:
    async with open_cache(tmp_path, 2 * MIB) as cache:
        entry = await put(cache, 1, b"1" * MIB)
        await put(cache, 2, b"2" * MIB)
        entry.lent_until = asyncio.get_running_loop().time() + 60
        holder = holder_of(entry.file.path)
        try:
            with pytest.raises(CacheFull):
                await cache.reserve(2 * MIB)
            assert cache.used == MIB
            assert files_in(tmp_path) == set()
        finally:
            end(holder)
        with await cache.reserve(2 * MIB):
            assert cache.used == 2 * MIB


async def test_an_open_file_stays_readable_after_its_object_left(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        entry = await put(cache, 1, b"1" * MIB)
        async with entry.file.opened():
            await cache.drop(entry)
            assert cache.used == MIB
            assert await entry.file.read(MIB - 4, 4) == b"1111"


async def test_a_new_fill_after_eviction_is_another_file(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        first = await put(cache, 1, b"1" * MIB)
        await cache.drop(first)
        second = await put(cache, 1, b"1" * MIB)
        assert first.file.path != second.file.path


async def test_an_object_of_another_chain_is_replaced(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        await put(cache, 1, b"old")
        entry = await put(cache, 1, b"other")
        assert await content_of(entry, 5) == b"other"
        assert len(files_in(tmp_path)) == 1


async def test_a_fill_that_brought_nothing_leaves_nothing(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        entry = await cache.begin(1, MIB, multihash_of_bytes(b""), "dynamic:channel:1")
        await cache.end(entry)
        assert len(cache) == 0
        assert cache.used == 0
        assert files_in(tmp_path) == set()


async def test_objects_parts_and_standings_are_adopted(tmp_path: Path) -> None:
    whole, half = os.urandom(MIB), os.urandom(MIB)
    async with open_cache(tmp_path) as cache:
        (await put(cache, 1, whole)).media_type = "video/webm"
        await put(cache, 1, whole)
        await put(cache, 2, half, groups=2)
        cache.use(1, 6)
        await cache.save_standings()
        files = files_in(tmp_path)
    async with open_cache(tmp_path) as cache:
        assert files_in(tmp_path) == files
        assert cache.used == MIB + 2 * GROUP_SIZE
        first, second = cache.get(1), cache.get(2)
        assert first is not None
        assert second is not None
        assert first.complete
        assert first.media_type == "video/webm"
        assert await content_of(first, MIB) == whole
        assert list(second.groups.runs()) == [GroupRun(0, 2)]
        standing = cache._policy.standing(1)
        assert standing is not None
        assert standing.popularity == 7


async def test_adoption_drops_what_does_not_fit_together_and_touches_nothing_else(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        lost = await put(cache, 1, b"1" * MIB)
        cut = await put(cache, 2, b"2" * MIB)
        await put(cache, 3, b"3" * MIB)
    lost.file.path.unlink()
    os.truncate(cut.file.path, 10)
    orphan = cut.file.path.with_name("9-0123456789abcdef")
    foreign = cut.file.path.with_name("notes.txt")
    orphan.write_bytes(b"")
    foreign.write_bytes(b"")
    async with open_cache(tmp_path) as cache:
        assert [entry.object_id for entry in cache] == [3]
    assert not orphan.exists()
    assert not cut.file.path.exists()
    assert foreign.exists()


async def test_adoption_evicts_down_to_a_lower_limit(tmp_path: Path) -> None:
    async with open_cache(tmp_path) as cache:
        for object_id in range(4):
            await put(cache, object_id, b"x" * MIB)
    async with open_cache(tmp_path, 2 * MIB) as cache:
        assert cache.used == 2 * MIB


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from distributor.conftest import open_cache
from distributor.test_cache import put, GROUP_SIZE
from joygrpc.distributor.object_file import write_all

async def main():
    async with open_cache(Path(sys.argv[1])) as cache:
        await put(cache, 1, b"1" * (4 * GROUP_SIZE))
        entry = await cache.begin(2, 8 * GROUP_SIZE, "hash", "dynamic:channel:1")
        async with entry.file.opened():
            with await cache.reserve(entry.size) as room:
                for group in range(8):
                    await entry.file.work(lambda fd: write_all(fd, group * GROUP_SIZE, bytes([group]) * GROUP_SIZE))
                    entry.groups.add(group)
                    room.turn_into_content(GROUP_SIZE)
                    if group == 2:
                        await cache.checkpoint(entry)
                    if group == 5:
                        print("written", flush=True)
                        await asyncio.Event().wait()

asyncio.run(main())
"""


def writer_into(directory: Path) -> "subprocess.Popen[str]":
    """A process that has filled one object, and another in part, when this returns."""
    tests = str(Path(__file__).parent.parent)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(directory), tests], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert "written\n" in iter(writer.stdout.readline, "")
    return writer


def holder_of(path: Path) -> "subprocess.Popen[str]":
    """A process that has the file open."""
    with path.open("rb") as file:
        holder = subprocess.Popen(["/bin/cat"], stdin=file, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.read(1)
    return holder


def end(process: "subprocess.Popen[str]") -> None:
    """Kill it at once."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def test_after_a_kill_what_was_durable_is_adopted_and_nothing_more(tmp_path: Path) -> None:
    end(writer_into(tmp_path))
    async with open_cache(tmp_path) as cache:
        whole, part = cache.get(1), cache.get(2)
        assert whole is not None
        assert part is not None
        assert whole.complete
        assert list(part.groups.runs()) == [GroupRun(0, 3)]
        assert cache.used == 7 * GROUP_SIZE
        expected = b"".join(bytes([group]) * GROUP_SIZE for group in range(3))
        assert await content_of(part, 3 * GROUP_SIZE) == expected
