"""What the node serves: named buckets, or all of a worker; changed by the operator while it runs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from joygrpc.content import DistributionBucketId, InvalidDistributionBucketId
from joygrpc.distributor.cache_index import CacheIndex
from joygrpc.distributor.errors import BucketIdInvalid

SETTING = "assignment"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Named buckets win over the worker; with neither, nothing is served."""

    worker_id: int | None = None
    buckets: tuple[str, ...] | None = None
    """As `family:index`, each once."""


def parse_buckets(texts: Iterable[str]) -> tuple[str, ...] | None:
    """Bucket ids in canonical form, each once and in the order given; None for none. Raises `BucketIdInvalid`."""
    try:
        parsed = dict.fromkeys(str(DistributionBucketId.parse(text)) for text in texts)
    except InvalidDistributionBucketId as error:
        raise BucketIdInvalid(str(error)) from None
    return tuple(parsed) or None


class AssignmentStore:
    """The assignment in force. What the operator sets survives restarts, and wins over the configuration until that changes.

    `load` first. The configured assignment is kept beside what was set, so that an edited configuration counts again.
    """

    def __init__(self, configured: Assignment, index: CacheIndex) -> None:
        self.current = configured
        self._configured = configured
        self._index = index

    def __repr__(self) -> str:
        return f"<AssignmentStore {self.current}>"

    async def load(self) -> None:
        """Take up what was set before the last restart. Raises `CacheIndexFailed`."""
        text = await self._index.setting(SETTING)
        if text is None:
            return
        kept = json.loads(text)
        if _from_json(kept["configured"]) == self._configured:
            self.current = _from_json(kept["current"])

    async def set_worker(self, worker_id: int) -> None:
        """Replace the worker."""
        await self._set(replace(self.current, worker_id=worker_id))

    async def set_buckets(self, buckets: tuple[str, ...] | None) -> None:
        """Replace the buckets; None for all of the worker."""
        await self._set(replace(self.current, buckets=buckets))

    async def configure(self, configured: Assignment) -> bool:
        """The configuration was read again; whether it said something new, which is then in force."""
        if configured == self._configured:
            return False
        self._configured = configured
        await self._set(configured)
        return True

    async def _set(self, assignment: Assignment) -> None:
        kept = {"configured": _to_json(self._configured), "current": _to_json(assignment)}
        await self._index.set_setting(SETTING, json.dumps(kept))
        self.current = assignment


def _to_json(assignment: Assignment) -> dict[str, object]:
    return {"worker_id": assignment.worker_id, "buckets": assignment.buckets}


def _from_json(value: dict[str, object]) -> Assignment:
    worker_id, buckets = value["worker_id"], value["buckets"]
    assert worker_id is None or isinstance(worker_id, int)
    assert buckets is None or isinstance(buckets, list)
    return Assignment(worker_id, None if buckets is None else tuple(str(bucket) for bucket in buckets))
