"""`StorageEdgeService`: what the node offers to its own gateway, on the local socket alone."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from joygrpc.mesh import Service
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.metrics import LEASED_BYTES, LEASED_USES
from joygrpc.storage.reading import ReadService
from joygrpc.storage.store import FileLocation
from joygrpc.storage.upload_streams import AcceptanceWait, lingering, receive, started, upload_request, within
from joygrpc.storage.uploads import UploadService


class StorageEdgeEndpoint(rpc.StorageEdgeServiceServicer):
    """Leases for reading, and uploads of the gateway's clients. `lease_time` is how long a lease may be used."""

    def __init__(
        self,
        *,
        reads: ReadService,
        uploads: UploadService,
        accepted: AcceptanceWait,
        upload_stall: timedelta,
        lease_time: timedelta,
        bandwidth: Bandwidth,
    ) -> None:
        self._reads, self._uploads = reads, uploads
        self._accepted = accepted
        self._upload_stall = upload_stall
        self._lease_time = lease_time
        self._bandwidth = bandwidth

    async def OpenObject(self, request: pb.OpenObjectRequest, context: Any) -> pb.OpenObjectResponse:
        """See `StorageEdgeService.OpenObject`."""
        kept = await (self._reads.find_verified if request.want_lease else self._reads.find)(request.object_id)
        # Looked at for HEAD too: its answer is a peer's proof that the object is here.
        location = await self._reads.locate(kept)
        response = pb.OpenObjectResponse(object=kept.to_wire())
        if request.want_lease and location is not None:
            response.lease.CopyFrom(self._lease(location))
        return response

    async def ReportAccess(self, request: pb.ReportAccessRequest, context: Any) -> pb.ReportAccessResponse:
        """See `StorageEdgeService.ReportAccess`."""
        LEASED_USES.inc(sum(count.uses for count in request.counts))
        size = sum(count.bytes for count in request.counts)
        LEASED_BYTES.inc(size)
        self._bandwidth.used(size)
        return pb.ReportAccessResponse()

    async def BeginUpload(
        self, request_iterator: AsyncIterator[pb.BeginUploadRequest], context: Any
    ) -> AsyncIterator[pb.BeginUploadResponse]:
        """See `StorageEdgeService.BeginUpload`."""
        async with contextlib.aclosing(within(self._upload_stall, request_iterator)) as requests:
            start = await started(requests)
            async with self._uploads.begin(upload_request(start, start.client_address)) as upload:
                expected = upload.expected
                yield pb.BeginUploadResponse(
                    accepted=pb.UploadAccepted(
                        expected_size=expected.size, multihash=expected.multihash, offset=upload.offset
                    )
                )
                # Before the consent the gateway sends nothing that could be cut off.
                async with lingering(requests):
                    kept = await receive(upload, requests)
        await self._accepted(kept)
        yield pb.BeginUploadResponse(committed=pb.UploadCommitted(object=kept.to_wire()))

    def _lease(self, location: FileLocation) -> content.Lease:
        valid_for = Duration()
        valid_for.FromTimedelta(self._lease_time)
        return content.Lease(
            lease_id=secrets.token_hex(8),
            path=location.path,
            device=location.device,
            inode=location.inode,
            valid_for=valid_for,
        )


def storage_edge_service(endpoint: StorageEdgeEndpoint) -> Service:
    """The service to offer on the local socket."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_StorageEdgeServiceServicer_to_server(endpoint, server)

    return Service("joystream.storage.v1.StorageEdgeService", add)
