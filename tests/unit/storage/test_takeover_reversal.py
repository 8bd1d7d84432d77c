"""Back to a reference node's flat folders, and over again."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from joygrpc.cli.storage.util.export_flat import export_flat_command
from joygrpc.content import multihash_of_bytes
from joygrpc.directory import DirectoryObject
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.takeover import TakeoverService
from joygrpc.storage.takeover_files import FlatFolders
from joygrpc.storage.takeover_reversal import export_flat
from tests.unit.storage.conftest import BAG, MemoryDirectory
from tests.unit.storage.test_disk_store import BYTES, stored

HASH = multihash_of_bytes(BYTES)


@pytest.fixture
async def exported(tmp_path: Path) -> DataDirectory:
    """A directory with objects of every state, that nobody owns."""
    data = DataDirectory(tmp_path, incoming=tmp_path / "temp", private=tmp_path / ".joygrpc")
    with data.owned():
        async with DiskStore(data) as store, ObjectIndex(data.index) as index:
            for object_id, state in (
                (1, "stored"),
                (2, "pending"),
                (3, "unverified"),
                (4, "quarantined"),
                (255, "stored"),
            ):
                await stored(store, object_id, BYTES)
                await index.put(KeptObject(object_id, len(BYTES), HASH, ObjectState(state), str(BAG), has_tree=True))
            await stored(store, 5, BYTES)
            await index.put_all([KeptObject(5, len(BYTES), HASH, ObjectState.UNVERIFIED, str(BAG))], to_accept=[5])
            await index.put(KeptObject(6, 1, HASH, ObjectState.STORED, str(BAG)))
            await stored(store, 9, BYTES)
    return data


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


async def test_every_object_goes_where_a_reference_node_looks_for_it(exported: DataDirectory) -> None:
    root = exported.root
    dry = export_flat(exported, root / "pending", dry_run=True)
    assert files(root) == set()
    report = export_flat(exported, root / "pending")
    assert (report.moved["flat"], report.moved["pending"], report.moved["set-aside"]) == (3, 2, 2)
    assert (dry.moved["flat"], dry.moved["pending"], report.missing, report.conflicts) == (3, 2, 1, [])
    assert files(root) == {"1", "3", "255"}
    assert files(root / "pending") == {"2", "5"}
    assert files(root / "set-aside") == {"4", "9"}
    assert not exported.objects.exists()
    assert (root / "255").read_bytes() == BYTES
    assert export_flat(exported, root / "pending").moved.total() == 0


async def test_what_was_exported_is_taken_over_again(exported: DataDirectory) -> None:
    export_flat(exported, exported.root / "pending")
    directory = MemoryDirectory()
    for object_id in (1, 2, 3, 5, 255):
        accepted = object_id not in {2, 5}
        directory.objects[object_id] = DirectoryObject(object_id, len(BYTES), HASH, BAG, accepted)
    with exported.owned():
        async with DiskStore(exported) as store, ObjectIndex(exported.index) as index:
            await TakeoverService(
                folders=FlatFolders(exported, exported.root / "pending"), store=store, index=index,
                directory=directory, claims=Claims(), taken=lambda: None,
            ).run_once()  # fmt: skip
            assert await index.ids({ObjectState.UNVERIFIED}) == [1, 2, 3, 5, 255]
            assert await index.unverified_to_accept() == [2, 5]


async def test_a_file_in_the_way_is_not_overwritten(exported: DataDirectory) -> None:
    (exported.root / "1").write_bytes(b"mine")
    report = export_flat(exported, exported.root / "pending")
    assert report.conflicts == [1]
    assert (exported.root / "1").read_bytes() == b"mine"
    assert exported.object(1).read_bytes() == BYTES
    with exported.owned():
        assert exported.shard(0).is_dir()


async def test_the_command(exported: DataDirectory) -> None:
    run = CliRunner().invoke
    options = ["--uploads", str(exported.root), "--json"]
    with exported.owned():
        refused = run(export_flat_command, options)
        assert refused.exit_code == 102
        assert "another process owns the data directory" in refused.output
    done = run(export_flat_command, options)
    assert done.exit_code == 0
    assert '"flat": 3' in done.output
    nothing = run(export_flat_command, ["--uploads", str(exported.root / "temp")])
    assert nothing.exit_code == 102
