"""`OperatorService` of the mesh: translates calls to the operator's service, and back."""

from typing import Any

import grpc

from joygrpc.distributor.operator import OperatorService
from joygrpc.mesh import Service
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc


class OperatorEndpoint(rpc.OperatorServiceServicer):
    """The service, for the admin address and the local socket."""

    def __init__(self, service: OperatorService) -> None:
        self._service = service

    async def StopApi(self, request: pb.StopApiRequest, context: Any) -> pb.StopApiResponse:
        """See `OperatorService.StopApi`."""
        await self._service.stop_api()
        return pb.StopApiResponse()

    async def StartApi(self, request: pb.StartApiRequest, context: Any) -> pb.StartApiResponse:
        """See `OperatorService.StartApi`."""
        await self._service.start_api()
        return pb.StartApiResponse()

    async def Shutdown(self, request: pb.ShutdownRequest, context: Any) -> pb.ShutdownResponse:
        """See `OperatorService.Shutdown`."""
        await self._service.shutdown()
        return pb.ShutdownResponse()

    async def SetWorker(self, request: pb.SetWorkerRequest, context: Any) -> pb.SetWorkerResponse:
        """See `OperatorService.SetWorker`."""
        await self._service.set_worker(request.worker_id)
        return pb.SetWorkerResponse()

    async def SetBuckets(self, request: pb.SetBucketsRequest, context: Any) -> pb.SetBucketsResponse:
        """See `OperatorService.SetBuckets`."""
        await self._service.set_buckets(request.bucket_ids)
        return pb.SetBucketsResponse()

    async def Reload(self, request: pb.ReloadRequest, context: Any) -> pb.ReloadResponse:
        """See `OperatorService.Reload`."""
        reloaded = await self._service.reload()
        return pb.ReloadResponse(applied=reloaded.applied, needs_restart=reloaded.needs_restart)


def operator_service(service: OperatorService) -> Service:
    """The service to offer on the admin address and the local socket."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_OperatorServiceServicer_to_server(OperatorEndpoint(service), server)

    return Service("joystream.operator.v1.OperatorService", add)
