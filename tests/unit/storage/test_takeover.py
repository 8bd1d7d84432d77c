"""A reference node's data directory becomes ours: what is taken, what waits, what is moved aside, and that nothing is deleted."""

import os
from pathlib import Path

import pytest

from joygrpc.content import multihash_of_bytes
from joygrpc.directory import DirectoryObject
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.takeover import Fate, TakeoverService, TakeoverUndecided, fate_of
from joygrpc.storage.takeover_files import FlatFile, FlatFolders, OtherFileSystem, Place
from joygrpc.storage.verification import TreeService, Verifier
from tests.unit.storage.conftest import BAG, MemoryDirectory
from tests.unit.storage.test_disk_store import BYTES

HASH = multihash_of_bytes(BYTES)
SIZE = len(BYTES)
KNOWN = DirectoryObject(7, SIZE, HASH, BAG, accepted=True)
WAITING = DirectoryObject(7, SIZE, HASH, BAG, accepted=False)


def flat(name: str = "7", size: int = SIZE, place: Place = Place.FLAT) -> FlatFile:
    return FlatFile(place, name, size, 0.0)


@pytest.mark.parametrize(
    ("file", "known", "complete", "kept", "fate"),
    [
        (flat(), KNOWN, True, False, Fate.TAKE),
        (flat(), KNOWN, False, False, Fate.TAKE),
        (flat(), WAITING, True, False, Fate.TAKE_TO_ACCEPT),
        (flat(place=Place.PENDING), WAITING, True, False, Fate.TAKE_TO_ACCEPT),
        (flat(place=Place.PENDING), KNOWN, True, False, Fate.TAKE),
        (flat(size=SIZE - 1), KNOWN, True, False, Fate.SET_ASIDE),
        (flat(), KNOWN, True, True, Fate.SET_ASIDE),
        (flat(), None, True, False, Fate.QUARANTINE),
        (flat(), None, False, False, Fate.WAIT),
        (flat(place=Place.PENDING), None, True, False, Fate.WAIT),
        (flat("007"), None, True, False, Fate.SET_ASIDE),
        (flat("7.tree"), None, True, False, Fate.SET_ASIDE),
        (flat("objects_trackfile"), None, False, False, Fate.SET_ASIDE),
        (flat(str(2**64)), None, True, False, Fate.SET_ASIDE),
        (flat("0" * 32, place=Place.TEMPORARY), None, False, False, Fate.SET_ASIDE),
    ],
)
def test_fates(file: FlatFile, known: DirectoryObject | None, complete: bool, kept: bool, fate: Fate) -> None:
    assert fate_of(file, known, complete=complete, kept=kept) is fate


@pytest.fixture
def pending(data: DataDirectory) -> Path:
    folder = data.root / "pending"
    folder.mkdir()
    return folder


@pytest.fixture
def taken() -> list[int]:
    return []


@pytest.fixture
def service(
    store: DiskStore,
    index: ObjectIndex,
    data: DataDirectory,
    directory: MemoryDirectory,
    claims: Claims,
    pending: Path,
    taken: list[int],
) -> TakeoverService:
    return TakeoverService(
        folders=FlatFolders(data, pending), store=store, index=index, directory=directory, claims=claims,
        taken=lambda: taken.append(1),
    )  # fmt: skip


@pytest.fixture
def trees(store: DiskStore, index: ObjectIndex, claims: Claims) -> TreeService:
    async def revoke(_: object) -> None:
        return

    return TreeService(index=index, claims=claims, verifier=Verifier(store=store, index=index, revoke=revoke))


def know(directory: MemoryDirectory, *object_ids: int, accepted: bool = True, multihash: str = HASH) -> None:
    for object_id in object_ids:
        directory.objects[object_id] = DirectoryObject(object_id, SIZE, multihash, BAG, accepted)


async def states(index: ObjectIndex, *object_ids: int) -> list[ObjectState | None]:
    return [kept and kept.state for kept in [await index.get(object_id) for object_id in object_ids]]


async def test_objects_are_renamed_served_at_once_and_verified_behind(
    service: TakeoverService,
    trees: TreeService,
    index: ObjectIndex,
    data: DataDirectory,
    directory: MemoryDirectory,
    taken: list[int],
) -> None:
    know(directory, 1, 300, 2**40)
    inodes = {}
    for object_id in (1, 300, 2**40):
        path = data.root / str(object_id)
        path.write_bytes(BYTES)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        inodes[object_id] = path.stat().st_ino
    await service.run_once()
    assert {object_id: data.object(object_id).stat().st_ino for object_id in inodes} == inodes
    assert await states(index, *inodes) == [ObjectState.UNVERIFIED] * 3
    kept = await index.get(1)
    assert kept is not None
    assert (kept.multihash, kept.has_tree, kept.stored_at and kept.stored_at.timestamp()) == (
        HASH,
        False,
        1_600_000_000,
    )
    assert taken
    assert service.progress.finished
    await trees.run_once()
    assert await states(index, *inodes) == [ObjectState.STORED] * 3


async def test_answered_uploads_go_to_acceptance_once_they_are_verified(
    service: TakeoverService, trees: TreeService, index: ObjectIndex, directory: MemoryDirectory, pending: Path
) -> None:
    know(directory, 1, 2, accepted=False)
    know(directory, 3)
    (pending / "1").write_bytes(BYTES)
    (pending / "2").write_bytes(bytes(SIZE))
    (pending / "3").write_bytes(BYTES)
    (pending / "4").write_bytes(BYTES)
    await service.run_once()
    assert await states(index, 1, 2, 3, 4) == [ObjectState.UNVERIFIED] * 3 + [None]
    assert await index.unverified_to_accept() == [1, 2]
    await trees.run_once()
    assert await states(index, 1, 2, 3) == [ObjectState.PENDING, ObjectState.QUARANTINED, ObjectState.STORED]
    # Its object may be newer than the picture: it waits where it is.
    assert (pending / "4").read_bytes() == BYTES
    assert (service.progress.waiting, service.progress.finished) == (1, False)


async def test_junk_is_moved_aside_and_never_deleted(
    service: TakeoverService, index: ObjectIndex, data: DataDirectory, directory: MemoryDirectory, pending: Path
) -> None:
    know(directory, 7, 8)
    junk = {"007": b"a", "notes.txt": b"b", "7": b"short", "-1": b"c", "8.part": b"d"}
    for name, content in junk.items():
        (data.root / name).write_bytes(content)
    (pending / "007").write_bytes(b"e")
    upload = "0123456789abcdef" * 2
    (data.incoming / upload).write_bytes(b"half")
    (data.incoming / "operator's own").write_bytes(b"stays")
    (data.root / "folder").mkdir()
    (data.root / "link").symlink_to("/etc/hostname")
    await service.run_once()
    await service.run_once()
    aside = data.root / "set-aside"
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == junk
    assert (pending / "set-aside" / "007").read_bytes() == b"e"
    assert (data.incoming / "set-aside" / upload).read_bytes() == b"half"
    assert (data.incoming / "operator's own").exists()
    assert (data.root / "folder").is_dir()
    assert (data.root / "link").is_symlink()
    assert await index.page() == []
    (data.root / "007").write_bytes(b"again")
    await service.run_once()
    assert (aside / "007.1").read_bytes() == b"again"


async def test_what_the_chain_does_not_know_waits_for_a_complete_picture(
    service: TakeoverService, index: ObjectIndex, data: DataDirectory, directory: MemoryDirectory
) -> None:
    (data.root / "9").write_bytes(b"gone")
    directory.complete = False
    with pytest.raises(TakeoverUndecided):
        await service.run_once()
    assert (data.root / "9").exists()
    directory.complete = True
    await service.run_once()
    assert await states(index, 9) == [ObjectState.QUARANTINED]
    assert data.object(9).read_bytes() == b"gone"


async def test_what_is_here_already_is_not_overwritten(
    service: TakeoverService, index: ObjectIndex, data: DataDirectory, directory: MemoryDirectory
) -> None:
    know(directory, 1, 2)
    data.object(1).write_bytes(BYTES)
    await index.put(KeptObject(1, SIZE, HASH, ObjectState.STORED, str(BAG), has_tree=True))
    (data.root / "1").write_bytes(bytes(SIZE))
    # The entry of an object whose file is gone does not stand in the way.
    await index.put(KeptObject(2, SIZE, HASH, ObjectState.STORED, str(BAG), has_tree=True))
    (data.root / "2").write_bytes(BYTES)
    await service.run_once()
    assert data.object(1).read_bytes() == BYTES
    assert (data.root / "set-aside" / "1").exists()
    assert await states(index, 1, 2) == [ObjectState.STORED, ObjectState.UNVERIFIED]


async def test_an_object_that_is_asked_for_is_taken_over_before_its_turn(
    service: TakeoverService, index: ObjectIndex, data: DataDirectory, directory: MemoryDirectory, claims: Claims
) -> None:
    know(directory, 1, 2)
    (data.root / "1").write_bytes(BYTES)
    (data.root / "2").write_bytes(b"short")
    with claims.hold(1):
        assert await service.find_late(1) is None
    kept = await service.find_late(1)
    assert kept is not None
    assert kept.state is ObjectState.UNVERIFIED
    assert await service.find_late(2) is None
    assert await service.find_late(3) is None
    await service.run_once()
    assert await service.find_late(1) is None


async def test_pending_files_of_another_file_system_are_copied_and_verified(
    service: TakeoverService,
    index: ObjectIndex,
    data: DataDirectory,
    directory: MemoryDirectory,
    pending: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    know(directory, 1, 2, accepted=False)
    (pending / "1").write_bytes(BYTES)
    (pending / "2").write_bytes(bytes(SIZE))

    def elsewhere(self: FlatFolders, file: FlatFile) -> None:
        raise OtherFileSystem

    monkeypatch.setattr(FlatFolders, "adopt", elsewhere)
    await service.run_once()
    assert await states(index, 1, 2) == [ObjectState.PENDING, None]
    assert data.object(1).read_bytes() == BYTES
    assert [path.name for path in pending.iterdir()] == ["set-aside"]
    assert (pending / "set-aside" / "2").exists()
    assert not any(data.incoming.iterdir())


async def test_many_files_go_in_pages(
    service: TakeoverService, index: ObjectIndex, data: DataDirectory, directory: MemoryDirectory
) -> None:
    count = 1200
    for object_id in range(count):
        directory.objects[object_id] = DirectoryObject(object_id, 0, multihash_of_bytes(b""), BAG, accepted=True)
        (data.root / str(object_id)).touch()
    await service.run_once()
    assert (await index.counts())[ObjectState.UNVERIFIED].objects == count
    assert service.progress.files[Fate.TAKE] == count
