"""The node's housekeeping put together: quarantine, cleanup, scrub, their chores, and how they are told on the wire."""

from collections.abc import Callable
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from joygrpc.chain import Chain
from joygrpc.chores import Chore
from joygrpc.config import StorageNodeConfig
from joygrpc.directory import Directory
from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as pb
from joygrpc.query_node import QueryNodePort
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.cleanup import CleanupReport, CleanupService
from joygrpc.storage.cleanup_facts import CleanupFacts
from joygrpc.storage.cleanup_plan import CleanupRules, PlanItem, Verdict
from joygrpc.storage.cleanup_proof import ReplicaProver
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import QuarantineReason
from joygrpc.storage.peer_sources import PeerSources
from joygrpc.storage.quarantine import QuarantineService, Revoke
from joygrpc.storage.scrub import ScrubOutcome, ScrubRules, ScrubService
from joygrpc.storage.store import ObjectStore

REASONS = {
    QuarantineReason.ROTTEN: pb.QUARANTINE_REASON_ROTTEN,
    QuarantineReason.NOT_OWED: pb.QUARANTINE_REASON_NOT_OWED,
    QuarantineReason.UNKNOWN: pb.QUARANTINE_REASON_UNKNOWN,
}
VERDICTS = {
    Verdict.DELETED: pb.CLEANUP_VERDICT_DELETED,
    Verdict.MOVED: pb.CLEANUP_VERDICT_MOVED,
    Verdict.OWED: pb.CLEANUP_VERDICT_OWED,
    Verdict.TOO_NEW: pb.CLEANUP_VERDICT_TOO_NEW,
    Verdict.FEW_REPLICAS: pb.CLEANUP_VERDICT_FEW_REPLICAS,
    Verdict.DELETION_UNCONFIRMED: pb.CLEANUP_VERDICT_DELETION_UNCONFIRMED,
    Verdict.WHEREABOUTS_UNKNOWN: pb.CLEANUP_VERDICT_WHEREABOUTS_UNKNOWN,
    Verdict.DIFFERENT: pb.CLEANUP_VERDICT_DIFFERENT,
}
OUTCOMES = {
    ScrubOutcome.SOUND: pb.SCRUB_OUTCOME_SOUND,
    ScrubOutcome.TREE_MENDED: pb.SCRUB_OUTCOME_TREE_MENDED,
    ScrubOutcome.ROTTEN: pb.SCRUB_OUTCOME_ROTTEN,
}


class Maintenance:
    """Services and chores. `rotten` is called when something must be fetched anew, `drifted` when the disk is not as the index says."""

    def __init__(
        self,
        config: StorageNodeConfig,
        *,
        chain: Chain,
        query_node: QueryNodePort,
        directory: Directory,
        index: ObjectIndex,
        store: ObjectStore,
        sources: PeerSources,
        buckets: OwnBuckets,
        claims: Claims,
        revoke: Revoke,
        rotten: Callable[[], None],
        drifted: Callable[[], None],
    ) -> None:
        self._config = config
        settings, scrub = config.cleanup, config.scrub
        self.quarantine = QuarantineService(
            store=store,
            index=index,
            directory=directory,
            chain=chain,
            buckets=buckets,
            claims=claims,
            revoke=revoke,
            retention=timedelta(seconds=settings.quarantine_s),
        )
        self.cleanup = CleanupService(
            index=index,
            facts=CleanupFacts(chain=chain, query_node=query_node, directory=directory, buckets=buckets),
            prover=ReplicaProver(store=store, sources=sources, timeout=timedelta(seconds=settings.proof_timeout_s)),
            quarantine=self.quarantine,
            claims=claims,
            worker_id=config.worker,
            rules=CleanupRules(
                max_lag_blocks=settings.max_lag_blocks,
                max_head_age=timedelta(seconds=settings.max_head_age_s),
                min_replicas=settings.min_replicas,
                new_object=timedelta(seconds=settings.new_object_s),
            ),
            page_size=settings.batch_size,
            workers=settings.workers,
        )
        self.scrub = ScrubService(
            store=store,
            index=index,
            quarantine=self.quarantine,
            claims=claims,
            rules=ScrubRules(
                period=timedelta(days=scrub.period_days),
                max_bytes_per_s=scrub.max_bytes_per_s,
                run_time=timedelta(seconds=scrub.run_s),
            ),
            rotten=rotten,
            drifted=drifted,
        )

    def chores(self) -> list[Chore]:
        """The periodic part: the quarantine always, cleanup and scrub when they are on."""
        settings, scrub = self._config.cleanup, self._config.scrub
        chores = [
            Chore("quarantine", every=timedelta(seconds=settings.quarantine_interval_s), run=self.quarantine.tend)
        ]
        if settings.enabled:
            interval = timedelta(seconds=settings.interval_s)
            chores.append(
                Chore(
                    "cleanup",
                    every=interval,
                    run=self._clean_up,
                    retry=min(interval, timedelta(minutes=5)),
                    jitter=0.1,
                    at_start=False,
                )
            )
        if scrub.enabled:
            every = timedelta(seconds=scrub.interval_s)
            chores.append(Chore("scrub", every=every, run=self.scrub.run_once, jitter=0.2, at_start=False))
        return chores

    async def _clean_up(self) -> None:
        await self.cleanup.run_once()

    @property
    def last_cleanup(self) -> pb.CleanupReport | None:
        """What the last cleanup did, as it is told."""
        return None if self.cleanup.last is None else report_message(self.cleanup.last)

    @property
    def scrub_progress(self) -> pb.ScrubProgress:
        """How far the checks have come, as it is told."""
        progress = self.scrub.progress
        period = Duration()
        period.FromTimedelta(self.scrub.rules.period)
        message = pb.ScrubProgress(
            enabled=self._config.scrub.enabled,
            period=period,
            objects_due=progress.due.objects,
            size_due=progress.due.size,
            objects_checked=progress.objects_checked,
            size_checked=progress.size_checked,
            objects_rotten=progress.objects_rotten,
        )
        if progress.due.oldest is not None:
            message.oldest_verified_at.CopyFrom(timestamp(progress.due.oldest))
        return message


def report_message(report: CleanupReport) -> pb.CleanupReport:
    """What is told of a cleanup."""
    message = pb.CleanupReport(
        started_at=timestamp(report.started_at),
        examined=report.examined,
        quarantined=report.quarantined,
        quarantined_size=report.quarantined_size,
        counts=[
            pb.CleanupCount(verdict=VERDICTS[verdict], objects=count, size=report.sizes[verdict])
            for verdict, count in sorted(report.counts.items())
        ],
        hindrance=report.hindrance,
    )
    if report.ended_at is not None:
        message.ended_at.CopyFrom(timestamp(report.ended_at))
    return message


def item_message(item: PlanItem) -> pb.CleanupPlanItem:
    """What is told of an object of a plan."""
    return pb.CleanupPlanItem(
        object_id=item.kept.object_id,
        size=item.kept.size,
        bag_id=item.bag,
        verdict=VERDICTS[item.verdict],
        replicas=item.replicas,
        replicas_needed=item.replicas_needed,
    )


def timestamp(moment: datetime) -> Timestamp:
    """A time as it is told."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message
