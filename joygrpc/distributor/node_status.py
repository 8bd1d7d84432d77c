"""What a distributor node says of itself."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joygrpc.directory import Directory
from joygrpc.directory.facts import DirectoryStatus
from joygrpc.distributor.assignment import Assignment, AssignmentStore
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.fills import FillService
from joygrpc.distributor.metrics import CACHE_LIMIT_BYTES, CACHE_OBJECTS, CACHE_USED_BYTES
from joygrpc.version import __version__


@dataclass(frozen=True, slots=True)
class Status:
    """A moment's picture; sizes in bytes."""

    node_id: str
    version: str
    worker_id: int | None
    objects_in_cache: int
    storage_limit: int
    storage_used: int
    uptime: timedelta
    started_at: datetime
    downloads_in_progress: int
    query_node_url: str
    directory: DirectoryStatus


class NodeStatus:
    """Gathers the status; nothing in it asks another program."""

    def __init__(
        self,
        node_id: str,
        query_node_url: str,
        cache: Cache,
        fills: FillService,
        assignments: AssignmentStore,
        directory: Directory,
    ) -> None:
        self._node_id = node_id
        self._query_node_url = query_node_url
        self._cache = cache
        self._fills = fills
        self._assignments = assignments
        self._directory = directory
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()

    @property
    def assignment(self) -> Assignment:
        """What the node serves."""
        return self._assignments.current

    async def now(self) -> Status:
        """The status at this moment."""
        return Status(
            node_id=self._node_id,
            version=__version__,
            worker_id=self._assignments.current.worker_id,
            objects_in_cache=len(self._cache),
            storage_limit=self._cache.limit,
            storage_used=self._cache.used,
            uptime=timedelta(seconds=time.monotonic() - self._started),
            started_at=self._started_at,
            downloads_in_progress=len(self._fills),
            query_node_url=self._query_node_url,
            directory=await self._directory.status(),
        )

    def publish(self) -> None:
        """Bring the cache's gauges up to date."""
        CACHE_OBJECTS.set(len(self._cache))
        CACHE_USED_BYTES.set(self._cache.used)
        CACHE_LIMIT_BYTES.set(self._cache.limit)
