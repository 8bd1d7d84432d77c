"""A new picture from the query node, put together in a file of its own and then merged into the directory's."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from joygrpc.chain.events import StorageFact
from joygrpc.directory.applying import apply_facts
from joygrpc.directory.config import DirectoryScope
from joygrpc.directory.schema import PICTURE_TABLES, attach_staging, detach_staging, open_staging
from joygrpc.directory.scoping import distribution_buckets_in_scope, leave_scope, storage_buckets_in_scope
from joygrpc.query_node import BagFacts, DistributionBucketFacts, ObjectFacts, QueryNodePort, StorageBucketFacts

T = TypeVar("T")

_KEYS = {
    "storage_buckets": ("id",),
    "distribution_buckets": ("id",),
    "distribution_operators": ("bucket_id", "worker_id"),
    "bags": ("bag_id",),
    "bag_storage": ("bag_id", "bucket_id"),
    "bag_distribution": ("bag_id", "bucket_id"),
    "objects": ("id",),
}


class Staging:
    """A picture under construction; a context manager that removes its file."""

    def __init__(self, path: Path, scope: DirectoryScope) -> None:
        self.path = path
        self._scope = scope
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="directory-snapshot")
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        self._connection = await asyncio.get_running_loop().run_in_executor(self._thread, open_staging, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._shut)

    async def fill(self, query_node: QueryNodePort, page_size: int) -> None:
        """Read everything that is in scope, page by page; raises `QueryNodeError`.

        The query node goes on while this reads. Whoever merges the picture applies everything that blocks changed since the height that the query
        node had before the first page; only then it is of one height.
        """
        await self._run(_add_storage_buckets, await query_node.storage_buckets())
        await self._run(_add_distribution_buckets, await query_node.distribution_buckets())
        after: str | None = None
        while bags := await query_node.bags_page(after, page_size):
            await self._run(_add_bags, bags)
            after = bags[-1].id
        storage: frozenset[int] | None = None
        distribution: frozenset[str] | None = None
        if not self._scope.everything:
            storage = await self._run(storage_buckets_in_scope, self._scope)
            distribution = await self._run(distribution_buckets_in_scope, self._scope)
            if not storage and not distribution:
                return
        last: int | None = None
        while objects := await query_node.objects_page(
            last,
            page_size,
            storage_bucket_ids=storage,
            distribution_bucket_ids=distribution,
        ):
            await self._run(_add_objects, objects)
            last = objects[-1].id
        await self._run(_mark_loaded, self._scope)

    async def apply(self, facts: Sequence[StorageFact]) -> None:
        """Bring the picture up with what blocks changed; drops objects whose bag turns out not to be in scope."""
        await self._run(_finish, facts, self._scope)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        assert self._connection is not None
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection, *arguments)

    def _shut(self) -> None:
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
        self.path.unlink(missing_ok=True)


def merge(connection: sqlite3.Connection) -> int:
    """Make the attached picture the directory's, in the caller's transaction; only what differs is written. Gives the number of such rows."""
    changed = 0
    for table in PICTURE_TABLES:
        same_key = " AND ".join(f"n.{key} = m.{key}" for key in _KEYS[table])
        columns = [row[1] for row in connection.execute(f"PRAGMA next.table_info({table})")]
        ours, theirs = (", ".join(f"{side}.{column}" for column in columns) for side in "mn")
        changed += connection.execute(
            f"DELETE FROM main.{table} AS m WHERE NOT EXISTS (SELECT 1 FROM next.{table} n WHERE {same_key})",  # noqa: S608 - our own names
        ).rowcount
        changed += connection.execute(
            f"""INSERT OR REPLACE INTO main.{table} SELECT {theirs} FROM next.{table} n LEFT JOIN main.{table} m ON {same_key}
                WHERE m.{_KEYS[table][0]} IS NULL OR ({ours}) IS NOT ({theirs})""",  # noqa: S608
        ).rowcount
    return changed


def attached(path: Path) -> tuple[Callable[[sqlite3.Connection], None], Callable[[sqlite3.Connection], None]]:
    """What to do on the writing connection before and after `merge`, outside of its transaction."""
    return (lambda connection: attach_staging(connection, path)), detach_staging


def _add_storage_buckets(connection: sqlite3.Connection, buckets: Iterable[StorageBucketFacts]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO storage_buckets VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (b.id, b.operator_status, b.worker_id, b.transactor, b.endpoint, b.extra, b.accepting_new_bags)
            for b in buckets
        ),
    )


def _add_distribution_buckets(connection: sqlite3.Connection, buckets: Sequence[DistributionBucketFacts]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO distribution_buckets VALUES (?, ?, ?)",
        ((b.id, b.accepting_new_bags, b.distributing) for b in buckets),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO distribution_operators VALUES (?, ?, ?)",
        ((b.id, operator.worker_id, operator.status) for b in buckets for operator in b.operators),
    )


def _add_bags(connection: sqlite3.Connection, bags: Sequence[BagFacts]) -> None:
    connection.executemany("INSERT OR REPLACE INTO bags VALUES (?, 0)", ((bag.id,) for bag in bags))
    connection.executemany(
        "INSERT OR REPLACE INTO bag_storage VALUES (?, ?)",
        ((bag.id, bucket) for bag in bags for bucket in bag.storage_bucket_ids),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO bag_distribution VALUES (?, ?)",
        ((bag.id, bucket) for bag in bags for bucket in bag.distribution_bucket_ids),
    )


def add_objects(connection: sqlite3.Connection, objects: Iterable[ObjectFacts]) -> None:
    """Write objects as the query node tells of them."""
    connection.executemany(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
        ((o.id, o.bag_id, o.size, o.multihash, o.is_accepted, o.fallback_media_type) for o in objects),
    )


_add_objects = add_objects


def _mark_loaded(connection: sqlite3.Connection, scope: DirectoryScope) -> None:
    # All that is in scope was read; `leave_scope` then takes the mark from what is not.
    connection.execute("UPDATE bags SET loaded = 1")
    leave_scope(connection, scope)


def _finish(connection: sqlite3.Connection, facts: Sequence[StorageFact], scope: DirectoryScope) -> None:
    apply_facts(connection, facts, scope)
    leave_scope(connection, scope)
    # Objects of bags that were moved out of scope between two pages.
    connection.execute("DELETE FROM objects WHERE bag_id NOT IN (SELECT bag_id FROM bags WHERE loaded = 1)")
