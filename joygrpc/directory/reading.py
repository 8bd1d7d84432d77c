"""Reads of the directory's tables; each is one statement, so it sees one state."""

import json
import sqlite3
from collections.abc import Collection

from joygrpc.content import BagId
from joygrpc.directory.facts import (
    DirectoryBag,
    DirectoryDistributionBucket,
    DirectoryObject,
    DirectoryStorageBucket,
    StoragePeer,
)
from joygrpc.directory.peers import mesh_address, rest_root

_OBJECT = "o.id, o.size, o.multihash, o.bag_id, o.accepted, o.media_type"
SQLITE_INTEGER_LIMIT = 2**63


def object_by_id(connection: sqlite3.Connection, object_id: int) -> DirectoryObject | None:
    """The object, if it is held."""
    if object_id >= SQLITE_INTEGER_LIMIT:
        return None
    row = connection.execute(f"SELECT {_OBJECT} FROM objects o WHERE id = ?", (object_id,)).fetchone()  # noqa: S608 - our own columns
    return None if row is None else _object(row)


def objects_of_bag(
    connection: sqlite3.Connection,
    bag_id: BagId,
    accepted_only: bool,
    after: int | None,
    limit: int,
) -> list[DirectoryObject]:
    """Objects of a bag, ascending by id."""
    found = connection.execute(
        f"SELECT {_OBJECT} FROM objects o WHERE bag_id = ? AND id > ? AND accepted >= ? ORDER BY id LIMIT ?",  # noqa: S608
        (str(bag_id), -1 if after is None else after, accepted_only, limit),
    )
    return [_object(row) for row in found]


def objects_of_storage_buckets(
    connection: sqlite3.Connection,
    buckets: Collection[int],
    after: int,
    limit: int,
    accepted_only: bool,
) -> list[DirectoryObject]:
    """Objects of bags that any of the buckets holds, ascending by id."""
    found = connection.execute(
        f"""SELECT {_OBJECT} FROM objects o WHERE o.id > ? AND o.accepted >= ? AND EXISTS (
            SELECT 1 FROM bag_storage l WHERE l.bag_id = o.bag_id AND l.bucket_id IN (SELECT value FROM json_each(?))
        ) ORDER BY o.id LIMIT ?""",  # noqa: S608
        (after, accepted_only, json.dumps(sorted(buckets)), limit),
    )
    return [_object(row) for row in found]


def objects_of_distribution_buckets(
    connection: sqlite3.Connection,
    buckets: Collection[str],
    after: int,
    limit: int,
    accepted_only: bool,
) -> list[DirectoryObject]:
    """Objects of bags that any of the buckets distributes, ascending by id."""
    found = connection.execute(
        f"""SELECT {_OBJECT} FROM objects o WHERE o.id > ? AND o.accepted >= ? AND EXISTS (
            SELECT 1 FROM bag_distribution l WHERE l.bag_id = o.bag_id AND l.bucket_id IN (SELECT value FROM json_each(?))
        ) ORDER BY o.id LIMIT ?""",  # noqa: S608
        (after, accepted_only, json.dumps(sorted(buckets)), limit),
    )
    return [_object(row) for row in found]


def bag_by_id(connection: sqlite3.Connection, bag_id: BagId) -> DirectoryBag | None:
    """The bag with all its buckets."""
    row = connection.execute(
        """SELECT (SELECT json_group_array(bucket_id) FROM bag_storage WHERE bag_id = bags.bag_id),
                  (SELECT json_group_array(bucket_id) FROM bag_distribution WHERE bag_id = bags.bag_id)
           FROM bags WHERE bag_id = ?""",
        (str(bag_id),),
    ).fetchone()
    if row is None:
        return None
    return DirectoryBag(bag_id, tuple(sorted(json.loads(row[0]))), tuple(sorted(json.loads(row[1]), key=_bucket_order)))


def storage_bucket_by_id(connection: sqlite3.Connection, bucket_id: int) -> DirectoryStorageBucket | None:
    """The bucket and its operator."""
    row = connection.execute(
        "SELECT id, status, worker_id, transactor, endpoint, extra, accepting FROM storage_buckets WHERE id = ?",
        (bucket_id,),
    ).fetchone()
    if row is None:
        return None
    bucket, status, worker_id, transactor, endpoint, extra, accepting = row
    return DirectoryStorageBucket(bucket, status, worker_id, transactor, endpoint, extra, bool(accepting))


def distribution_bucket_by_id(connection: sqlite3.Connection, bucket_id: str) -> DirectoryDistributionBucket | None:
    """The bucket and its operators."""
    row = connection.execute(
        """SELECT accepting, distributing, (
               SELECT json_group_array(worker_id) FROM distribution_operators WHERE bucket_id = b.id AND status = 'active'
           ) FROM distribution_buckets b WHERE id = ?""",
        (bucket_id,),
    ).fetchone()
    if row is None:
        return None
    return DirectoryDistributionBucket(bucket_id, bool(row[0]), bool(row[1]), tuple(sorted(json.loads(row[2]))))


def storage_peers(connection: sqlite3.Connection, bag_id: BagId, exclude_worker: int | None) -> list[StoragePeer]:
    """Buckets of a bag whose operators can be reached, ascending by bucket."""
    found = connection.execute(
        """SELECT b.id, b.worker_id, b.endpoint, b.extra FROM bag_storage l JOIN storage_buckets b ON b.id = l.bucket_id
           WHERE l.bag_id = ? AND b.status = 'active' AND b.worker_id IS NOT ? ORDER BY b.id""",
        (str(bag_id), exclude_worker),
    )
    peers = []
    for bucket_id, worker_id, endpoint, extra in found:
        root = rest_root(endpoint)
        if root is not None and worker_id is not None:
            mesh = mesh_address(extra)
            peers.append(
                StoragePeer(
                    bucket_id, worker_id, root, None if mesh is None else mesh.target, mesh is not None and mesh.tls
                )
            )
    return peers


def object_or_trace(connection: sqlite3.Connection, object_id: int) -> tuple[DirectoryObject | None, bool]:
    """The object, if it is held, and whether a finalized block removed it."""
    if object_id >= SQLITE_INTEGER_LIMIT:
        return None, False
    held = object_by_id(connection, object_id)
    gone = connection.execute("SELECT 1 FROM gone_objects WHERE id = ?", (object_id,)).fetchone()
    return (None, True) if gone is not None else (held, False)


def bag_is_gone(connection: sqlite3.Connection, bag_id: BagId) -> bool:
    """Whether a finalized block removed the bag."""
    row = connection.execute("SELECT 1 FROM gone_bags WHERE bag_id = ?", (str(bag_id),)).fetchone()
    return row is not None


def _object(row: tuple[int, int, str, str, int, str | None]) -> DirectoryObject:
    object_id, size, multihash, bag, accepted, media_type = row
    return DirectoryObject(object_id, size, multihash, BagId.parse(bag), bool(accepted), media_type)


def _bucket_order(bucket_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in bucket_id.split(":"))
