"""State and blocks on disk, so that a devnet goes on where it stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from joygrpc.devnet.chain.headers import Block, Header
from joygrpc.devnet.events import EVENT_FIELDS, Event
from joygrpc.devnet.ledger import records
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.metadata.declarations import StorageItem
from joygrpc.devnet.metadata.runtime import Runtime
from joygrpc.devnet.scale import BYTES, Reader, Vec

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    parent_hash BLOB NOT NULL,
    state_root BLOB NOT NULL,
    extrinsics_root BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    extrinsics BLOB NOT NULL,
    events BLOB NOT NULL
);
-- What each of the last blocks overwrote, so that older states can be told after a restart.
CREATE TABLE IF NOT EXISTS overwritten (
    number INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB,
    PRIMARY KEY (number, key)
) WITHOUT ROWID;
"""
_FORMAT: Final = 2
_READABLE: Final = (0, 1, _FORMAT)
"""Format 1 has states of the best block alone."""
_EXTRINSICS: Final = Vec(BYTES)
_REMEMBER: Final = "INSERT INTO overwritten SELECT :number, :key, (SELECT value FROM state WHERE key = :key)"
_TAKE_BACK: Final = (
    "DELETE FROM state WHERE key IN (SELECT key FROM overwritten WHERE number = ?)",
    "INSERT INTO state SELECT key, value FROM overwritten WHERE number = ? AND value IS NOT NULL",
    "DELETE FROM overwritten WHERE number = ?",
    "DELETE FROM blocks WHERE number = ?",
)

# How the values of each table are read back; tables that are not named hold plain values.
_RECORDS: Final[Mapping[tuple[str, str], Any]] = {
    ("System", "Account"): records.AccountInfo,
    ("Members", "MembershipById"): records.Member,
    ("StorageWorkingGroup", "WorkerById"): records.Worker,
    ("DistributionWorkingGroup", "WorkerById"): records.Worker,
    ("Content", "ChannelById"): records.Channel,
    ("Storage", "Bags"): records.Bag,
    ("Storage", "StorageBucketById"): records.StorageBucket,
    ("Storage", "DynamicBagCreationPolicies"): records.CreationPolicy,
    ("Storage", "DataObjectsById"): records.DataObject,
    ("Storage", "DistributionBucketFamilyById"): records.Family,
    ("Storage", "DistributionBucketByFamilyIdById"): records.DistributionBucket,
}


class ArchiveUnusable(RuntimeError):
    """The file is not an archive of this version, or another process has it open."""


class ArchiveFailed(RuntimeError):
    """A block could not be written; the chain must not go on, or the archive would have a gap."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a restart begins with."""

    best: Block
    hashes: list[bytes]
    oldest: int
    """The first block whose state is known."""
    state: list[tuple[bytes, bytes]]
    """Keys and values at that block."""
    changes: list[tuple[int, dict[bytes, bytes | None]]]
    """What each block after it wrote, ascending."""


class Archive:
    """An SQLite file with all blocks and the states of the last `depth`; one transaction per block."""

    def __init__(self, path: Path, runtime: Runtime, *, depth: int = 4096) -> None:
        self._runtime = runtime
        self._depth = depth
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            # One devnet per directory: whoever opens the file first keeps it.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in _READABLE:
                raise ArchiveUnusable(f"devnet data of format {version}, this version reads {_FORMAT}")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ArchiveUnusable(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def store(self, block: Block, encoded_events: bytes, changes: Mapping[bytes, bytes | None]) -> None:
        """Write a block and the state that it changed, both or neither; raises ArchiveFailed."""
        header = block.header
        row = (
            block.number,
            block.hash,
            header.parent_hash,
            header.state_root,
            header.extrinsics_root,
            block.timestamp_ms,
            _EXTRINSICS.encode(block.extrinsics),
            encoded_events,
        )
        written = [(key, value) for key, value in changes.items() if value is not None]
        deleted = [(key,) for key, value in changes.items() if value is None]
        try:
            with self._db:
                self._db.execute("BEGIN")
                self._db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                if block.number:
                    self._db.executemany(_REMEMBER, ({"number": block.number, "key": key} for key in changes))
                self._db.execute("DELETE FROM overwritten WHERE number <= ?", (block.number - self._depth,))
                self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", written)
                self._db.executemany("DELETE FROM state WHERE key = ?", deleted)
        except sqlite3.Error as error:
            raise ArchiveFailed(str(error)) from error

    def retract(self) -> None:
        """Take the newest block and what it wrote back, both or neither; raises ArchiveFailed."""
        try:
            with self._db:
                self._db.execute("BEGIN")
                (number,) = self._db.execute("SELECT max(number) FROM blocks").fetchone()
                for statement in _TAKE_BACK:
                    self._db.execute(statement, (number,))
        except sqlite3.Error as error:
            raise ArchiveFailed(str(error)) from error

    def block(self, block_hash: bytes) -> Block | None:
        """A block by hash; None if unknown."""
        row = self._db.execute("SELECT * FROM blocks WHERE hash = ?", (block_hash,)).fetchone()
        return None if row is None else self._block(row)

    def load(self, ledger: Ledger, runtime: Runtime) -> Loaded | None:
        """Fill the ledger with the last state; None for an archive without blocks."""
        row = self._db.execute("SELECT * FROM blocks ORDER BY number DESC LIMIT 1").fetchone()
        if row is None:
            return None
        state: list[tuple[bytes, bytes]] = self._db.execute("SELECT key, value FROM state").fetchall()
        tables = {}
        for table in ledger.tables():
            item = runtime.item(table.pallet, table.item)
            tables[item.base_key] = (table, item, _RECORDS.get((table.pallet, table.item)))
        for raw_key, raw_value in state:
            if (found := tables.get(raw_key[:32])) is None:
                continue
            table, item, record = found
            value = item.value.decode(raw_value)
            table[_decode_key(item, raw_key)] = value if record is None else record.from_scale(value)
        ledger.journal.commit()
        best = self._block(row)
        ledger.block_number = best.number
        hashes = [block_hash for (block_hash,) in self._db.execute("SELECT hash FROM blocks ORDER BY number")]
        return Loaded(best, hashes, *self._history(best.number, dict(state)))

    def _history(
        self, best: int, state: dict[bytes, bytes]
    ) -> tuple[int, list[tuple[bytes, bytes]], list[tuple[int, dict[bytes, bytes | None]]]]:
        """Oldest block with a state, that state, and the changes since; from the best block's state backwards."""
        rows = self._db.execute("SELECT number, key, value FROM overwritten ORDER BY number DESC")
        changes: list[tuple[int, dict[bytes, bytes | None]]] = []
        for number, key, before in rows:
            if not changes or changes[-1][0] != number:
                changes.append((number, {}))
            changes[-1][1][key] = state.get(key)
            if before is None:
                state.pop(key, None)
            else:
                state[key] = before
        changes.reverse()
        return (changes[0][0] - 1 if changes else best), list(state.items()), changes

    def _block(self, row: tuple[Any, ...]) -> Block:
        number, _, parent_hash, state_root, extrinsics_root, timestamp_ms, extrinsics, events = row
        header = Header(parent_hash, number, state_root, extrinsics_root)
        return Block(header, timestamp_ms, tuple(_EXTRINSICS.decode(extrinsics)), self._decode_events(events))

    def _decode_events(self, data: bytes) -> tuple[Event, ...]:
        reader = Reader(data)
        return tuple(self._decode_event(reader) for _ in range(reader.compact()))

    def _decode_event(self, reader: Reader) -> Event:
        extrinsic_index = reader.integer(4) if reader.byte() == 0 else None
        pallet = self._runtime.events.variants[reader.byte()]
        described = self._runtime.pallets[pallet.name].events
        assert described is not None, "only pallets with events are in the enum of all events"
        variant = described.variants[reader.byte()]
        values = [field_type.read(reader) for field_type in variant.fields.values()]
        reader.compact()  # no topics
        fields = dict(zip(EVENT_FIELDS[pallet.name][variant.name], values, strict=True))
        return Event(pallet.name, variant.name, fields, extrinsic_index)


def _decode_key(item: StorageItem, raw_key: bytes) -> Any:
    """The key, or tuple of keys, in a storage key: each is stored behind its hash."""
    reader = Reader(raw_key, 32)
    hash_bytes = 16 if item.hasher == "Blake2_128Concat" else 8
    keys = []
    for key_type in item.keys:
        reader.take(hash_bytes)
        keys.append(key_type.read(reader))
    return keys[0] if len(keys) == 1 else tuple(keys)
