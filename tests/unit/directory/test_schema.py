import sqlite3
from pathlib import Path

import pytest

from joygrpc.directory.errors import DirectoryUnusable
from joygrpc.directory.schema import file_system_of, open_directory, open_reader


def test_a_file_is_made_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory.sqlite"
    with open_directory(path) as connection:
        connection.execute("INSERT INTO meta VALUES ('height', '5')")
    connection.close()
    again = open_directory(path)
    assert again.execute("SELECT value FROM meta").fetchone() == ("5",)
    assert again.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader = open_reader(path)
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM meta")
    reader.close()
    again.close()


def test_a_file_of_an_older_shape_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "directory.sqlite"
    connection = open_directory(path)
    connection.execute("INSERT INTO meta VALUES ('height', '5')")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    again = open_directory(path)
    assert again.execute("SELECT count(*) FROM meta").fetchone() == (0,)
    again.close()


def test_foreign_and_damaged_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.sqlite"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(DirectoryUnusable, match="another program"):
        open_directory(foreign)
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"not a database" * 100)
    with pytest.raises(DirectoryUnusable):
        open_directory(damaged)


def test_the_kind_of_a_file_system() -> None:
    assert file_system_of(Path("/proc/self")) == "proc"
