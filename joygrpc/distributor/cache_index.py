"""The cache's index: which groups of which objects are safely on the disk. SQLite in WAL mode, off the event loop."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from joygrpc.distributor.errors import CacheIndexFailed
from joygrpc.distributor.policies import Standing

T = TypeVar("T")

SCHEMA_VERSION = 2

HIGHEST_ID = 2**63 - 1
"""SQLite's largest integer. The chain numbers objects from 0 on, so ids above it name nothing."""

_TABLES = """
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    generation TEXT NOT NULL,
    size INTEGER NOT NULL,
    multihash TEXT NOT NULL,
    bag TEXT NOT NULL,
    media_type TEXT NOT NULL,
    present BLOB NOT NULL,
    popularity INTEGER NOT NULL,
    last_access_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

_HASHES = """
CREATE TABLE hashes (
    id INTEGER NOT NULL,
    generation TEXT NOT NULL,
    first INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (id, generation, first)
) STRICT, WITHOUT ROWID;
"""


class IndexTooNew(RuntimeError):
    """The index was written by a newer version of the program."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the index holds of one object.

    `generation` tells the object's file from those of earlier fills, `present` is a `GroupMap` in compact form, `media_type` is empty while unknown.
    """

    object_id: int
    generation: str
    size: int
    multihash: str
    bag: str
    media_type: str
    present: bytes
    standing: Standing


class CacheIndex:
    """Rows by object id, and the node's run-time settings; use as an async context manager.

    One thread holds the connection. A call that is cancelled still takes effect. Commits survive a kill at once and a power cut soon: what a
    power cut may lose is the presence of groups, never the order of writes. Raises `CacheIndexFailed`, and `IndexTooNew` when it is opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cache-index")
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<CacheIndex {'open' if self._connection else 'closed'}>"

    async def __aenter__(self) -> Self:
        try:
            self._connection = await asyncio.get_running_loop().run_in_executor(self._thread, _open, self._path)
        except sqlite3.Error as error:
            raise CacheIndexFailed("The cache index cannot be opened") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise CacheIndexFailed("The cache index is closed")

        def transaction() -> T:
            # The connection's context commits, or rolls back when `work` raises.
            with connection:
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)
        except sqlite3.Error as error:
            raise CacheIndexFailed from error

    async def rows(self) -> list[IndexRow]:
        """All rows, the least recently used first."""
        query = """SELECT id, generation, size, multihash, bag, media_type, present, popularity, last_access_ms
            FROM objects ORDER BY last_access_ms, id"""
        found = await self._run(lambda db: db.execute(query).fetchall())
        return [_row(columns) for columns in found]

    async def put(self, row: IndexRow) -> None:
        """Add a row, or replace the object's old one."""
        values = (row.object_id, row.generation, row.size, row.multihash, row.bag, row.media_type, row.present)
        values_of_use = (row.standing.popularity, row.standing.last_access_ms)

        def put(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM hashes WHERE id = ?", (row.object_id,))
            query = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            db.execute(query, (*values, *values_of_use))

        await self._run(put)

    async def set_present(
        self,
        object_id: int,
        generation: str,
        present: bytes,
        media_type: str,
        hashes: Iterable[tuple[int, bytes]] = (),
    ) -> None:
        """Which groups are safely on the disk now; nothing happens when the row is gone or of another generation.

        `hashes` are chaining values of groups from a first one on, kept beside those that are known.
        """
        fresh = [(object_id, generation, first, values) for first, values in hashes]

        def set_present(db: sqlite3.Connection) -> None:
            query = "UPDATE objects SET present = ?, media_type = ? WHERE id = ? AND generation = ?"
            if db.execute(query, (present, media_type, object_id, generation)).rowcount:
                db.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", fresh)

        await self._run(set_present)

    async def hashes(self, object_id: int, generation: str) -> list[tuple[int, bytes]]:
        """Chaining values of an object's groups, 32 bytes each, from a first one on."""
        query = "SELECT first, hashes FROM hashes WHERE id = ? AND generation = ? ORDER BY first"
        return await self._run(lambda db: db.execute(query, (object_id, generation)).fetchall())

    async def save_standings(self, standings: Iterable[tuple[int, Standing]]) -> None:
        """How the policy sees objects; rows that are gone stay gone."""
        rows = [(standing.popularity, standing.last_access_ms, object_id) for object_id, standing in standings]
        query = "UPDATE objects SET popularity = ?, last_access_ms = ? WHERE id = ?"
        await self._run(lambda db: db.executemany(query, rows).rowcount)

    async def remove(self, rows: Iterable[tuple[int, str]]) -> None:
        """Forget rows, given by object and generation."""
        keys = list(rows)

        def remove(db: sqlite3.Connection) -> None:
            for table in ("objects", "hashes"):
                db.executemany(f"DELETE FROM {table} WHERE id = ? AND generation = ?", keys)  # noqa: S608 - one of two names

        await self._run(remove)

    async def setting(self, name: str) -> str | None:
        """A run-time setting; None when it was never set."""
        row = await self._run(lambda db: db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone())
        return None if row is None else str(row[0])

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a run-time setting over restarts."""
        await self._run(lambda db: db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value)).rowcount)


def _row(columns: tuple[int, str, int, str, str, str, bytes, int, int]) -> IndexRow:
    object_id, generation, size, multihash, bag, media_type, present, popularity, last_access_ms = columns
    standing = Standing(popularity, last_access_ms)
    return IndexRow(object_id, generation, size, multihash, bag, media_type, present, standing)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        # Without a sync per commit: a lost row or presence only means that bytes are fetched again.
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise IndexTooNew(f"the cache index has version {version}; this program knows up to {SCHEMA_VERSION}")
        if version == 0:
            connection.executescript(f"BEGIN; {_TABLES} {_HASHES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif version < SCHEMA_VERSION:
            connection.executescript(f"BEGIN; {_HASHES} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection
