"""The tables of the directory's file, and of the pictures that are put together beside it."""

import sqlite3
from pathlib import Path

from joygrpc.directory.errors import DirectoryUnusable

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x4A594452  # "JYDR"
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs"}
)

PICTURE_TABLES = (
    "storage_buckets",
    "distribution_buckets",
    "distribution_operators",
    "bags",
    "bag_storage",
    "bag_distribution",
    "objects",
)
"""The tables that a snapshot replaces."""

# `bags.loaded`: 0 none of its objects is held, 1 all are, 2 some (they came with blocks before the rest could be fetched).
_PICTURE = """
CREATE TABLE IF NOT EXISTS storage_buckets (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, worker_id INTEGER, transactor TEXT, endpoint TEXT, extra TEXT, accepting INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS distribution_buckets (
    id TEXT PRIMARY KEY, accepting INTEGER NOT NULL, distributing INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS distribution_operators (
    bucket_id TEXT NOT NULL, worker_id INTEGER NOT NULL, status TEXT NOT NULL, PRIMARY KEY (bucket_id, worker_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bags (
    bag_id TEXT PRIMARY KEY, loaded INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bag_storage (
    bag_id TEXT NOT NULL, bucket_id INTEGER NOT NULL, PRIMARY KEY (bag_id, bucket_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bag_distribution (
    bag_id TEXT NOT NULL, bucket_id TEXT NOT NULL, PRIMARY KEY (bag_id, bucket_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    id INTEGER PRIMARY KEY, bag_id TEXT NOT NULL, size INTEGER NOT NULL, multihash TEXT NOT NULL, accepted INTEGER NOT NULL, media_type TEXT
);
CREATE INDEX IF NOT EXISTS bag_storage_by_bucket ON bag_storage (bucket_id, bag_id);
CREATE INDEX IF NOT EXISTS bag_distribution_by_bucket ON bag_distribution (bucket_id, bag_id);
CREATE INDEX IF NOT EXISTS objects_by_bag ON objects (bag_id, id);
"""

_OWN = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone_objects (id INTEGER PRIMARY KEY, height INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS gone_bags (bag_id TEXT PRIMARY KEY, height INTEGER NOT NULL) WITHOUT ROWID;
"""


def open_directory(path: Path) -> sqlite3.Connection:
    """The writing connection to the directory's file, made anew when it is of an older shape; `DirectoryUnusable` if it is of no use."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = file_system_of(path.parent)
    if kind in _NETWORK_FILE_SYSTEMS:
        raise DirectoryUnusable(f"The directory's file must not lie on a network file system ({kind})")
    try:
        connection = _connect(path)
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != _APPLICATION_ID:
            connection.close()
            raise DirectoryUnusable("The directory's file belongs to another program")
        if tables and version != SCHEMA_VERSION:
            # It only mirrors the chain: a new one fills itself.
            connection.close()
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            connection = _connect(path)
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;")
        connection.executescript(
            f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};" + _PICTURE + _OWN,
        )
    except sqlite3.DatabaseError as error:
        raise DirectoryUnusable(f"The directory's file cannot be opened: {type(error).__name__}") from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A reading connection; never sees half a block or half a picture."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def open_staging(path: Path) -> sqlite3.Connection:
    """An empty file for a picture that is being put together; it needs to survive nothing."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _PICTURE)
    return connection


def attach_staging(connection: sqlite3.Connection, path: Path) -> None:
    """Make a finished staging file's tables known to the writing connection as `next`."""
    connection.execute("ATTACH DATABASE ? AS next", (str(path),))


def detach_staging(connection: sqlite3.Connection) -> None:
    """Undo `attach_staging`."""
    connection.execute("DETACH DATABASE next")


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand; the connection is handed to one thread, which is not the one that makes it.
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def file_system_of(path: Path) -> str:
    """Type of the file system that holds a path, as the kernel names it; empty when it cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        real = path.resolve()
    except OSError:
        return ""
    best, kind = -1, ""
    for line in mounts.splitlines():
        _, mount_point, this_kind, *_ = line.split(" ")
        point = Path(mount_point.replace("\\040", " "))
        if real.is_relative_to(point) and len(point.parts) > best:
            best, kind = len(point.parts), this_kind
    return kind
