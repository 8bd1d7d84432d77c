"""Which storage buckets this node serves, and which of them take uploads."""

from collections.abc import Collection, Mapping
from typing import Protocol

import structlog

from joygrpc.chain import Chain

log = structlog.get_logger(__name__)


class WorkerBuckets(Protocol):
    """The part of the directory that knows a worker's buckets."""

    async def storage_buckets_of_worker(self, worker_id: int) -> Collection[int]:
        """Active buckets of the worker."""


class OwnBuckets:
    """The node's buckets, confirmed on chain; refreshed by a chore.

    `chosen` limits them (empty means all of the worker). A bucket is writable when the key of its transactor account is unlocked here.
    """

    def __init__(self, chain: Chain, directory: WorkerBuckets, worker_id: int, chosen: Collection[int] = ()) -> None:
        self._chain = chain
        self._directory = directory
        self._worker_id = worker_id
        self._chosen = frozenset(chosen)
        self._served: frozenset[int] = frozenset()
        self._transactors: dict[int, str] = {}
        self._locked: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"<OwnBuckets served={sorted(self._served)} writable={sorted(self._transactors)}>"

    @property
    def served(self) -> frozenset[int]:
        """Buckets whose objects are kept and given out here."""
        return self._served

    @property
    def writable(self) -> Mapping[int, str]:
        """Buckets that take uploads, and their transactor accounts (SS58)."""
        return self._transactors

    @property
    def locked(self) -> Mapping[int, str]:
        """Buckets that are served and take no uploads, as the key of their transactor account (SS58) is not here."""
        return self._locked

    async def refresh(self) -> bool:
        """Asks directory and chain; True when something changed. Raises what they raise, and keeps the picture then."""
        candidates = self._chosen or frozenset(await self._directory.storage_buckets_of_worker(self._worker_id))
        served: set[int] = set()
        transactors: dict[int, str] = {}
        locked: dict[int, str] = {}
        for bucket_id in sorted(candidates):
            bucket = await self._chain.storage_bucket(bucket_id)
            if bucket is None or bucket.operator_status != "active" or bucket.worker_id != self._worker_id:
                continue
            served.add(bucket_id)
            # Asked for after the chain has answered: before that the prefix of address texts is a guess.
            if bucket.transactor in self._chain.signers():
                transactors[bucket_id] = bucket.transactor
            else:
                locked[bucket_id] = bucket.transactor or ""
        changed = (served, transactors) != (set(self._served), self._transactors)
        self._served, self._transactors, self._locked = frozenset(served), transactors, locked
        if changed:
            log.info("buckets changed", served=sorted(served), writable=sorted(transactors))
            for bucket_id, account in locked.items():
                log.warning(
                    "bucket takes no uploads: its transactor's key is not here", bucket=bucket_id, account=account
                )
        return changed
