"""`StorageService`: what the node offers on its mesh address, and to its gateway."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import grpc

from joygrpc.content import GROUP_SIZE, BagId, InvalidBagId
from joygrpc.mesh import MAX_DATA_BYTES, JoygrpcError, Service
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import LISTED_STATES
from joygrpc.storage.reading import ReadService, span_of
from joygrpc.storage.status import StatusService
from joygrpc.storage.tokens import TokenService
from joygrpc.storage.upload_streams import AcceptanceWait, lingering, receive, started, upload_request, within
from joygrpc.storage.uploads import UploadService

PAGE_IDS = 10_000
"""Most ids in one message of `ListObjects`."""


class BagIdInvalid(JoygrpcError):
    """The bag id cannot be read."""

    reason = "BAG_ID_INVALID"


class StorageEndpoint(rpc.StorageServiceServicer):
    """Translates between the wire and the node's services."""

    def __init__(
        self,
        *,
        reads: ReadService,
        index: ObjectIndex,
        uploads: UploadService,
        tokens: TokenService,
        status: StatusService,
        accepted: AcceptanceWait,
        upload_stall: timedelta,
        read_stall: timedelta,
    ) -> None:
        self._reads, self._index, self._uploads = reads, index, uploads
        self._tokens, self._status = tokens, status
        self._accepted = accepted
        self._upload_stall = upload_stall
        self._read_stall = read_stall

    async def GetObject(self, request: pb.GetObjectRequest, context: Any) -> pb.GetObjectResponse:
        """See `StorageService.GetObject`."""
        return pb.GetObjectResponse(object=(await self._reads.find(request.object_id)).to_wire())

    async def ReadObject(self, request: pb.ReadObjectRequest, context: Any) -> AsyncIterator[pb.ReadObjectResponse]:
        """See `StorageService.ReadObject`."""
        async with self._reads.open(request.object_id) as opened:
            span = span_of(request.offset, request.limit, opened.kept.size)
            yield pb.ReadObjectResponse(object=opened.kept.to_wire())
            async with contextlib.aclosing(opened.chunks(span)) as chunks:
                async for data in chunks:
                    with cut_off(self._read_stall):
                        yield pb.ReadObjectResponse(data=data)

    async def GetObjectTree(
        self, request: pb.GetObjectTreeRequest, context: Any
    ) -> AsyncIterator[pb.GetObjectTreeResponse]:
        """See `StorageService.GetObjectTree`."""
        kept, proof = await self._reads.prove(request.object_id, request.offset, request.limit)
        yield pb.GetObjectTreeResponse(
            header=content.TreeHeader(
                object_size=kept.size,
                multihash=kept.multihash,
                group_size=GROUP_SIZE,
                offset=proof.span.start,
                limit=proof.span.stop - proof.span.start,
                encoded_size=len(proof.nodes),
            )
        )
        for start in range(0, len(proof.nodes), MAX_DATA_BYTES):
            yield pb.GetObjectTreeResponse(data=proof.nodes[start : start + MAX_DATA_BYTES])

    async def WriteObject(
        self, request_iterator: AsyncIterator[pb.WriteObjectRequest], context: Any
    ) -> pb.WriteObjectResponse:
        """See `StorageService.WriteObject`."""
        requests = within(self._upload_stall, request_iterator)
        # Who calls from afar does not choose the address that limits and logs go by.
        request = upload_request(await started(requests), context.peer())
        async with lingering(requests), self._uploads.begin(request, keep_part=True) as upload:
            kept = await receive(upload, requests)
        await self._accepted(kept)
        return pb.WriteObjectResponse(object=kept.to_wire())

    async def QueryWrite(self, request: pb.QueryWriteRequest, context: Any) -> pb.QueryWriteResponse:
        """See `StorageService.QueryWrite`."""
        status = await self._uploads.query(request.object_id)
        return pb.QueryWriteResponse(committed_size=status.committed_size, complete=status.complete)

    async def CreateUploadToken(
        self, request: pb.CreateUploadTokenRequest, context: Any
    ) -> pb.CreateUploadTokenResponse:
        """See `StorageService.CreateUploadToken`."""
        return pb.CreateUploadTokenResponse(token=await self._tokens.create(request.signed_data, request.signature))

    async def ListObjects(self, request: pb.ListObjectsRequest, context: Any) -> AsyncIterator[pb.ListObjectsResponse]:
        """See `StorageService.ListObjects`."""
        bag = _bag_text(request.bag_id)
        after = request.after_id if request.HasField("after_id") else -1
        while page := await self._index.ids(LISTED_STATES, bag=bag, after=after, limit=PAGE_IDS):
            yield pb.ListObjectsResponse(object_ids=page)
            after = page[-1]

    async def GetDataStats(self, request: pb.GetDataStatsRequest, context: Any) -> pb.GetDataStatsResponse:
        """See `StorageService.GetDataStats`."""
        return await self._status.data_stats()

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        """See `StorageService.GetStatus`."""
        return await self._status.status()


@contextlib.contextmanager
def cut_off(stall: timedelta) -> Iterator[None]:
    """Ends the call when what is yielded in the block is not taken within `stall`: a reader who stops holds a file and buffers."""
    task = asyncio.current_task()
    assert task is not None
    alarm = asyncio.get_running_loop().call_later(stall.total_seconds(), task.cancel)
    try:
        yield
    finally:
        alarm.cancel()


def _bag_text(text: str) -> str | None:
    if not text:
        return None
    try:
        return str(BagId.parse(text))
    except InvalidBagId as error:
        raise BagIdInvalid(str(error)) from None


def storage_service(endpoint: StorageEndpoint) -> Service:
    """The service to offer on the mesh address and the local socket."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_StorageServiceServicer_to_server(endpoint, server)

    return Service("joystream.storage.v1.StorageService", add)
