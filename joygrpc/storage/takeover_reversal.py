"""The way back: our layout becomes the flat one of a reference node, for an operator who returns to it. All of it blocks."""

import contextlib
import errno
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from joygrpc.storage.data_directory import SHARDS, DataDirectory, object_of_name, sync_directory
from joygrpc.storage.objects import ObjectState
from joygrpc.storage.schema import open_database
from joygrpc.storage.takeover_files import ASIDE, Place

_PAGE = 1000
_ENTRIES = """
    SELECT o.id, o.state, EXISTS (SELECT 1 FROM acceptance a WHERE a.id = o.id) FROM objects o WHERE o.id > ? ORDER BY o.id LIMIT ?"""


@dataclass(slots=True)
class ExportReport:
    """What was moved: files by where they went, and the ids that could not be moved because a file is there already."""

    moved: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    """Entries without file."""
    conflicts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    object_id: int
    state: ObjectState
    to_accept: bool

    @property
    def target(self) -> str:
        """The folder that a reference node looks for it in; what is not served goes where it does not look."""
        if self.state is ObjectState.QUARANTINED:
            return ASIDE
        waits = self.state is ObjectState.PENDING or (self.state is ObjectState.UNVERIFIED and self.to_accept)
        return Place.PENDING.value if waits else Place.FLAT.value


def export_flat(
    data: DataDirectory, pending: Path, *, dry_run: bool = False, tell: Callable[[ExportReport], None] = lambda _: None
) -> ExportReport:
    """Moves all objects of a data directory that no node owns into flat folders, and forgets their entries and trees.

    Accepted objects go to the data directory itself, pending ones to `pending`, those in quarantine and files that the index does not know to
    `set-aside`. Interrupted, it goes on when it is called again. `tell` is called after each thousand objects. Raises `DataDirectoryInUse`,
    `DataDirectoryUnusable`, `IndexTooNew`, sqlite3.Error and OSError.
    """
    report = ExportReport()
    with data.owned(), contextlib.closing(open_database(str(data.index), create=True)) as database:
        folders = {Place.FLAT.value: data.root, Place.PENDING.value: pending, ASIDE: data.root / ASIDE}
        for page in _entries(database):
            done = [entry for entry in page if _export(data, entry, folders, report, dry_run=dry_run)]
            if not dry_run:
                _sync(folders)
                database.execute("BEGIN IMMEDIATE")
                database.executemany("DELETE FROM objects WHERE id = ?", [(entry.object_id,) for entry in done])
                database.execute("COMMIT")
            tell(report)
        _export_strangers(data, folders, report, dry_run=dry_run)
        if not dry_run:
            _sync(folders)
            _remove_empty(data)
    return report


def _entries(database: sqlite3.Connection) -> Iterator[list[_Entry]]:
    after = -1
    while rows := database.execute(_ENTRIES, (after, _PAGE)).fetchall():
        after = rows[-1][0]
        yield [_Entry(object_id, ObjectState(state), bool(to_accept)) for object_id, state, to_accept in rows]


def _export(
    data: DataDirectory, entry: _Entry, folders: dict[str, Path], report: ExportReport, *, dry_run: bool
) -> bool:
    """Whether the entry may go."""
    source, target = data.object(entry.object_id), folders[entry.target] / str(entry.object_id)
    if not source.exists():
        report.missing += 1
        return True
    if target.exists():
        report.conflicts.append(entry.object_id)
        return False
    if not dry_run:
        _move(source, target)
        data.tree(entry.object_id).unlink(missing_ok=True)
    report.moved[entry.target] += 1
    return True


def _export_strangers(data: DataDirectory, folders: dict[str, Path], report: ExportReport, *, dry_run: bool) -> None:
    """Files that have no entry: a crash left them between two steps, or somebody put them there."""
    conflicts = set(report.conflicts)
    for number in range(SHARDS):
        if dry_run or not data.shard(number).is_dir():
            return
        for path in list(data.shard(number).iterdir()):
            named = object_of_name(path.name)
            if named is not None and named[1]:
                if not data.object(named[0]).exists():
                    path.unlink()
            elif path.is_file() and (named is None or named[0] not in conflicts):
                target = folders[ASIDE] / path.name
                if not target.exists():
                    _move(path, target)
                    report.moved[ASIDE] += 1


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: whole under another name first, so that a crash leaves no half object under its own.
        partial = target.with_name(f".{target.name}.partial")
        shutil.copy2(source, partial)
        with partial.open("rb") as copied:
            os.fsync(copied.fileno())
        partial.rename(target)
        sync_directory(target.parent)
        source.unlink()


def _sync(folders: dict[str, Path]) -> None:
    for folder in folders.values():
        if folder.is_dir():
            sync_directory(folder)


def _remove_empty(data: DataDirectory) -> None:
    with contextlib.suppress(OSError):
        # From the last on, by which a node sees whether it must make them.
        for number in reversed(range(SHARDS)):
            data.shard(number).rmdir()
        data.objects.rmdir()
