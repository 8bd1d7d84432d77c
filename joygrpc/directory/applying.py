"""Writes what blocks changed into a picture's tables. Facts that are applied again change nothing, so a picture may be older than it says in part."""

import sqlite3
from collections.abc import Iterable

from joygrpc.chain.events import (
    BagCreated,
    BagDeleted,
    BagDistributionChanged,
    BagStorageChanged,
    DistributionBucketCreated,
    DistributionBucketDeleted,
    DistributionBucketFlagsSet,
    DistributionOperatorChanged,
    ObjectsAccepted,
    ObjectsCreated,
    ObjectsDeleted,
    ObjectsMoved,
    StorageBucketCreated,
    StorageBucketDeleted,
    StorageBucketStatusSet,
    StorageFact,
    StorageMetadataSet,
    StorageOperatorCleared,
    StorageOperatorInvited,
    StorageOperatorSet,
)
from joygrpc.content import BagId
from joygrpc.directory.config import DirectoryScope
from joygrpc.directory.facts import DirectoryChange
from joygrpc.directory.metadata import merge_operator_metadata
from joygrpc.directory.scoping import bag_in_scope, leave_scope

_CHANGES_HANDS = (
    StorageBucketDeleted
    | StorageOperatorInvited
    | StorageOperatorSet
    | StorageOperatorCleared
    | DistributionBucketDeleted
    | DistributionOperatorChanged
)


def apply_facts(
    connection: sqlite3.Connection, facts: Iterable[StorageFact], scope: DirectoryScope
) -> list[DirectoryChange]:
    """Apply facts in order; gives what changed for the node, in order.

    Bags that come into scope are not marked as loaded until somebody fetches their objects; those that leave it lose them.
    """
    changes: list[DirectoryChange] = []
    for fact in facts:
        changes += _apply(connection, fact, scope)
    return changes


def remember_gone(connection: sqlite3.Connection, facts: Iterable[StorageFact], height: int) -> None:
    """Note what a block removed, so that no lagging answer brings it back; only in the directory's own file."""
    for fact in facts:
        match fact:
            case ObjectsDeleted(object_ids=object_ids):
                rows = ((object_id, height) for object_id in object_ids)
                connection.executemany("INSERT OR IGNORE INTO gone_objects VALUES (?, ?)", rows)
            case BagDeleted(bag_id=bag_id):
                connection.execute("INSERT OR REPLACE INTO gone_bags VALUES (?, ?)", (str(bag_id), height))
            case BagCreated(bag_id=bag_id):
                connection.execute("DELETE FROM gone_bags WHERE bag_id = ?", (str(bag_id),))
            case _:
                pass


def _apply(connection: sqlite3.Connection, fact: StorageFact, scope: DirectoryScope) -> list[DirectoryChange]:
    match fact:
        case ObjectsCreated() | ObjectsAccepted() | ObjectsDeleted() | ObjectsMoved():
            return _apply_to_objects(connection, fact, scope)
        case BagCreated() | BagDeleted() | BagStorageChanged() | BagDistributionChanged():
            return _apply_to_bags(connection, fact, scope)
        case _:
            _apply_to_buckets(connection, fact)
            if isinstance(fact, _CHANGES_HANDS):
                # Any bag's objects may come into scope or leave it.
                leave_scope(connection, scope)
            return [DirectoryChange("bucket_changed")]


def _apply_to_objects(
    connection: sqlite3.Connection,
    fact: ObjectsCreated | ObjectsAccepted | ObjectsDeleted | ObjectsMoved,
    scope: DirectoryScope,
) -> list[DirectoryChange]:
    match fact:
        case ObjectsCreated(bag_id=bag_id, objects=objects):
            if not bag_in_scope(connection, scope, str(bag_id)):
                return []
            # What is there already came from a newer picture.
            made = [
                new.object_id
                for new in objects
                if connection.execute(
                    "INSERT INTO objects VALUES (?, ?, ?, ?, 0, NULL) ON CONFLICT DO NOTHING",
                    (new.object_id, str(bag_id), new.size, new.multihash),
                ).rowcount
            ]
            _hold_some(connection, bag_id)
            return _about("object_created", made, bag_id)
        case ObjectsAccepted(bag_id=bag_id, object_ids=object_ids):
            accepted = [
                object_id
                for object_id in object_ids
                if connection.execute(
                    "UPDATE objects SET accepted = 1 WHERE id = ? AND accepted = 0",
                    (object_id,),
                ).rowcount
            ]
            return _about("object_accepted", accepted, bag_id)
        case ObjectsDeleted(bag_id=bag_id, object_ids=object_ids):
            gone = [
                object_id
                for object_id in object_ids
                if connection.execute(
                    "DELETE FROM objects WHERE id = ?",
                    (object_id,),
                ).rowcount
            ]
            return _about("object_deleted", gone, bag_id)
        case ObjectsMoved(destination=destination, object_ids=object_ids):
            return _move(connection, destination, object_ids, scope)


def _move(
    connection: sqlite3.Connection,
    destination: BagId,
    object_ids: tuple[int, ...],
    scope: DirectoryScope,
) -> list[DirectoryChange]:
    if not bag_in_scope(connection, scope, str(destination)):
        gone = [i for i in object_ids if connection.execute("DELETE FROM objects WHERE id = ?", (i,)).rowcount]
        return _about("object_moved", gone, destination)
    moved = [
        i
        for i in object_ids
        if connection.execute("UPDATE objects SET bag_id = ? WHERE id = ?", (str(destination), i)).rowcount
    ]
    _hold_some(connection, destination)
    if len(moved) < len(object_ids):
        # Some come from a bag whose objects are not held: the bag has to be fetched again.
        connection.execute("UPDATE bags SET loaded = 2 WHERE bag_id = ?", (str(destination),))
    return _about("object_moved", list(object_ids), destination)


def _hold_some(connection: sqlite3.Connection, bag_id: BagId) -> None:
    connection.execute("UPDATE bags SET loaded = 2 WHERE bag_id = ? AND loaded = 0", (str(bag_id),))


def _apply_to_bags(
    connection: sqlite3.Connection,
    fact: BagCreated | BagDeleted | BagStorageChanged | BagDistributionChanged,
    scope: DirectoryScope,
) -> list[DirectoryChange]:
    bag = str(fact.bag_id)
    match fact:
        case BagCreated(storage_buckets=storage_buckets, distribution_buckets=distribution_buckets):
            new = connection.execute("INSERT INTO bags VALUES (?, 0) ON CONFLICT DO NOTHING", (bag,)).rowcount
            _link(connection, "bag_storage", bag, storage_buckets, ())
            _link(connection, "bag_distribution", bag, distribution_buckets, ())
            if new and bag_in_scope(connection, scope, bag):
                # All its objects come with later facts.
                connection.execute("UPDATE bags SET loaded = 1 WHERE bag_id = ?", (bag,))
        case BagDeleted():
            gone = connection.execute("DELETE FROM objects WHERE bag_id = ? RETURNING id", (bag,)).fetchall()
            for table in ("bag_storage", "bag_distribution", "bags"):
                connection.execute(f"DELETE FROM {table} WHERE bag_id = ?", (bag,))  # noqa: S608 - our own names
            return [
                *_about("object_deleted", sorted(row[0] for row in gone), fact.bag_id),
                DirectoryChange("bag_changed", (), fact.bag_id),
            ]
        case BagStorageChanged(added=added, removed=removed):
            # A static bag comes into being when it is written first.
            connection.execute("INSERT INTO bags VALUES (?, 0) ON CONFLICT DO NOTHING", (bag,))
            _link(connection, "bag_storage", bag, added, removed)
            leave_scope(connection, scope, [bag])
        case BagDistributionChanged(added=added_there, removed=removed_there):
            connection.execute("INSERT INTO bags VALUES (?, 0) ON CONFLICT DO NOTHING", (bag,))
            _link(connection, "bag_distribution", bag, added_there, removed_there)
            leave_scope(connection, scope, [bag])
    return [DirectoryChange("bag_changed", (), fact.bag_id)]


def _apply_to_buckets(connection: sqlite3.Connection, fact: StorageFact) -> None:
    run = connection.execute
    match fact:
        case StorageBucketCreated(bucket_id=bucket_id, invited_worker=worker_id, accepting_new_bags=accepting):
            status = "missing" if worker_id is None else "invited"
            run(
                "INSERT INTO storage_buckets VALUES (?, ?, ?, NULL, NULL, NULL, ?) ON CONFLICT DO NOTHING",
                (bucket_id, status, worker_id, accepting),
            )
        case StorageBucketDeleted(bucket_id=bucket_id):
            run("DELETE FROM storage_buckets WHERE id = ?", (bucket_id,))
        case StorageOperatorInvited(bucket_id=bucket_id, worker_id=worker_id):
            run(
                "UPDATE storage_buckets SET status = 'invited', worker_id = ?, transactor = NULL WHERE id = ?",
                (worker_id, bucket_id),
            )
        case StorageOperatorSet(bucket_id=bucket_id, worker_id=worker_id, transactor=transactor):
            run(
                "UPDATE storage_buckets SET status = 'active', worker_id = ?, transactor = ? WHERE id = ?",
                (worker_id, transactor, bucket_id),
            )
        case StorageOperatorCleared(bucket_id=bucket_id, removed=removed):
            run(
                "UPDATE storage_buckets SET status = 'missing', worker_id = NULL, transactor = NULL WHERE id = ?",
                (bucket_id,),
            )
            if removed:
                run("UPDATE storage_buckets SET endpoint = NULL, extra = NULL WHERE id = ?", (bucket_id,))
        case StorageBucketStatusSet(bucket_id=bucket_id, accepting_new_bags=accepting):
            run("UPDATE storage_buckets SET accepting = ? WHERE id = ?", (accepting, bucket_id))
        case StorageMetadataSet(bucket_id=bucket_id, metadata=metadata):
            _set_metadata(connection, bucket_id, metadata)
        case DistributionBucketCreated(bucket_id=there, accepting_new_bags=accepting):
            run("INSERT INTO distribution_buckets VALUES (?, ?, 1) ON CONFLICT DO NOTHING", (there, accepting))
        case DistributionBucketDeleted(bucket_id=there):
            run("DELETE FROM distribution_buckets WHERE id = ?", (there,))
            run("DELETE FROM distribution_operators WHERE bucket_id = ?", (there,))
        case DistributionBucketFlagsSet(bucket_id=there, accepting_new_bags=flag, distributing=distributing):
            run(
                "UPDATE distribution_buckets SET accepting = coalesce(?, accepting), distributing = coalesce(?, distributing) WHERE id = ?",
                (flag, distributing, there),
            )
        case DistributionOperatorChanged(bucket_id=there, worker_id=worker_id, status="none"):
            run("DELETE FROM distribution_operators WHERE bucket_id = ? AND worker_id = ?", (there, worker_id))
        case DistributionOperatorChanged(bucket_id=there, worker_id=worker_id, status=status):
            run("INSERT OR REPLACE INTO distribution_operators VALUES (?, ?, ?)", (there, worker_id, status))
        case _:
            raise TypeError(f"not a fact about buckets: {fact}")


def _set_metadata(connection: sqlite3.Connection, bucket_id: int, metadata: bytes) -> None:
    row = connection.execute("SELECT endpoint, extra FROM storage_buckets WHERE id = ?", (bucket_id,)).fetchone()
    if row is not None:
        endpoint, extra = merge_operator_metadata(row[0], row[1], metadata)
        connection.execute(
            "UPDATE storage_buckets SET endpoint = ?, extra = ? WHERE id = ?", (endpoint, extra, bucket_id)
        )


def _link(
    connection: sqlite3.Connection, table: str, bag: str, added: Iterable[object], removed: Iterable[object]
) -> None:
    insert = f"INSERT OR IGNORE INTO {table} VALUES (?, ?)"  # noqa: S608 - our own names
    connection.executemany(insert, ((bag, bucket) for bucket in added))
    delete = f"DELETE FROM {table} WHERE bag_id = ? AND bucket_id = ?"  # noqa: S608
    connection.executemany(delete, ((bag, bucket) for bucket in removed))


def _about(kind: str, object_ids: list[int], bag_id: BagId) -> list[DirectoryChange]:
    return [DirectoryChange(kind, tuple(object_ids), bag_id)] if object_ids else []  # type: ignore[arg-type]
