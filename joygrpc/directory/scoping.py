"""Which buckets' bags are in scope, and what changes when that changes; functions on a connection to a picture's tables."""

import json
import sqlite3
from collections.abc import Collection

from joygrpc.directory.config import DirectoryScope

_IN_SCOPE = """
(:everything
 OR EXISTS (SELECT 1 FROM bag_storage l WHERE l.bag_id = {bag} AND l.bucket_id IN (SELECT value FROM json_each(:storage)))
 OR EXISTS (SELECT 1 FROM bag_distribution l WHERE l.bag_id = {bag} AND l.bucket_id IN (SELECT value FROM json_each(:distribution))))
"""


def storage_buckets_in_scope(connection: sqlite3.Connection, scope: DirectoryScope) -> frozenset[int]:
    """The storage buckets whose bags' objects are held."""
    if scope.storage_buckets is not None:
        return scope.storage_buckets
    if scope.storage_worker is None:
        return frozenset()
    return storage_buckets_of_worker(connection, scope.storage_worker)


def distribution_buckets_in_scope(connection: sqlite3.Connection, scope: DirectoryScope) -> frozenset[str]:
    """The distribution buckets whose bags' objects are held."""
    if scope.distribution_buckets is not None:
        return scope.distribution_buckets
    if scope.distribution_worker is None:
        return frozenset()
    return distribution_buckets_of_worker(connection, scope.distribution_worker)


def storage_buckets_of_worker(connection: sqlite3.Connection, worker_id: int) -> frozenset[int]:
    """The buckets that the worker operates."""
    found = connection.execute("SELECT id FROM storage_buckets WHERE status = 'active' AND worker_id = ?", (worker_id,))
    return frozenset(row[0] for row in found)


def distribution_buckets_of_worker(connection: sqlite3.Connection, worker_id: int) -> frozenset[str]:
    """The buckets that the worker operates."""
    found = connection.execute(
        "SELECT bucket_id FROM distribution_operators WHERE status = 'active' AND worker_id = ?", (worker_id,)
    )
    return frozenset(row[0] for row in found)


def bag_in_scope(connection: sqlite3.Connection, scope: DirectoryScope, bag_id: str) -> bool:
    """Whether the bag is known and its objects are held."""
    statement = f"SELECT 1 FROM bags WHERE bag_id = :bag AND {_IN_SCOPE.format(bag=':bag')}"  # noqa: S608 - our own text
    return connection.execute(statement, {"bag": bag_id, **_parameters(connection, scope)}).fetchone() is not None


def leave_scope(connection: sqlite3.Connection, scope: DirectoryScope, bag_ids: Collection[str] | None = None) -> int:
    """Forget the objects of bags that are out of scope now, among some bags or all; gives the number of objects."""
    among = "" if bag_ids is None else "AND bag_id IN (SELECT value FROM json_each(:among))"
    left = connection.execute(
        f"UPDATE bags SET loaded = 0 WHERE loaded <> 0 AND NOT {_IN_SCOPE.format(bag='bags.bag_id')} {among} RETURNING bag_id",  # noqa: S608
        {"among": json.dumps(sorted(bag_ids or ())), **_parameters(connection, scope)},
    ).fetchall()
    return sum(connection.execute("DELETE FROM objects WHERE bag_id = ?", (bag_id,)).rowcount for (bag_id,) in left)


def bags_to_load(connection: sqlite3.Connection, scope: DirectoryScope, limit: int) -> list[str]:
    """Bags in scope whose objects are not all here."""
    if scope.everything:
        found = connection.execute("SELECT bag_id FROM bags WHERE loaded <> 1 LIMIT ?", (limit,))
    else:
        # From the buckets' side: most bags are other nodes'.
        found = connection.execute(
            """SELECT b.bag_id FROM bags b WHERE b.loaded <> 1 AND b.bag_id IN (
                   SELECT bag_id FROM bag_storage WHERE bucket_id IN (SELECT value FROM json_each(:storage))
                   UNION SELECT bag_id FROM bag_distribution WHERE bucket_id IN (SELECT value FROM json_each(:distribution))
               ) LIMIT :limit""",
            {"limit": limit, **_parameters(connection, scope)},
        )
    return [row[0] for row in found]


def _parameters(connection: sqlite3.Connection, scope: DirectoryScope) -> dict[str, object]:
    return {
        "everything": scope.everything,
        "storage": json.dumps(sorted(storage_buckets_in_scope(connection, scope))),
        "distribution": json.dumps(sorted(distribution_buckets_in_scope(connection, scope))),
    }
