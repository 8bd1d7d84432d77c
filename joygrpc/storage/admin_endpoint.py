"""`StorageAdminService`: what the node's operator may ask of it, on the admin address and the local socket."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import structlog

from joygrpc.mesh import JoygrpcError, Service
from joygrpc.pb.joystream.storage.v1 import admin_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as rpc
from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as maintenance
from joygrpc.storage.maintenance import OUTCOMES, REASONS, Maintenance, item_message, report_message, timestamp
from joygrpc.storage.quarantine_index import QuarantinedObject

log = structlog.get_logger(__name__)

PAGE_ITEMS = 1000
"""Most objects in one message of a listing."""

_REASON_OF = {number: reason for reason, number in REASONS.items()}


class NodeEnding(JoygrpcError):
    """The node is ending already."""

    reason = "NODE_SHUTTING_DOWN"


class ReasonInvalid(JoygrpcError):
    """The reason is not one that this node knows."""

    reason = "REQUEST_INVALID"


class StorageAdminEndpoint(rpc.StorageAdminServiceServicer):
    """Translates between the wire and the node's housekeeping. `shut_down` asks the process to drain and end, and returns at once."""

    def __init__(self, parts: Maintenance, *, scrub_asked: Callable[[], None], shut_down: Callable[[], None]) -> None:
        self._parts = parts
        self._scrub_asked = scrub_asked
        self._shut_down = shut_down
        self._ending = False

    async def ListQuarantine(
        self, request: pb.ListQuarantineRequest, context: Any
    ) -> AsyncIterator[pb.ListQuarantineResponse]:
        """See `StorageAdminService.ListQuarantine`."""
        try:
            reasons = [_REASON_OF[reason] for reason in request.reasons]
        except KeyError:
            raise ReasonInvalid from None
        quarantine = self._parts.quarantine
        after = request.after_id if request.HasField("after_id") else -1
        while page := await quarantine.records.page(after=after, limit=PAGE_ITEMS, reasons=reasons):
            yield pb.ListQuarantineResponse(objects=[self._quarantined(held) for held in page])
            after = page[-1].object_id

    async def RestoreQuarantine(
        self, request: pb.RestoreQuarantineRequest, context: Any
    ) -> AsyncIterator[pb.RestoreQuarantineResponse]:
        """See `StorageAdminService.RestoreQuarantine`."""
        for object_id in request.object_ids:
            response = pb.RestoreQuarantineResponse(object_id=object_id)
            try:
                await self._parts.quarantine.restore(object_id)
            except JoygrpcError as error:
                response.refusal, response.message = error.reason, error.message
            yield response

    async def PurgeQuarantine(
        self, request: pb.PurgeQuarantineRequest, context: Any
    ) -> AsyncIterator[pb.PurgeQuarantineResponse]:
        """See `StorageAdminService.PurgeQuarantine`."""
        for object_id in request.object_ids:
            yield await self._purge(object_id)
        after = -1
        while request.everything and (page := await self._parts.quarantine.records.page(after=after)):
            after = page[-1].object_id
            for held in page:
                yield await self._purge(held.object_id)

    async def PlanCleanup(self, request: pb.PlanCleanupRequest, context: Any) -> AsyncIterator[pb.PlanCleanupResponse]:
        """See `StorageAdminService.PlanCleanup`."""
        async with contextlib.aclosing(self._parts.cleanup.plan()) as parts:
            async for items in parts:
                yield pb.PlanCleanupResponse(items=[item_message(item) for item in items])

    async def RunCleanup(self, request: pb.RunCleanupRequest, context: Any) -> pb.RunCleanupResponse:
        """See `StorageAdminService.RunCleanup`."""
        return pb.RunCleanupResponse(report=report_message(await self._parts.cleanup.run_once()))

    async def Scrub(self, request: pb.ScrubRequest, context: Any) -> pb.ScrubResponse:
        """See `StorageAdminService.Scrub`."""
        outcome = maintenance.SCRUB_OUTCOME_UNSPECIFIED
        if request.HasField("object_id"):
            outcome = OUTCOMES[await self._parts.scrub.check(request.object_id)]
        else:
            await self._parts.scrub.make_all_due()
            self._scrub_asked()
        return pb.ScrubResponse(outcome=outcome, progress=self._parts.scrub_progress)

    async def Drain(self, request: pb.DrainRequest, context: Any) -> pb.DrainResponse:
        """See `StorageAdminService.Drain`."""
        if self._ending:
            raise NodeEnding
        self._ending = True
        log.info("drain asked for by the operator")
        self._shut_down()
        return pb.DrainResponse()

    async def _purge(self, object_id: int) -> pb.PurgeQuarantineResponse:
        response = pb.PurgeQuarantineResponse(object_id=object_id)
        try:
            response.size = await self._parts.quarantine.purge(object_id)
        except JoygrpcError as error:
            response.refusal, response.message = error.reason, error.message
        return response

    def _quarantined(self, held: QuarantinedObject) -> pb.QuarantinedObject:
        return pb.QuarantinedObject(
            object_id=held.object_id,
            size=held.size,
            multihash=held.multihash,
            bag_id=held.bag,
            reason=REASONS[held.reason],
            since=timestamp(held.since),
            purge_after=timestamp(held.since + self._parts.quarantine.retention),
        )


def storage_admin_service(endpoint: StorageAdminEndpoint) -> Service:
    """The service to offer on the admin address and the local socket."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_StorageAdminServiceServicer_to_server(endpoint, server)

    return Service("joystream.storage.v1.StorageAdminService", add)
