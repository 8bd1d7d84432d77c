"""Settings of the directory."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DirectoryScope:
    """Whose objects are held; buckets, peers and bags are held in any case.

    A storage node names its worker (all buckets that the worker operates at the time) or a list of buckets; a distributor the same with
    distribution buckets (`family:index`). A list, when given, counts instead of the worker. `everything` holds all objects.
    """

    storage_worker: int | None = None
    storage_buckets: frozenset[int] | None = None
    distribution_worker: int | None = None
    distribution_buckets: frozenset[str] | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """Where the directory's file lies and how fresh it is kept."""

    path: Path
    """SQLite file; its directory is made. One process uses it at a time."""
    scope: DirectoryScope = field(default_factory=DirectoryScope)
    refresh_interval: timedelta = timedelta(minutes=30)
    """Between comparisons with a new picture of the query node."""
    retry_interval: timedelta = timedelta(seconds=2)
    """After a failed refresh; doubled with each further one, up to `retry_ceiling`."""
    retry_ceiling: timedelta = timedelta(minutes=1)
    status_interval: timedelta = timedelta(seconds=10)
    """How old the heights in `status` may be."""
    catch_up_timeout: timedelta = timedelta(minutes=2)
    """How long a new picture waits for the chain's blocks."""
    page_size: int = 1000
    journal_blocks: int = 14_400
    """How many blocks of changes are remembered for pictures of a lagging query node; a day."""
    lookup_timeout: timedelta = timedelta(seconds=5)
    """For the query node's answer about an object that is not held."""
    lookup_ttl: timedelta = timedelta(seconds=30)
    """How long such an answer holds."""
    negative_ttl: timedelta = timedelta(seconds=5)
    """How long it holds that there is no such object."""
    concurrent_lookups: int = 16
    outage_pause: timedelta = timedelta(seconds=1)
    """For so long look-ups fail at once after one that the query node did not answer."""
