"""The distributor node as the gateway sees it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from gateway.answers import Provenance
from gateway.facts import CacheState, DataSource, ObjectFacts
from gateway.leases import LeaseTable, OpenLease
from gateway.node_link import ByteStream, NodeLink
from gateway.ranges import ByteRange
from gateway.remembered import Remembered
from joygrpc.pb.joystream.content.v1.content_pb2 import AccessCount
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2_grpc as rpc
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as operator_rpc

OPEN_TIMEOUT = timedelta(seconds=30)
"""An unknown object is looked up on chain, and a source searched, before `OpenAsset` answers."""

WORKERS_TIMEOUT = timedelta(seconds=20)
"""Stopping or starting the API waits until every worker has followed."""


@dataclass(frozen=True, slots=True)
class Asset:
    """An object as the distributor has it."""

    facts: ObjectFacts
    cache_state: CacheState
    data_source: DataSource

    @classmethod
    def of(cls, message: pb.OpenAssetResponse) -> Self:
        """The asset in a node's message."""
        return cls(
            ObjectFacts.of(message.object), CacheState.of(message.cache_state), DataSource.of(message.data_source)
        )

    def provenance(self, method: str) -> Provenance:
        """What the answer tells of the cache; HEAD requests have no source of bytes."""
        return Provenance(self.cache_state, None if method == "HEAD" else self.data_source)


class DistributorNode:
    """Calls to one distributor node. All raise `MeshError`."""

    def __init__(self, link: NodeLink, leases: LeaseTable) -> None:
        self.link = link
        self._leases = leases
        self._node = rpc.DistributionServiceStub(link.channel)
        self._operator = operator_rpc.OperatorServiceStub(link.channel)
        self._status = Remembered(self._ask_status)
        self._buckets = Remembered(self._ask_buckets)

    def __repr__(self) -> str:
        return f"<DistributorNode {self.link.target} {self._leases!r}>"

    async def open(
        self, object_id: int, *, facts_only: bool, hint: tuple[int, int] = (0, 0)
    ) -> tuple[Asset, OpenLease | None]:
        """What the node has of an object, and a lease if it is there whole. Hold the lease before the next await.

        Unless `facts_only`, the node begins to fetch what is missing, at `hint` (offset and length) first.
        """
        want = self.link.local and self._leases.enabled
        asked_at = self._leases.revocations
        offset, limit = hint
        request = pb.OpenAssetRequest(
            object_id=object_id, facts_only=facts_only, want_lease=want, offset=offset, limit=limit
        )
        opened = await self.link.call(self._node.OpenAsset, request, timeout=OPEN_TIMEOUT)
        asset = Asset.of(opened)
        if want and opened.HasField("lease"):
            return asset, self._leases.admit(asset.facts, opened.lease, asked_at)
        return asset, None

    def read(self, object_id: int, part: ByteRange) -> AbstractAsyncContextManager[ByteStream[Asset]]:
        """The bytes of a range, verified by the node."""

        def request(part: ByteRange) -> pb.ReadAssetRequest:
            return pb.ReadAssetRequest(object_id=object_id, offset=part.first, limit=part.length)

        return self.link.bytes_of(self._node.ReadAsset, request, _split, part)

    async def report(self, counts: Sequence[AccessCount]) -> None:
        """Hands over what was served from leases."""
        await self.link.call(self._node.ReportAccess, pb.ReportAccessRequest(counts=counts))

    async def status(self) -> pb.GetStatusResponse:
        """What the node is and does; at most a second old."""
        return await self._status.get()

    async def buckets(self) -> pb.GetBucketsResponse:
        """What the node distributes; at most a second old."""
        return await self._buckets.get()

    async def stop_api(self) -> None:
        """Stops the public API of all workers."""
        await self.link.call(self._operator.StopApi, operator.StopApiRequest(), timeout=WORKERS_TIMEOUT)

    async def start_api(self) -> None:
        """Starts it again."""
        await self.link.call(self._operator.StartApi, operator.StartApiRequest(), timeout=WORKERS_TIMEOUT)

    async def shut_down(self) -> None:
        """Drains the node and ends it."""
        await self.link.call(self._operator.Shutdown, operator.ShutdownRequest())

    async def set_worker(self, worker_id: int) -> None:
        """Replaces the worker whose buckets are served."""
        await self.link.call(self._operator.SetWorker, operator.SetWorkerRequest(worker_id=worker_id))
        self._buckets.forget()
        self._status.forget()

    async def set_buckets(self, bucket_ids: Sequence[str]) -> None:
        """Replaces the buckets that are served; none means all of the worker."""
        await self.link.call(self._operator.SetBuckets, operator.SetBucketsRequest(bucket_ids=bucket_ids))
        self._buckets.forget()

    async def _ask_status(self) -> pb.GetStatusResponse:
        return await self.link.call(self._node.GetStatus, pb.GetStatusRequest())

    async def _ask_buckets(self) -> pb.GetBucketsResponse:
        return await self.link.call(self._node.GetBuckets, pb.GetBucketsRequest())


def _split(response: pb.ReadAssetResponse) -> tuple[Asset | None, bytes]:
    if response.HasField("asset"):
        return Asset.of(response.asset), b""
    return None, response.data
