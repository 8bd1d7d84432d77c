import os
from pathlib import Path

import pytest

from gateway.facts import ObjectFacts
from gateway.leases import LeaseTable, OpenLease
from joygrpc.pb.joystream.content.v1.content_pb2 import Lease


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def granted(path: Path, lease_id: str = "l", seconds: int = 60, **changes: int) -> Lease:
    stat = path.stat()
    lease = Lease(lease_id=lease_id, path=str(path), device=stat.st_dev, inode=stat.st_ino, **changes)
    lease.valid_for.FromSeconds(seconds)
    return lease


def facts(object_id: int, size: int = 5) -> ObjectFacts:
    return ObjectFacts(object_id, size, "gW")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "7"
    path.write_bytes(b"hello")
    return path


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def table(tmp_path: Path, time: Time) -> LeaseTable:
    table = LeaseTable(tmp_path, 2, time)
    table.watch(watched=True)
    return table


def is_open(lease: OpenLease) -> bool:
    return lease.fd >= 0


def test_a_kept_lease_is_found_until_it_expires(table: LeaseTable, file: Path, time: Time) -> None:
    lease = table.admit(facts(7), granted(file), table.revocations)
    assert lease is not None
    assert os.pread(lease.fd, 5, 0) == b"hello"
    time.now += 59
    assert table.lookup(7) is lease
    time.now += 1
    assert table.lookup(7) is None
    assert not is_open(lease)
    assert table.lookup(8) is None


def test_the_least_recently_used_goes_first(table: LeaseTable, file: Path) -> None:
    one = table.admit(facts(1), granted(file), table.revocations)
    table.admit(facts(2), granted(file), table.revocations)
    table.lookup(1)
    table.admit(facts(3), granted(file), table.revocations)
    assert table.lookup(2) is None
    assert table.lookup(1) is one
    assert repr(table) == "<LeaseTable 2/2 watched=True>"


def test_a_held_lease_outlives_its_retirement(table: LeaseTable, file: Path) -> None:
    lease = table.admit(facts(7), granted(file), table.revocations)
    assert lease is not None
    with lease, lease:
        file.unlink()
        table.revoke_all()
        assert table.lookup(7) is None
        assert os.pread(lease.fd, 5, 0) == b"hello"
    assert not is_open(lease)


def test_revocation_by_lease_and_by_object(table: LeaseTable, file: Path) -> None:
    first = table.admit(facts(1), granted(file, "a"), table.revocations)
    second = table.admit(facts(2), granted(file, "b"), table.revocations)
    assert first is not None
    assert second is not None
    table.revoke(["a", "unknown"], [])
    assert (is_open(first), is_open(second)) == (False, True)
    table.revoke([], [2, 99])
    assert not is_open(second)


def test_a_revocation_that_overtakes_the_answer(table: LeaseTable, file: Path) -> None:
    asked_at = table.revocations
    table.revoke(["other"], [])
    lease = table.admit(facts(7), granted(file), asked_at)
    assert lease is not None
    with lease:
        assert os.pread(lease.fd, 1, 0) == b"h"
    assert not is_open(lease)
    assert table.lookup(7) is None


def test_nothing_is_kept_while_nobody_can_revoke(table: LeaseTable, file: Path) -> None:
    before = table.admit(facts(1), granted(file), table.revocations)
    assert before is not None
    table.watch(watched=False)
    assert not is_open(before)
    lease = table.admit(facts(7), granted(file), table.revocations)
    assert lease is not None
    with lease:
        pass
    assert len(table) == 0


def test_a_newer_lease_replaces_the_older(table: LeaseTable, file: Path) -> None:
    older = table.admit(facts(7), granted(file, "a"), table.revocations)
    newer = table.admit(facts(7), granted(file, "b"), table.revocations)
    assert older is not None
    assert not is_open(older)
    assert table.lookup(7) is newer


def test_files_that_are_refused(table: LeaseTable, file: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.write_bytes(b"hello")
    link = tmp_path / "link"
    link.symlink_to(outside)
    inner_link = tmp_path / "inner"
    inner_link.symlink_to(file)
    before = len(list(Path("/proc/self/fd").iterdir()))
    other_inode = granted(file)
    other_inode.inode += 1
    missing = granted(file)
    missing.path = str(tmp_path / "missing")
    sneaky = granted(outside)
    sneaky.path = str(tmp_path / ".." / outside.name)
    for lease in (granted(outside), granted(link), granted(inner_link), other_inode, missing, sneaky):
        assert table.admit(facts(7), lease, table.revocations) is None
    assert table.admit(facts(7, size=6), granted(file), table.revocations) is None, "the file is too short"
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    outside.unlink()


def test_without_a_root_there_are_no_leases(file: Path) -> None:
    table = LeaseTable(None, 5)
    assert not table.enabled
    assert table.admit(facts(7), granted(file), 0) is None
