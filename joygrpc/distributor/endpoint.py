"""`DistributionService`: translates calls to `AssetService` and `NodeStatus`, and back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from joygrpc.distributor.metrics import READERS_CUT, REQUESTS
from joygrpc.distributor.node_status import NodeStatus
from joygrpc.distributor.service import Asked, AssetService, Opened, state_name
from joygrpc.mesh import Service, reason_of
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2_grpc as rpc


class DistributionEndpoint(rpc.DistributionServiceServicer):
    """The service on one listener; leases are given only where `with_leases` says that callers share the disk."""

    def __init__(self, assets: AssetService, status: NodeStatus, *, with_leases: bool, read_stall: timedelta) -> None:
        self._assets = assets
        self._status = status
        self._with_leases = with_leases
        self._read_stall = read_stall

    async def OpenAsset(self, request: pb.OpenAssetRequest, context: Any) -> pb.OpenAssetResponse:
        """See `DistributionService.OpenAsset`."""
        asked = Asked(request.offset, request.limit or None)
        if request.facts_only:
            with _counted("facts") as outcome:
                opened = await self._assets.facts(request.object_id, asked)
                outcome.append(state_name(opened.state))
            return _response(opened)
        with _counted("open") as outcome:
            opened = await self._assets.open(request.object_id, asked)
            outcome.append(state_name(opened.state))
        response = _response(opened)
        if self._with_leases and request.want_lease:
            lease, fill_lease = self._assets.lease(opened)
            if lease is not None:
                response.lease.CopyFrom(lease)
            if fill_lease is not None:
                response.fill_lease.CopyFrom(fill_lease)
        return response

    async def ReadAsset(self, request: pb.ReadAssetRequest, context: Any) -> AsyncIterator[pb.ReadAssetResponse]:
        """See `DistributionService.ReadAsset`."""
        asked = Asked(request.offset, request.limit or None)
        with _counted("read") as outcome:
            opened = await self._assets.open(request.object_id, asked, reading=True)
            async with aclosing(self._assets.read(opened, asked)) as pieces:
                # The first bytes are awaited before the facts are told, so that a failure comes instead of them and not after them.
                data = await anext(pieces, None)
                yield pb.ReadAssetResponse(asset=_response(opened))
                while data is not None:
                    with _taken_within(self._read_stall):
                        yield pb.ReadAssetResponse(data=data)
                    data = await anext(pieces, None)
            outcome.append(state_name(opened.state))

    async def ReportAccess(self, request: pb.ReportAccessRequest, context: Any) -> pb.ReportAccessResponse:
        """See `DistributionService.ReportAccess`."""
        self._assets.report(request.counts)
        return pb.ReportAccessResponse()

    async def WatchFill(self, request: pb.WatchFillRequest, context: Any) -> AsyncIterator[pb.WatchFillResponse]:
        """See `DistributionService.WatchFill`."""
        async with aclosing(self._assets.watch_fill(request.object_id)) as steps:
            async for runs, complete in steps:
                yield pb.WatchFillResponse(
                    verified=[pb.GroupRun(first=run.first, count=run.count) for run in runs], complete=complete
                )

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        """See `DistributionService.GetStatus`."""
        status = await self._status.now()
        uptime, started_at = Duration(), Timestamp()
        uptime.FromTimedelta(status.uptime)
        started_at.FromDatetime(status.started_at)
        return pb.GetStatusResponse(
            node_id=status.node_id,
            version=status.version,
            worker_id=status.worker_id,
            objects_in_cache=status.objects_in_cache,
            storage_limit=status.storage_limit,
            storage_used=status.storage_used,
            uptime=uptime,
            downloads_in_progress=status.downloads_in_progress,
            query_node_url=status.query_node_url,
            query_node_version=status.directory.query_node_version,
            query_node_height=status.directory.query_node_height,
            chain_head=status.directory.chain_head,
            directory_error=status.directory.last_error,
            started_at=started_at,
        )

    async def GetBuckets(self, request: pb.GetBucketsRequest, context: Any) -> pb.GetBucketsResponse:
        """See `DistributionService.GetBuckets`."""
        assignment = self._status.assignment
        if assignment.buckets is not None:
            return pb.GetBucketsResponse(bucket_ids=assignment.buckets)
        return pb.GetBucketsResponse(all_by_worker_id=assignment.worker_id)


@contextmanager
def _taken_within(stall: timedelta) -> Iterator[None]:
    """End the call when what is yielded in the block is not taken in time: a reader who stops holds a file and buffers."""
    task = asyncio.current_task()
    assert task is not None
    alarm = asyncio.get_running_loop().call_later(stall.total_seconds(), _cut, task)
    try:
        yield
    finally:
        alarm.cancel()


def _cut(task: "asyncio.Task[Any]") -> None:
    READERS_CUT.inc()
    task.cancel()


@contextmanager
def _counted(way: str) -> Iterator[list[str]]:
    """Count a request: by what the block appends, or by the reason of its failure."""
    outcome: list[str] = []
    try:
        yield outcome
    except Exception as error:
        REQUESTS.labels(way, reason_of(error)).inc()
        raise
    else:
        REQUESTS.labels(way, outcome[0] if outcome else "cancelled").inc()


def _response(opened: Opened) -> pb.OpenAssetResponse:
    wanted = opened.wanted
    return pb.OpenAssetResponse(
        object=content.Object(
            id=wanted.object_id,
            size=wanted.size,
            multihash=wanted.multihash,
            media_type=opened.media_type,
            bag_id=str(wanted.bag_id),
        ),
        cache_state=opened.state,
        data_source=opened.source,
    )


def distribution_service(
    assets: AssetService, status: NodeStatus, *, with_leases: bool, read_stall: timedelta
) -> Service:
    """The service to offer on the local socket (with leases) and on the mesh (without); readers that take nothing for `read_stall` are cut."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_DistributionServiceServicer_to_server(
            DistributionEndpoint(assets, status, with_leases=with_leases, read_stall=read_stall), server
        )

    return Service("joystream.distribution.v1.DistributionService", add)
