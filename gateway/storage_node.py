"""The storage node as the gateway sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager

from gateway.facts import ObjectFacts
from gateway.leases import LeaseTable, OpenLease
from gateway.node_link import ByteStream, NodeLink
from gateway.ranges import ByteRange
from gateway.remembered import Remembered
from joygrpc.mesh import MeshError
from joygrpc.pb.joystream.content.v1.content_pb2 import AccessCount
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc


class StorageNode:
    """Calls to one storage node. All raise `MeshError`."""

    def __init__(self, link: NodeLink, leases: LeaseTable) -> None:
        self.link = link
        self._leases = leases
        self._node = rpc.StorageServiceStub(link.channel)
        self._edge = rpc.StorageEdgeServiceStub(link.channel)
        self._status = Remembered(self._ask_status)

    def __repr__(self) -> str:
        return f"<StorageNode {self.link.target} {self._leases!r}>"

    async def open(self, object_id: int, *, want_lease: bool) -> tuple[ObjectFacts, OpenLease | None]:
        """Facts about an object, and a lease of its file if the node gives one and it is wanted. Hold the lease before the next await."""
        if not self.link.local:
            found = await self.link.call(self._node.GetObject, pb.GetObjectRequest(object_id=object_id))
            return ObjectFacts.of(found.object), None
        want = want_lease and self._leases.enabled
        asked_at = self._leases.revocations
        opened = await self.link.call(self._edge.OpenObject, pb.OpenObjectRequest(object_id=object_id, want_lease=want))
        facts = ObjectFacts.of(opened.object)
        granted = want and opened.HasField("lease")
        return facts, self._leases.admit(facts, opened.lease, asked_at) if granted else None

    def read(self, object_id: int, part: ByteRange) -> AbstractAsyncContextManager[ByteStream[ObjectFacts]]:
        """The bytes of a range."""

        def request(part: ByteRange) -> pb.ReadObjectRequest:
            return pb.ReadObjectRequest(object_id=object_id, offset=part.first, limit=part.length)

        return self.link.bytes_of(self._node.ReadObject, request, _split, part)

    async def report(self, counts: Sequence[AccessCount]) -> None:
        """Hands over what was served from leases."""
        await self.link.call(self._edge.ReportAccess, pb.ReportAccessRequest(counts=counts))

    def list_objects(self, bag_id: str = "") -> AsyncGenerator[pb.ListObjectsResponse, None]:
        """Pages of object ids, ascending; of one bag or all. Close it (`aclosing`)."""
        return self.link.stream(self._node.ListObjects, pb.ListObjectsRequest(bag_id=bag_id))

    async def data_stats(self) -> pb.GetDataStatsResponse:
        """Counters of objects and bytes."""
        return await self.link.call(self._node.GetDataStats, pb.GetDataStatsRequest())

    async def status(self) -> pb.GetStatusResponse:
        """What the node is and does; at most a second old."""
        return await self._status.get()

    async def max_object_size(self) -> int | None:
        """Most bytes that an upload may have; None when the node does not tell."""
        try:
            return (await self.status()).max_object_size or None
        except MeshError:
            return None

    async def create_token(self, signed_data: str, signature: str) -> str:
        """A token for one upload."""
        request = pb.CreateUploadTokenRequest(signed_data=signed_data, signature=signature)
        return (await self.link.call(self._node.CreateUploadToken, request)).token

    async def _ask_status(self) -> pb.GetStatusResponse:
        return await self.link.call(self._node.GetStatus, pb.GetStatusRequest())


def _split(response: pb.ReadObjectResponse) -> tuple[ObjectFacts | None, bytes]:
    if response.HasField("object"):
        return ObjectFacts.of(response.object), b""
    return None, response.data
