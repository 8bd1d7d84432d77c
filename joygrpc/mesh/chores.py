"""`ChoreService`: a node's chores, for its operator."""

from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from joygrpc.chores import Chore, ChoreNotFound, ChoreRegistry, ChoreStopped
from joygrpc.mesh.errors import JoygrpcError
from joygrpc.mesh.server import Service
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc


class NoSuchChore(JoygrpcError):
    """No chore has this name."""

    reason = "CHORE_NOT_FOUND"


class NodeEnding(JoygrpcError):
    """The node is ending, and its chores run no more."""

    reason = "NODE_SHUTTING_DOWN"


def chore_message(chore: Chore) -> pb.Chore:
    """What is told of a chore."""
    interval = Duration()
    interval.FromTimedelta(chore.every)
    message = pb.Chore(
        name=chore.name,
        interval=interval,
        paused=chore.paused,
        running=chore.running,
        last_error=chore.last_error,
        runs=chore.runs,
    )
    if chore.last_run_at is not None:
        last_run_at = Timestamp()
        last_run_at.FromDatetime(chore.last_run_at)
        message.last_run_at.CopyFrom(last_run_at)
    return message


class ChoreEndpoint(rpc.ChoreServiceServicer):
    """`ChoreService` over a registry."""

    def __init__(self, registry: ChoreRegistry) -> None:
        self._registry = registry

    async def ListChores(self, request: pb.ListChoresRequest, context: Any) -> pb.ListChoresResponse:
        """See `ChoreService.ListChores`."""
        return pb.ListChoresResponse(chores=[chore_message(chore) for chore in self._registry])

    async def TriggerChore(self, request: pb.TriggerChoreRequest, context: Any) -> pb.TriggerChoreResponse:
        """See `ChoreService.TriggerChore`. A run that fails is an answer too: the chore's `last_error` tells."""
        chore = self._chore(request.name)
        try:
            await chore.trigger_and_wait()
        except ChoreStopped:
            raise NodeEnding from None
        except Exception:
            return pb.TriggerChoreResponse(chore=chore_message(chore))
        return pb.TriggerChoreResponse(chore=chore_message(chore))

    async def PauseChore(self, request: pb.PauseChoreRequest, context: Any) -> pb.PauseChoreResponse:
        """See `ChoreService.PauseChore`."""
        self._chore(request.name).pause()
        return pb.PauseChoreResponse()

    async def ResumeChore(self, request: pb.ResumeChoreRequest, context: Any) -> pb.ResumeChoreResponse:
        """See `ChoreService.ResumeChore`."""
        self._chore(request.name).resume()
        return pb.ResumeChoreResponse()

    def _chore(self, name: str) -> Chore:
        try:
            return self._registry.get(name)
        except ChoreNotFound:
            raise NoSuchChore(f"No chore is named {name}") from None


def chore_service(registry: ChoreRegistry) -> Service:
    """The service to offer on the admin address and the local socket."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_ChoreServiceServicer_to_server(ChoreEndpoint(registry), server)

    return Service("joystream.operator.v1.ChoreService", add)
