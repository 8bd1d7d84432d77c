"""Tables of the storage node's index."""

import sqlite3

_OBJECTS = """
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    size INTEGER NOT NULL,
    multihash TEXT NOT NULL,
    state TEXT NOT NULL,
    bag TEXT NOT NULL,
    bucket INTEGER,
    media_type TEXT NOT NULL,
    has_tree INTEGER NOT NULL,
    stored_at_ms INTEGER,
    verified_at_ms INTEGER
) STRICT;
CREATE INDEX objects_by_bag ON objects (bag, id);
CREATE INDEX objects_not_stored ON objects (state, id) WHERE state <> 'stored';
CREATE INDEX objects_without_tree ON objects (id) WHERE has_tree = 0;

CREATE TABLE acceptance (
    id INTEGER PRIMARY KEY REFERENCES objects (id) ON DELETE CASCADE,
    attempts INTEGER NOT NULL,
    retry_at_ms INTEGER NOT NULL,
    last_error TEXT NOT NULL
) STRICT;

-- Kept by triggers, so that counting a million objects is reading four rows.
CREATE TABLE counts (
    state TEXT PRIMARY KEY,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TRIGGER count_insert AFTER INSERT ON objects BEGIN
    INSERT INTO counts VALUES (new.state, 1, new.size)
    ON CONFLICT (state) DO UPDATE SET objects = objects + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER count_delete AFTER DELETE ON objects BEGIN
    UPDATE counts SET objects = objects - 1, bytes = bytes - old.size WHERE state = old.state;
END;
CREATE TRIGGER count_update AFTER UPDATE OF state, size ON objects BEGIN
    UPDATE counts SET objects = objects - 1, bytes = bytes - old.size WHERE state = old.state;
    INSERT INTO counts VALUES (new.state, 1, new.size)
    ON CONFLICT (state) DO UPDATE SET objects = objects + 1, bytes = bytes + excluded.bytes;
END;
"""

_NOW_MS = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"

# Kept by triggers too, so that no way into the state leaves an object without a time from which its retention counts.
_QUARANTINE = f"""
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY REFERENCES objects (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;
CREATE TRIGGER quarantine_found AFTER INSERT ON objects WHEN new.state = 'quarantined' BEGIN
    INSERT INTO quarantine VALUES (new.id, 'unknown', {_NOW_MS});
END;
CREATE TRIGGER quarantine_begin AFTER UPDATE OF state ON objects WHEN new.state = 'quarantined' AND old.state <> 'quarantined' BEGIN
    INSERT INTO quarantine VALUES (new.id, 'unknown', {_NOW_MS});
END;
CREATE TRIGGER quarantine_end AFTER UPDATE OF state ON objects WHEN new.state <> 'quarantined' AND old.state = 'quarantined' BEGIN
    DELETE FROM quarantine WHERE id = new.id;
END;
INSERT INTO quarantine SELECT id, 'unknown', {_NOW_MS} FROM objects WHERE state = 'quarantined';

CREATE INDEX objects_by_verified ON objects (coalesce(verified_at_ms, 0), id, size, state);

CREATE TABLE notes (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
"""  # noqa: S608 - our own text

_STEPS = (_OBJECTS, _QUARANTINE)
"""What makes each version out of the one before."""

SCHEMA_VERSION = len(_STEPS)


class IndexTooNew(RuntimeError):
    """The index was written by a newer version of the program."""


def open_database(path: str, *, create: bool) -> sqlite3.Connection:
    """A connection in WAL mode, with the tables made if the file is new. Raises `IndexTooNew` and `sqlite3.Error`."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        # An answered upload must survive a power cut, so each commit is synced.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        if create:
            _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise IndexTooNew(f"the index has version {version}; this program knows up to {SCHEMA_VERSION}")
    for number, step in enumerate(_STEPS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
