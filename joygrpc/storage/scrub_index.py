"""What the index knows of when objects were last compared with their multihash."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime

from joygrpc.storage.index import ObjectIndex

_DUE_BEFORE = "scrub_due_before_ms"


@dataclass(frozen=True, slots=True)
class DueObject:
    """An object whose check is due. `verified_ms`: when it was checked last, in milliseconds since 1970; 0 for never."""

    object_id: int
    verified_ms: int


@dataclass(frozen=True, slots=True)
class DueCount:
    """Objects whose check is due, their bytes, and the earliest time at which one that is served was checked; None for never, or for none."""

    objects: int
    size: int
    oldest: datetime | None


class ScrubIndex:
    """A view of the index. That an object was checked is written into its entry, so a restart goes on where it was. Raises `IndexFailed`."""

    def __init__(self, index: ObjectIndex) -> None:
        self._index = index

    async def unverified(self, *, after: int = -1, limit: int = 100) -> list[DueObject]:
        """A page of objects that were never checked since they were imported, ascending by id."""
        query = "SELECT id FROM objects WHERE state = 'unverified' AND id > ? ORDER BY id LIMIT ?"
        rows = await self._index.read(lambda db: db.execute(query, (after, limit)).fetchall())
        return [DueObject(row[0], 0) for row in rows]

    async def due(self, before: datetime, *, after: DueObject | None = None, limit: int = 100) -> list[DueObject]:
        """A page of served objects that were checked before a time, the longest ago first, and after another one in that order."""
        query = """
            SELECT id, coalesce(verified_at_ms, 0) AS verified FROM objects
            WHERE verified >= ?1 AND verified < ?2 AND (verified > ?1 OR id > ?3) AND state <> 'quarantined'
            ORDER BY verified, id LIMIT ?4"""
        last = after or DueObject(-1, 0)
        values = (last.verified_ms, _ms(before), last.object_id, limit)
        rows = await self._index.read(lambda db: db.execute(query, values).fetchall())
        return [DueObject(*row) for row in rows]

    async def count(self, before: datetime) -> DueCount:
        """How much is due."""
        due = """
            SELECT count(*), coalesce(sum(size), 0) FROM objects
            WHERE state <> 'quarantined' AND coalesce(verified_at_ms, 0) < ?"""
        oldest = """
            SELECT coalesce(verified_at_ms, 0) AS verified FROM objects WHERE verified >= 0 AND state <> 'quarantined'
            ORDER BY verified LIMIT 1"""

        def work(db: sqlite3.Connection) -> DueCount:
            objects, size = db.execute(due, (_ms(before),)).fetchone()
            first = db.execute(oldest).fetchone()
            moment = datetime.fromtimestamp(first[0] / 1000, UTC) if first is not None and first[0] else None
            return DueCount(objects, size, moment)

        return await self._index.read(work)

    async def all_due_before(self) -> datetime:
        """The time before which every check counts as too old; the year 1970 if nobody asked for that."""
        return datetime.fromtimestamp(await self._index.note(_DUE_BEFORE) / 1000, UTC)

    async def make_all_due(self, now: datetime) -> None:
        """Every check until now counts as too old; survives restarts."""
        await self._index.set_note(_DUE_BEFORE, _ms(now))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
