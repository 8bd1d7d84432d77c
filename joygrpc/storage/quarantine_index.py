"""What the index knows of objects that are kept out of sight."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from joygrpc.storage.index import HIGHEST_ID, ObjectIndex
from joygrpc.storage.objects import QuarantineReason


@dataclass(frozen=True, slots=True)
class QuarantinedObject:
    """An object in quarantine. `size` in bytes, `bag` in text form and empty when it is not known, `since` in UTC."""

    object_id: int
    size: int
    multihash: str
    bag: str
    reason: QuarantineReason
    since: datetime


class QuarantineIndex:
    """A view of the index. Raises `IndexFailed`."""

    def __init__(self, index: ObjectIndex) -> None:
        self._index = index

    async def page(
        self, *, after: int = -1, limit: int = 1000, reasons: Collection[QuarantineReason] = ()
    ) -> list[QuarantinedObject]:
        """A page of what is in quarantine, ascending by id; for some of the reasons only, if any are given."""
        wanted = [reason.value for reason in reasons or QuarantineReason]
        query = f"""
            SELECT o.id, o.size, o.multihash, o.bag, q.reason, q.since_ms FROM quarantine q JOIN objects o ON o.id = q.id
            WHERE q.id > ? AND q.reason IN ({",".join("?" * len(wanted))}) ORDER BY q.id LIMIT ?"""  # noqa: S608 - question marks

        def work(db: sqlite3.Connection) -> list[QuarantinedObject]:
            return [_quarantined(row) for row in db.execute(query, (min(after, HIGHEST_ID), *wanted, limit))]

        return await self._index.read(work)

    async def get(self, object_id: int) -> QuarantinedObject | None:
        """The object, or None when it is not in quarantine."""
        if not 0 <= object_id <= HIGHEST_ID:
            return None
        found = await self.page(after=object_id - 1, limit=1)
        return found[0] if found and found[0].object_id == object_id else None


def _quarantined(row: Sequence[int | str]) -> QuarantinedObject:
    object_id, size, multihash, bag, reason, since_ms = row
    return QuarantinedObject(
        int(object_id),
        int(size),
        str(multihash),
        str(bag),
        QuarantineReason(str(reason)),
        datetime.fromtimestamp(int(since_ms) / 1000, UTC),
    )
