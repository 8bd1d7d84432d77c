"""The storage node's index: what is kept, and where each object stands. SQLite in WAL mode, off the event loop."""

# ruff: noqa: S608 - what is put into query texts are constants of this module and question marks
import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

from joygrpc.mesh import JoygrpcError
from joygrpc.storage.objects import KeptObject, ObjectState, QuarantineReason
from joygrpc.storage.schema import open_database

T = TypeVar("T")

HIGHEST_ID = 2**63 - 1
"""SQLite's largest integer. The chain numbers objects from 0 on, so ids above it name nothing."""

_COLUMNS = "id, size, multihash, state, bag, bucket, media_type, has_tree, stored_at_ms, verified_at_ms"
_IN_CHUNK = 500


class IndexFailed(JoygrpcError):
    """The index cannot be read or written."""

    reason = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Count:
    """Objects of one state, and their bytes."""

    objects: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class PendingObject:
    """An object that waits for its acceptance on chain."""

    object_id: int
    bag: str
    bucket: int | None
    attempts: int
    """Failed attempts so far; an object with any is sent in a call of its own."""


@dataclass(frozen=True, slots=True)
class Setback:
    """A failed attempt to have an object accepted."""

    object_id: int
    attempts: int
    retry_at: datetime
    error: str


class ObjectIndex:
    """Entries by object id; use as an async context manager.

    Reads and writes have a thread and a connection each. A call that is cancelled still takes effect; every write is one transaction and is synced
    to the disk when the call returns. Raises `IndexFailed`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="index-read")
        self._writes = ThreadPoolExecutor(1, thread_name_prefix="index-write")
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<ObjectIndex {'open' if self._writer else 'closed'}>"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._writer = await loop.run_in_executor(self._writes, lambda: open_database(str(self._path), create=True))
            self._reader = await loop.run_in_executor(self._reads, lambda: open_database(str(self._path), create=False))
        except sqlite3.Error as error:
            raise IndexFailed("The object index cannot be opened") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        reader, writer = self._reader, self._writer
        self._reader = self._writer = None
        if reader is not None:
            await loop.run_in_executor(self._reads, reader.close)
        if writer is not None:
            await loop.run_in_executor(self._writes, writer.close)
        self._reads.shutdown()
        self._writes.shutdown()

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads, in the thread that reads."""
        return await self._run(self._reads, self._reader, work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction, in the thread that writes; undone when `work` raises."""

        def transaction(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return result

        return await self._run(self._writes, self._writer, transaction)

    async def _run(
        self,
        executor: ThreadPoolExecutor,
        connection: sqlite3.Connection | None,
        work: Callable[[sqlite3.Connection], T],
    ) -> T:
        if connection is None:
            raise IndexFailed("The object index is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, work, connection)
        except sqlite3.Error as error:
            raise IndexFailed("The object index failed") from error

    async def get(self, object_id: int) -> KeptObject | None:
        """The entry of an object, or None."""
        if not 0 <= object_id <= HIGHEST_ID:
            return None
        row = await self.read(
            lambda db: db.execute(f"SELECT {_COLUMNS} FROM objects WHERE id = ?", (object_id,)).fetchone()
        )
        return None if row is None else _kept(row)

    async def put(self, kept: KeptObject) -> None:
        """Add or replace an entry."""
        await self.put_all([kept])

    async def put_all(self, entries: Sequence[KeptObject], *, to_accept: Collection[int] = ()) -> None:
        """Add or replace entries, all or none. Those in `to_accept` are *unverified* and wait for acceptance as soon as they are verified."""
        rows = [_row(kept) for kept in entries]
        waiting = [(object_id,) for object_id in to_accept]

        def work(db: sqlite3.Connection) -> None:
            # Not INSERT OR REPLACE: its implicit delete fires no trigger, and the counts would drift.
            db.executemany("DELETE FROM objects WHERE id = ?", [(row[0],) for row in rows])
            db.executemany(f"INSERT INTO objects ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO acceptance VALUES (?, 0, 0, '')", waiting)

        await self.write(work)

    async def remove(self, object_ids: Iterable[int]) -> None:
        """Forget entries; unknown ids do not matter."""
        rows = [(object_id,) for object_id in object_ids]
        await self.write(lambda db: db.executemany("DELETE FROM objects WHERE id = ?", rows).rowcount)

    async def set_state(self, object_ids: Iterable[int], state: ObjectState, stored_at: datetime | None = None) -> None:
        """Move entries to another state; `stored_at` replaces theirs when given. Ends what was remembered of failed acceptance."""
        moment = _to_ms(stored_at)
        rows = [(state.value, moment, object_id) for object_id in object_ids]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE objects SET state = ?, stored_at_ms = coalesce(?, stored_at_ms) WHERE id = ?", rows)
            db.executemany("DELETE FROM acceptance WHERE id = ?", [(row[2],) for row in rows])

        await self.write(work)

    async def quarantine(self, object_ids: Iterable[int], reason: QuarantineReason) -> None:
        """Keep objects out of sight from now on; of one that is so already, the reason changes."""
        rows = [(object_id,) for object_id in object_ids]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE objects SET state = 'quarantined' WHERE id = ?", rows)
            db.executemany("DELETE FROM acceptance WHERE id = ?", rows)
            db.executemany("UPDATE quarantine SET reason = ? WHERE id = ?", [(reason.value, *row) for row in rows])

        await self.write(work)

    async def verified(self, object_id: int, media_type: str, at: datetime) -> None:
        """Remember that the object was compared with its multihash, and that its tree is there.

        Ends *unverified*: the object is stored then, or pending if it was taken over to be accepted.
        """
        query = """
            UPDATE objects SET has_tree = 1, verified_at_ms = ?, media_type = ?, state = CASE
                WHEN state <> 'unverified' THEN state
                WHEN EXISTS (SELECT 1 FROM acceptance a WHERE a.id = objects.id) THEN 'pending'
                ELSE 'stored' END
            WHERE id = ?"""
        await self.write(lambda db: db.execute(query, (_to_ms(at), media_type, object_id)).rowcount)

    async def unverified_to_accept(self, *, after: int = -1, limit: int = 1000) -> list[int]:
        """A page of unverified objects that wait for acceptance, ascending by id."""
        query = """
            SELECT o.id FROM acceptance a CROSS JOIN objects o ON o.id = a.id
            WHERE a.id > ? AND o.state = 'unverified' ORDER BY a.id LIMIT ?"""
        rows = await self.read(lambda db: db.execute(query, (after, limit)).fetchall())
        return [row[0] for row in rows]

    async def note(self, name: str, default: int = 0) -> int:
        """A number that periodic work remembers across restarts."""
        row = await self.read(lambda db: db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone())
        return default if row is None else int(row[0])

    async def set_note(self, name: str, value: int) -> None:
        """Remember a number, such as where the work stands."""
        query = "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        await self.write(lambda db: db.execute(query, (name, value)).rowcount)

    async def tree_lost(self, object_id: int) -> None:
        """Remember that the object's tree is not there, or is wrong, so that it is made anew."""
        await self.write(lambda db: db.execute("UPDATE objects SET has_tree = 0 WHERE id = ?", (object_id,)).rowcount)

    async def unknown(self, object_ids: Sequence[int]) -> list[int]:
        """Those of the ids that have no entry, in the order given."""
        return await self._absent(object_ids, "SELECT id FROM objects WHERE id IN ({marks})")

    async def unserved(self, object_ids: Sequence[int]) -> list[int]:
        """Those of the ids whose bytes are not given out from here, in the order given."""
        return await self._absent(object_ids, "SELECT id FROM objects WHERE id IN ({marks}) AND state <> 'quarantined'")

    async def _absent(self, object_ids: Sequence[int], query: str) -> list[int]:
        def work(db: sqlite3.Connection) -> list[int]:
            found: set[int] = set()
            for start in range(0, len(object_ids), _IN_CHUNK):
                part = [object_id for object_id in object_ids[start : start + _IN_CHUNK] if object_id <= HIGHEST_ID]
                found.update(row[0] for row in db.execute(query.format(marks=",".join("?" * len(part))), part))
            return [object_id for object_id in object_ids if object_id not in found]

        return await self.read(work)

    async def ids(
        self, states: Collection[ObjectState], *, bag: str | None = None, after: int = -1, limit: int = 10_000
    ) -> list[int]:
        """A page of ids, ascending, of objects in one of the states and, if given, of a bag."""
        marks = ",".join("?" * len(states))
        condition, values = "", [state.value for state in states]
        if bag is not None:
            condition = "AND bag = ?"
            values.append(bag)
        query = f"SELECT id FROM objects WHERE state IN ({marks}) {condition} AND id > ? ORDER BY id LIMIT ?"
        rows = await self.read(lambda db: db.execute(query, (*values, min(after, HIGHEST_ID), limit)).fetchall())
        return [row[0] for row in rows]

    async def page(self, *, after: int = -1, limit: int = 1000) -> list[KeptObject]:
        """A page of all entries, ascending by id."""
        query = f"SELECT {_COLUMNS} FROM objects WHERE id > ? ORDER BY id LIMIT ?"
        rows = await self.read(lambda db: db.execute(query, (after, limit)).fetchall())
        return [_kept(row) for row in rows]

    async def without_tree(self, *, after: int = -1, limit: int = 100) -> list[KeptObject]:
        """A page of served entries that have no tree yet, ascending by id."""
        query = f"SELECT {_COLUMNS} FROM objects WHERE has_tree = 0 AND state <> 'quarantined' AND id > ? ORDER BY id LIMIT ?"
        rows = await self.read(lambda db: db.execute(query, (after, limit)).fetchall())
        return [_kept(row) for row in rows]

    async def pending(self, *, now: datetime, after: int = -1, limit: int = 1000) -> list[PendingObject]:
        """A page of objects that wait for acceptance and may be tried now, ascending by id."""
        query = """
            SELECT o.id, o.bag, o.bucket, coalesce(a.attempts, 0) FROM objects o LEFT JOIN acceptance a ON a.id = o.id
            WHERE o.state = 'pending' AND coalesce(a.retry_at_ms, 0) <= ? AND o.id > ? ORDER BY o.id LIMIT ?"""
        rows = await self.read(lambda db: db.execute(query, (_to_ms(now), after, limit)).fetchall())
        return [PendingObject(*row) for row in rows]

    async def set_back(self, setbacks: Iterable[Setback]) -> None:
        """Remember failed attempts to have objects accepted."""
        rows = [(setback.object_id, setback.attempts, _to_ms(setback.retry_at), setback.error) for setback in setbacks]
        query = """
            INSERT INTO acceptance SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM objects WHERE id = ?1)
            ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, retry_at_ms = excluded.retry_at_ms, last_error = excluded.last_error"""
        await self.write(lambda db: db.executemany(query, rows).rowcount)

    async def retry_now(self, object_ids: Iterable[int]) -> None:
        """End the pause of objects that were set back."""
        rows = [(object_id,) for object_id in object_ids]
        await self.write(lambda db: db.executemany("UPDATE acceptance SET retry_at_ms = 0 WHERE id = ?", rows).rowcount)

    async def retry_all_with(self, error: str) -> None:
        """End the pause of objects that were set back for a reason."""
        await self.write(
            lambda db: db.execute("UPDATE acceptance SET retry_at_ms = 0 WHERE last_error = ?", (error,)).rowcount
        )

    async def pending_of(self, object_ids: Iterable[int]) -> list[int]:
        """Those of the ids that wait for acceptance."""
        rows = [(object_id,) for object_id in object_ids if 0 <= object_id <= HIGHEST_ID]
        query = "SELECT id FROM objects WHERE id = ? AND state = 'pending'"

        def work(db: sqlite3.Connection) -> list[int]:
            return [row[0] for row in rows if db.execute(query, row).fetchone() is not None]

        return await self.read(work)

    async def set_bag(self, object_ids: Iterable[int], bag: str) -> None:
        """Remember that the chain moved objects to a bag; unknown ids do not matter."""
        rows = [(bag, object_id) for object_id in object_ids if 0 <= object_id <= HIGHEST_ID]
        await self.write(lambda db: db.executemany("UPDATE objects SET bag = ? WHERE id = ?", rows).rowcount)

    async def next_retry(self) -> datetime | None:
        """When the first of the objects that were set back may be tried again."""
        row = await self.read(
            lambda db: db.execute("SELECT min(retry_at_ms) FROM acceptance WHERE retry_at_ms > 0").fetchone()
        )
        return _from_ms(row[0])

    async def counts(self) -> dict[ObjectState, Count]:
        """Objects and bytes by state; every state is there."""
        rows = await self.read(lambda db: db.execute("SELECT state, objects, bytes FROM counts").fetchall())
        found = {ObjectState(state): Count(objects, size) for state, objects, size in rows}
        return {state: found.get(state, Count()) for state in ObjectState}


def _row(kept: KeptObject) -> tuple[object, ...]:
    return (
        kept.object_id, kept.size, kept.multihash, kept.state.value, kept.bag, kept.bucket, kept.media_type, int(kept.has_tree),
        _to_ms(kept.stored_at), _to_ms(kept.verified_at),
    )  # fmt: skip


def _kept(row: tuple[int, int, str, str, str, int | None, str, int, int | None, int | None]) -> KeptObject:
    object_id, size, multihash, state, bag, bucket, media_type, has_tree, stored_at, verified_at = row
    return KeptObject(
        object_id,
        size,
        multihash,
        ObjectState(state),
        bag,
        bucket,
        media_type,
        bool(has_tree),
        _from_ms(stored_at),
        _from_ms(verified_at),
    )


def _to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _from_ms(value: int | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)
