"""Taking over a reference node's cache: a made-up directory, as its version of today leaves it."""

import asyncio
import json
import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from joygrpc.content import GROUP_SIZE, BagId, multihash_of_bytes
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.cache_index import CacheIndex
from joygrpc.distributor.cache_json import begin_takeover, end_takeover, find_flat_files, parse_cache_json
from joygrpc.distributor.errors import AssetNotServed, FactsUnavailable
from joygrpc.distributor.object_file import DiskThreads
from joygrpc.distributor.policies import LruSp, Standing
from joygrpc.distributor.takeover import Heritage, Takeover

from .conftest import open_cache

T0 = 1_700_000_000_000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)


def cache_json(*groups: dict[str, tuple[int, int, int]]) -> str:
    """The file as the reference writes it; objects with popularity, last access and KiB."""
    lists = [
        [
            [name, {"popularity": popularity, "lastAccessTime": last, "sizeKB": size}]
            for name, (popularity, last, size) in group.items()
        ]
        for group in groups
    ]
    return json.dumps(
        {"lruCacheGroups": lists + [[]] * (24 - len(lists)), "mimeTypeByObjectId": [["0", "image/png"]]}, indent=2
    )


@dataclass
class Reference:
    """Directories of a reference node, and the chain that knows its objects."""

    assets: Path
    state: Path
    chain: dict[int, DirectoryObject] = field(default_factory=dict)
    knows: bool = True

    def put(self, object_id: int, content: bytes, on_chain: bytes | None = None) -> None:
        (self.assets / str(object_id)).write_bytes(content)
        data = content if on_chain is None else on_chain
        self.chain[object_id] = DirectoryObject(
            object_id, len(data), multihash_of_bytes(data), BagId.parse("dynamic:channel:1"), accepted=True
        )

    async def judge(self, object_id: int) -> DirectoryObject:
        if not self.knows:
            raise FactsUnavailable
        if object_id not in self.chain:
            raise AssetNotServed
        return self.chain[object_id]

    def left(self) -> set[str]:
        return {path.name for path in self.assets.iterdir() if path.is_file()}


@pytest.fixture
def reference(tmp_path: Path) -> Reference:
    found = Reference(tmp_path / "assets", tmp_path / "cacheState")
    found.assets.mkdir()
    found.state.mkdir()
    return found


async def ready() -> None:
    pass


async def take_all(reference: Reference, cache: Cache) -> None:
    with DiskThreads(2) as threads:
        files = find_flat_files(reference.assets, reference.state / "cache.json")
        takeover = Takeover(
            Heritage(files, threads, ready), cache, judge=reference.judge, ready=ready, patience=timedelta(seconds=5)
        )
        await takeover.run()


def test_popularity_and_recency_are_read() -> None:
    text = cache_json(
        {"0": (7, T0, 0), "12": (2, T0 + 1, 1)}, {"12": (9, T0, 3000), "9007199254740993": (1, T0 + 2, 5)}
    )
    assert parse_cache_json(text) == {
        0: Standing(7, T0),
        12: Standing(2, T0 + 1),
        9007199254740993: Standing(1, T0 + 2),
    }


@pytest.mark.parametrize(
    "item",
    [
        [], ["1"], ["1", None], ["1", {"popularity": 1}], ["../1", {"popularity": 1, "lastAccessTime": 1}], [1, {"popularity": 1, "lastAccessTime": 1}],
        ["1", {"popularity": "1", "lastAccessTime": 1}], ["1", {"popularity": -1, "lastAccessTime": 1}], ["1", {"popularity": 1, "lastAccessTime": 1e30}],
        ["01", {"popularity": 1, "lastAccessTime": 1}], ["1", {"popularity": True, "lastAccessTime": 1}], "x",
    ],
)  # fmt: skip
def test_entries_of_another_shape_are_left_out(item: object) -> None:
    good = ["2", {"popularity": 0, "lastAccessTime": 5.5}]
    assert parse_cache_json(json.dumps({"lruCacheGroups": [None, [item, good]]})) == {2: Standing(1, 5)}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"lruCacheGroups": {}}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_cache_json(text)


def test_files_are_found_by_their_names_the_latest_first(reference: Reference) -> None:
    for name in ("0", "5", "12", "012", "x1", "9999999999999999999999", ".lock"):
        (reference.assets / name).write_bytes(b"abc")
    (reference.assets / "7").symlink_to(reference.assets / "5")
    (reference.assets / "8").mkdir()
    (reference.state / "cache.json").write_text(cache_json({"5": (3, T0, 1)}, {"0": (4, T0 + 1, 1)}))
    os.utime(reference.assets / "12", (1, 1))
    files = find_flat_files(reference.assets, reference.state / "cache.json")
    assert [(file.object_id, file.size, file.standing) for file in files] == [
        (0, 3, Standing(4, T0 + 1)),
        (5, 3, Standing(3, T0)),
        (12, 3, Standing(1, 1000)),
    ]


def test_a_damaged_cache_json_loses_the_standings_alone(reference: Reference) -> None:
    (reference.assets / "5").write_bytes(b"abc")
    (reference.state / "cache.json").write_text("{")
    assert [file.object_id for file in find_flat_files(reference.assets, reference.state / "cache.json")] == [5]


async def test_files_are_looked_for_at_the_first_start_alone(reference: Reference, tmp_path: Path) -> None:
    (reference.assets / "5").write_bytes(b"abc")
    async with CacheIndex(tmp_path / "index.db") as index:
        assert len(await begin_takeover(reference.assets, reference.state, index, cache_is_empty=True)) == 1
        # The node died meanwhile, with some files taken.
        assert len(await begin_takeover(reference.assets, reference.state, index, cache_is_empty=False)) == 1
        await end_takeover(index)
        assert await begin_takeover(reference.assets, reference.state, index, cache_is_empty=True) == []
    async with CacheIndex(tmp_path / "full.db") as index:
        assert await begin_takeover(reference.assets, reference.state, index, cache_is_empty=False) == []
        assert await begin_takeover(reference.assets, reference.state, index, cache_is_empty=True) == []


async def test_files_become_objects_without_being_copied(reference: Reference, tmp_path: Path) -> None:
    large = os.urandom(3 * GROUP_SIZE + 5)
    for object_id, content in ((0, PNG), (7, large), (9, b"")):
        reference.put(object_id, content)
    text = cache_json({"0": (5, T0 + 1, 1), "9": (1, T0 + 2, 0)}, {"7": (2, T0, 769)})
    (reference.state / "cache.json").write_text(text)
    inode = (reference.assets / "7").stat().st_ino
    async with open_cache(tmp_path) as cache:
        await take_all(reference, cache)
        assert reference.left() == set()
        assert cache.used == len(PNG) + len(large)
        entry = cache.get(7)
        assert entry is not None
        assert entry.complete
        assert (entry.file.path.stat().st_ino, entry.bag) == (inode, "dynamic:channel:1")
        assert (entry.media_type, getattr(cache.get(0), "media_type", "")) == ("application/octet-stream", "image/png")
        async with entry.file.opened():
            assert await entry.file.read(0, len(large)) == large
        await cache.save_standings()
    assert (reference.state / "cache.json").read_text() == text
    async with open_cache(tmp_path) as again:
        assert {entry.object_id for entry in again if entry.complete} == {0, 7, 9}
        policy = again._policy
        assert [policy.standing(known) for known in (0, 7, 9)] == [Standing(5, T0 + 1), Standing(2, T0), Standing(1, T0 + 2)]  # fmt: skip
        assert isinstance(policy, LruSp)
        assert [known for group in policy._groups for known in group] == [0, 9, 7]


async def test_what_is_wrong_or_foreign_stays(reference: Reference, tmp_path: Path) -> None:
    reference.put(1, b"right")
    reference.put(2, b"wrong", on_chain=b"right")
    reference.put(3, b"short", on_chain=b"longer")
    reference.put(4, b"foreign")
    del reference.chain[4]
    async with open_cache(tmp_path) as cache:
        await take_all(reference, cache)
        assert {entry.object_id for entry in cache} == {1}
        assert reference.left() == {"2", "3", "4"}
        assert (reference.assets / "2").read_bytes() == b"wrong"


async def test_a_cache_that_is_too_small_takes_the_latest(reference: Reference, tmp_path: Path) -> None:
    for object_id in range(5):
        reference.put(object_id, bytes([object_id]) * 1000)
        os.utime(reference.assets / str(object_id), (object_id, object_id))
    async with open_cache(tmp_path, 2500) as cache:
        await take_all(reference, cache)
        assert {entry.object_id for entry in cache} == {3, 4}
        assert reference.left() == {"0", "1", "2"}


async def test_what_cannot_be_judged_is_tried_again_after_the_next_start(reference: Reference, tmp_path: Path) -> None:
    reference.put(1, b"right")
    reference.knows = False
    done: list[str] = []

    async def note() -> None:
        done.append("done")

    async with open_cache(tmp_path) as cache:
        for known in (False, True):
            reference.knows = known
            with DiskThreads(1) as threads:
                files = find_flat_files(reference.assets, reference.state / "cache.json")
                heritage = Heritage(files, threads, note)
                await Takeover(heritage, cache, judge=reference.judge, ready=ready, patience=timedelta(seconds=5)).run()
            assert (len(cache), len(done)) == (int(known), int(known))


async def test_what_is_asked_for_is_taken_first(reference: Reference, tmp_path: Path) -> None:
    for object_id in (1, 2):
        reference.put(object_id, b"content")
    waits, go_on = asyncio.Event(), asyncio.Event()

    async def until_told() -> None:
        waits.set()
        await go_on.wait()

    async with open_cache(tmp_path) as cache:
        with DiskThreads(1) as threads:
            files = find_flat_files(reference.assets, reference.state / "cache.json")
            takeover = Takeover(
                Heritage(files, threads, ready),
                cache,
                judge=reference.judge,
                ready=until_told,
                patience=timedelta(seconds=5),
            )
            await takeover.claim(2)
            assert cache.get(2) is None
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(takeover.run())
                await waits.wait()
                await asyncio.gather(takeover.claim(2), takeover.claim(2), takeover.claim(99))
                assert {entry.object_id for entry in cache} == {2}
                go_on.set()
                await running
        assert {entry.object_id for entry in cache} == {1, 2}
        await takeover.claim(1)
