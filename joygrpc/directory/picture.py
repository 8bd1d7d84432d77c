"""What the node holds of the chain's directory, at a height: written block by block, and replaced by snapshots."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from joygrpc.chain import ChainHead
from joygrpc.chain.events import StorageFact
from joygrpc.content import BagId
from joygrpc.directory.applying import apply_facts, remember_gone
from joygrpc.directory.config import DirectoryScope
from joygrpc.directory.database import DirectoryDatabase
from joygrpc.directory.facts import DirectoryChange
from joygrpc.directory.journal import object_facts
from joygrpc.directory.schema import PICTURE_TABLES
from joygrpc.directory.scoping import bag_in_scope, bags_to_load, leave_scope
from joygrpc.directory.snapshot import add_objects, attached, merge
from joygrpc.query_node import ObjectFacts

_MAY_MISS_BAGS = frozenset({"bag_changed", "bucket_changed", "object_moved"})


@dataclass(frozen=True, slots=True)
class PictureState:
    """What the file says about itself.

    `exists` is False before the first snapshot; `block_hash` is empty when it is not known; `missing_bags`: some bags in scope lack their objects.
    """

    exists: bool = False
    height: int = 0
    block_hash: str = ""
    genesis_hash: str = ""
    missing_bags: bool = False


class Picture:
    """The tables and their height; callers see to it that one of the writing methods runs at a time."""

    def __init__(self, database: DirectoryDatabase, scope: DirectoryScope) -> None:
        self._database = database
        self._scope = scope
        self.state = PictureState()

    async def load(self) -> None:
        """Read what an earlier process left. With another scope, bags that come into it are fetched and others' objects dropped."""

        def read(connection: sqlite3.Connection) -> PictureState:
            meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
            leave_scope(connection, self._scope)
            return PictureState(
                exists="height" in meta,
                height=int(meta.get("height", "0")),
                block_hash=meta.get("block_hash", ""),
                genesis_hash=meta.get("genesis_hash", ""),
                missing_bags=self._misses_bags(connection),
            )

        self.state = await self._database.write(read)

    async def clear(self) -> None:
        """Drop everything: it is of another chain."""

        def wipe(connection: sqlite3.Connection) -> None:
            for table in (*PICTURE_TABLES, "meta", "gone_objects", "gone_bags"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

        await self._database.write(wipe)
        self.state = PictureState()

    async def apply_block(self, head: ChainHead, facts: Sequence[StorageFact]) -> list[DirectoryChange]:
        """Bring the picture to the next block."""

        def write(connection: sqlite3.Connection) -> tuple[PictureState, list[DirectoryChange]]:
            changes = apply_facts(connection, facts, self._scope)
            remember_gone(connection, facts, head.number)
            missing = self.state.missing_bags
            if any(change.kind in _MAY_MISS_BAGS for change in changes):
                missing = self._misses_bags(connection)
            state = PictureState(True, head.number, head.block_hash, self.state.genesis_hash, missing)
            _save(connection, state)
            return state, changes

        self.state, changes = await self._database.write(write)
        return changes

    async def replace(
        self, staging: Path, head: ChainHead, genesis_hash: str, facts: Sequence[StorageFact], remember_from: int
    ) -> int:
        """Make a finished snapshot of a height the picture.

        `facts`: what blocks changed since the query node's height; what was removed before `remember_from` is no longer remembered.
        """

        def write(connection: sqlite3.Connection) -> tuple[PictureState, int]:
            changed = merge(connection)
            remember_gone(connection, facts, head.number)
            for table in ("gone_objects", "gone_bags"):
                connection.execute(f"DELETE FROM {table} WHERE height < ?", (remember_from,))  # noqa: S608 - our own names
            state = PictureState(True, head.number, head.block_hash, genesis_hash, self._misses_bags(connection))
            _save(connection, state)
            return state, changed

        before, after = attached(staging)
        await self._database.maintain(before)
        try:
            self.state, changed = await self._database.write(write)
        finally:
            await self._database.maintain(after)
        return changed

    async def bags_to_load(self, limit: int) -> list[str]:
        """Bags in scope whose objects have yet to be fetched."""
        return await self._database.read(lambda connection: bags_to_load(connection, self._scope, limit))

    async def load_bags(
        self, bag_ids: Sequence[str], objects: Sequence[ObjectFacts], facts: Sequence[StorageFact]
    ) -> list[BagId]:
        """Take in the objects of bags as a query node told of them, and what blocks changed since; gives the bags that still are in scope."""

        def write(connection: sqlite3.Connection) -> tuple[PictureState, list[BagId]]:
            wanted = {bag_id for bag_id in bag_ids if bag_in_scope(connection, self._scope, bag_id)}
            for bag_id in wanted:
                connection.execute("DELETE FROM objects WHERE bag_id = ?", (bag_id,))
            add_objects(connection, (found for found in objects if found.bag_id in wanted))
            bags = [BagId.parse(bag_id) for bag_id in sorted(wanted)]
            for bag_id in wanted:
                connection.execute("UPDATE bags SET loaded = 1 WHERE bag_id = ?", (bag_id,))
            # After the mark: an object that was moved in from a bag that is not held takes it away again.
            about = object_facts(facts, frozenset(bags), [found.id for found in objects if found.bag_id in wanted])
            apply_facts(connection, about, self._scope)
            return replace(self.state, missing_bags=self._misses_bags(connection)), bags

        self.state, bags = await self._database.write(write)
        return bags

    def _misses_bags(self, connection: sqlite3.Connection) -> bool:
        return bool(bags_to_load(connection, self._scope, 1))


def _save(connection: sqlite3.Connection, state: PictureState) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        (
            ("height", str(state.height)),
            ("block_hash", state.block_hash),
            ("genesis_hash", state.genesis_hash),
        ),
    )
