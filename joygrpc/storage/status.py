"""What a storage node tells of itself."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from joygrpc.config import StorageNodeConfig
from joygrpc.directory.facts import DirectoryStatus
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.storage.acceptance_funds import FundsWatch
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.index import Count, ObjectIndex
from joygrpc.storage.maintenance import Maintenance
from joygrpc.storage.metrics import show_counts
from joygrpc.storage.objects import ObjectState
from joygrpc.storage.store import ObjectStore
from joygrpc.storage.takeover import Fate, TakeoverProgress
from joygrpc.storage.tokens import TokenService
from joygrpc.storage.uploads import UploadService
from joygrpc.version import __version__


class DirectoryHealth(Protocol):
    """The part of the directory that knows how fresh it is."""

    async def status(self) -> DirectoryStatus:
        """How fresh and complete the picture is."""


class StatusService:
    """Counters and state, none of which costs a look at chain or query node."""

    def __init__(
        self,
        *,
        config: StorageNodeConfig,
        index: ObjectIndex,
        store: ObjectStore,
        directory: DirectoryHealth,
        buckets: OwnBuckets,
        uploads: UploadService,
        tokens: TokenService,
        maintenance: Maintenance,
        funds: FundsWatch,
        takeover: TakeoverProgress,
    ) -> None:
        self._config = config
        self._index, self._store, self._directory = index, store, directory
        self._buckets, self._uploads, self._tokens = buckets, uploads, tokens
        self._maintenance = maintenance
        self._funds, self._takeover = funds, takeover
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC)

    async def data_stats(self) -> pb.GetDataStatsResponse:
        """Objects and bytes by state."""
        counts = await self._index.counts()
        show_counts({state: (count.objects, count.size) for state, count in counts.items()})
        stored = _sum(counts[ObjectState.STORED], counts[ObjectState.UNVERIFIED])
        pending, quarantined = counts[ObjectState.PENDING], counts[ObjectState.QUARANTINED]
        receiving_count, receiving_size = self._store.receiving
        return pb.GetDataStatsResponse(
            object_count=stored.objects,
            total_size=stored.size,
            receiving_count=receiving_count,
            receiving_size=receiving_size,
            pending_count=pending.objects,
            pending_size=pending.size,
            quarantined_count=quarantined.objects,
            quarantined_size=quarantined.size,
        )

    async def status(self) -> pb.GetStatusResponse:
        """What the node is and does now."""
        config = self._config
        directory = await self._directory.status()
        counts = await self._index.counts()
        quarantined = counts[ObjectState.QUARANTINED]
        return pb.GetStatusResponse(
            version=__version__,
            uptime=_duration(timedelta(seconds=time.monotonic() - self._started)),
            worker_id=config.worker,
            upload_buckets=sorted(self._buckets.writable),
            download_buckets=sorted(self._buckets.served),
            sync_enabled=config.sync.enabled,
            sync_interval=_duration(timedelta(seconds=config.sync.interval_s)),
            cleanup_enabled=config.cleanup.enabled,
            cleanup_interval=_duration(timedelta(seconds=config.cleanup.interval_s)),
            cleanup_max_lag_blocks=config.cleanup.max_lag_blocks,
            cleanup_min_replicas=config.cleanup.min_replicas,
            last_cleanup=self._maintenance.last_cleanup,
            scrub=self._maintenance.scrub_progress,
            quarantined_count=quarantined.objects,
            quarantined_size=quarantined.size,
            acceptance=_acceptance(self._buckets, self._funds),
            takeover=_takeover(self._takeover),
            unverified_count=counts[ObjectState.UNVERIFIED].objects,
            directory=pb.DirectoryStatus(
                query_node_url=config.query_node.url,
                query_node_version=directory.query_node_version,
                query_node_height=directory.query_node_height,
                chain_head=directory.chain_head,
                directory_height=directory.directory_height,
                complete=directory.complete,
                last_error=directory.last_error,
            ),
            max_object_size=self._uploads.known_max_object_size,
            upload_auth=self._tokens.auth,
            started_at=_timestamp(self._started_at),
            token_account=self._tokens.account,
        )


def _acceptance(buckets: OwnBuckets, watch: FundsWatch) -> list[pb.BucketAcceptance]:
    funds = {each.bucket_id: each for each in watch.funds}
    messages = []
    for bucket_id, account in sorted({**buckets.locked, **buckets.writable}.items()):
        message = pb.BucketAcceptance(
            bucket_id=bucket_id, transactor=account, key_missing=bucket_id not in buckets.writable
        )
        if (known := funds.get(bucket_id)) is not None:
            message.balance, message.balance_needed = str(known.balance), str(known.needed)
            message.balance_low = known.low
        messages.append(message)
    return messages


def _takeover(progress: TakeoverProgress) -> pb.TakeoverStatus:
    files = progress.files
    return pb.TakeoverStatus(
        running=progress.running,
        taken=files[Fate.TAKE] + files[Fate.TAKE_TO_ACCEPT],
        set_aside=files[Fate.SET_ASIDE],
        quarantined=files[Fate.QUARANTINE],
        waiting=progress.waiting,
    )


def _sum(*counts: Count) -> Count:
    return Count(sum(count.objects for count in counts), sum(count.size for count in counts))


def _duration(value: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(value)
    return message


def _timestamp(value: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(value)
    return message
