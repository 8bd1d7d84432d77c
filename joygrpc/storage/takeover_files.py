"""The flat folders that a reference node leaves behind, as files: listed, moved into our layout, or moved aside. All functions block."""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from joygrpc.storage.data_directory import DataDirectory, object_of_name, sync_directory
from joygrpc.storage.index import HIGHEST_ID

PAGE = 500
"""Files that are looked at together."""
ASIDE = "set-aside"
"""Folder, inside the one where it lay, for a file that is nobody's object; nothing is deleted there."""

_TEMPORARY = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Place(StrEnum):
    """Which of the reference's folders a file lies in."""

    FLAT = "flat"
    """The data directory itself: accepted objects."""
    PENDING = "pending"
    """The folder of uploads that were answered and not accepted yet."""
    TEMPORARY = "temporary"
    """The folder of bytes that arrived half."""


@dataclass(frozen=True, slots=True)
class FlatFile:
    """A file in one of the folders; `size` in bytes, `modified` in seconds since 1970."""

    place: Place
    name: str
    size: int
    modified: float

    @property
    def object_id(self) -> int | None:
        """The object that the file is named after, in canonical form; None for any other name."""
        named = object_of_name(self.name)
        return None if named is None or named[1] or named[0] > HIGHEST_ID else named[0]


class OtherFileSystem(Exception):
    """The file cannot be renamed into the layout, only copied."""


class FlatFolders:
    """The folders of a reference node around a data directory; `pending` may be anywhere."""

    def __init__(self, data: DataDirectory, pending: Path) -> None:
        self._data = data
        self._folders = {Place.PENDING: pending, Place.FLAT: data.root, Place.TEMPORARY: data.incoming}

    def __repr__(self) -> str:
        return f"<FlatFolders {self._data.root}>"

    def path(self, file: FlatFile) -> Path:
        """Where the file is."""
        return self._folders[file.place] / file.name

    def pages(self, place: Place) -> Iterator[list[FlatFile]]:
        """All files of a folder that could be the reference's, in pages; a folder that is not there has none. Raises OSError."""
        try:
            entries = os.scandir(self._folders[place])
        except (FileNotFoundError, NotADirectoryError):
            return
        page: list[FlatFile] = []
        with entries:
            for entry in entries:
                if place is Place.TEMPORARY and not _TEMPORARY.fullmatch(entry.name):
                    continue
                file = _file_of(place, entry)
                if file is not None:
                    page.append(file)
                if len(page) >= PAGE:
                    yield page
                    page = []
        if page:
            yield page

    def find(self, object_id: int) -> FlatFile | None:
        """The file of an object that lies in a folder still."""
        for place in (Place.FLAT, Place.PENDING):
            path = self._folders[place] / str(object_id)
            try:
                status = path.stat(follow_symlinks=False)
            except OSError:
                continue
            if path.is_file():
                return FlatFile(place, path.name, status.st_size, status.st_mtime)
        return None

    def adopt(self, file: FlatFile) -> None:
        """Moves the file of an object into our layout. Raises FileExistsError if it has one, `OtherFileSystem` and OSError."""
        assert file.object_id is not None
        target = self._data.object(file.object_id)
        if target.exists():
            raise FileExistsError(errno.EEXIST, "the object has a file already")
        try:
            self.path(file).rename(target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise OtherFileSystem from error
            raise

    def set_aside(self, file: FlatFile) -> None:
        """Moves a file out of the way, below `set-aside` beside it. Raises OSError."""
        source = self.path(file)
        folder = source.parent / ASIDE
        folder.mkdir(exist_ok=True)
        target = folder / file.name
        number = 1
        while target.exists():
            target = folder / f"{file.name}.{number}"
            number += 1
        source.rename(target)

    def discard_copied(self, file: FlatFile) -> None:
        """Removes a file whose bytes were copied into our layout and are safe there. Raises OSError."""
        self.path(file).unlink(missing_ok=True)

    def sync(self) -> None:
        """Makes the moves survive a power cut. Raises OSError."""
        for folder in (*self._data.objects.iterdir(), *self._folders.values()):
            if folder.is_dir():
                sync_directory(folder)


def _file_of(place: Place, entry: os.DirEntry[str]) -> FlatFile | None:
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return FlatFile(place, entry.name, status.st_size, status.st_mtime)
