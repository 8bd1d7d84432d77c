"""The local store: commit, abort, reading, trees, limits of the disk, and who owns the directory."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from joygrpc.content import GROUP_SIZE, TreeBuilder, multihash_of_bytes
from joygrpc.storage.data_directory import DataDirectory, DataDirectoryInUse, DataDirectoryUnusable, object_of_name
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.store import DiskFull, FoundFile, ObjectMissing, StoreFailed, TreeMissing

BYTES = random.Random(7).randbytes(3 * GROUP_SIZE + 17)


async def stored(store: DiskStore, object_id: int, data: bytes, piece: int = 100_000) -> None:
    writer = await store.create(object_id, len(data))
    for start in range(0, len(data), piece):
        await writer.write(data[start : start + piece])
    await writer.finish()
    await writer.commit()


def tree_of(data: bytes) -> bytes:
    builder = TreeBuilder()
    builder.update(data)
    return builder.finish().serialise()


@pytest.mark.parametrize("size", [0, 1, GROUP_SIZE, GROUP_SIZE + 1, len(BYTES)])
@pytest.mark.parametrize("piece", [1 << 16, 1 << 21])
async def test_what_is_written_is_hashed_and_read_back(store: DiskStore, size: int, piece: int) -> None:
    data = BYTES[:size]
    writer = await store.create(5, size)
    for start in range(0, size, piece):
        await writer.write(data[start : start + piece])
    content = await writer.finish()
    assert (content.size, content.multihash, content.tree) == (size, multihash_of_bytes(data), tree_of(data))
    await writer.commit()
    async with store.open(5) as reader:
        assert reader.size == size
        assert await reader.read(0, size + 1) == data
        assert await reader.read(size // 2, 10) == data[size // 2 :][:10]
    if content.tree:
        assert await store.tree(5) == content.tree
    assert await store.examine(5) == content


async def test_nothing_is_seen_before_the_commit_and_nothing_left_after_it(
    store: DiskStore, data: DataDirectory
) -> None:
    writer = await store.create(5, len(BYTES))
    await writer.write(BYTES)
    await writer.flush()
    assert store.receiving == (1, len(BYTES))
    assert await store.sizes([5]) == [None]
    await writer.finish()
    await writer.commit()
    assert await store.sizes([5, 6]) == [len(BYTES), None]
    assert store.receiving == (0, 0)
    assert list(data.incoming.iterdir()) == []
    await writer.discard()
    assert await store.sizes([5]) == [len(BYTES)]


async def test_a_discarded_object_leaves_nothing(store: DiskStore, data: DataDirectory) -> None:
    writer = await store.create(5, len(BYTES))
    await writer.write(BYTES)
    await writer.discard()
    assert list(data.incoming.iterdir()) == []
    with pytest.raises(ObjectMissing):
        async with store.open(5):
            pass
    with pytest.raises(TreeMissing):
        await store.tree(5)
    with pytest.raises(StoreFailed):
        await writer.finish()


async def test_a_cancelled_write_can_be_discarded(store: DiskStore, data: DataDirectory) -> None:
    writer = await store.create(5, 1 << 26)

    busy = asyncio.Event()

    async def write() -> None:
        for _ in range(64):
            await writer.write(bytes(1 << 20))
            busy.set()
        await writer.flush()

    task = asyncio.create_task(write())
    await busy.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await writer.discard()
    assert list(data.incoming.iterdir()) == []


async def test_the_sniffed_type_is_part_of_what_it_is(store: DiskStore) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(30)
    writer = await store.create(5, len(png))
    for byte in png:
        await writer.write(bytes([byte]))
    assert (await writer.finish()).media_type == "image/png"
    await writer.discard()


async def test_an_open_object_stays_whole_when_it_is_removed(store: DiskStore) -> None:
    await stored(store, 5, BYTES)
    async with store.open(5) as reader:
        await store.remove(5)
        await store.remove(5)
        assert await reader.read(0, len(BYTES)) == BYTES
    assert await store.location(5) is None


async def test_a_location_names_the_inode(store: DiskStore) -> None:
    await stored(store, 300, b"abc")
    location = await store.location(300)
    assert location is not None
    status = Path(location.path).stat()
    assert (location.device, location.inode, location.size) == (status.st_dev, status.st_ino, 3)
    assert location.path.endswith("/objects/2c/300")


async def test_links_are_not_followed(store: DiskStore, data: DataDirectory, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    data.object(9).symlink_to(tmp_path / "secret")
    assert await store.location(9) is None
    with pytest.raises(StoreFailed):
        async with store.open(9):
            pass
    assert [found async for found in store.scan()] == []


async def test_a_scan_finds_objects_alone(store: DiskStore, data: DataDirectory) -> None:
    await stored(store, 5, BYTES)
    await stored(store, 261, b"abc")
    (data.shard(5) / "junk").write_bytes(b"x")
    (data.shard(5) / "005").write_bytes(b"x")
    (data.shard(6) / "5").write_bytes(b"wrong shard")
    found = {found async for page in store.scan() for found in page}
    assert found == {FoundFile(5, len(BYTES)), FoundFile(261, 3)}


async def test_space_is_reserved_for_what_is_on_its_way(data: DataDirectory) -> None:
    with data.owned():
        status = os.statvfs(data.incoming)
        async with DiskStore(data, reserve=status.f_bavail * status.f_frsize - (1 << 30)) as store:
            writer = await store.create(1, 900 << 20)
            with pytest.raises(DiskFull):
                await store.create(2, 900 << 20)
            await writer.discard()
            again = await store.create(2, 900 << 20)
            await again.discard()


async def test_only_one_process_owns_a_directory(data: DataDirectory, tmp_path: Path) -> None:
    with data.owned(), pytest.raises(DataDirectoryInUse), DataDirectory(tmp_path).owned():
        pass
    with data.owned():
        pass


def test_what_was_half_written_goes_at_the_start_and_strangers_files_stay(data: DataDirectory) -> None:
    with data.owned():
        data.new_incoming(7).write_bytes(b"half")
        data.new_incoming(7).with_suffix(".tree").write_bytes(b"half")
        (data.incoming / "notes.txt").write_bytes(b"mine")
    with data.owned():
        assert [path.name for path in data.incoming.iterdir()] == ["notes.txt"]


def test_arriving_bytes_have_a_place_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryUnusable), DataDirectory(tmp_path, incoming=tmp_path).owned():
        pass


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("0", (0, False)),
        ("12", (12, False)),
        ("12.tree", (12, True)),
        ("012", None),
        ("x", None),
        ("-1", None),
        ("1.part", None),
    ],
)
def test_names_of_files(name: str, named: tuple[int, bool] | None) -> None:
    assert object_of_name(name) == named
