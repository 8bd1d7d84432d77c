"""What a node tells its gateway workers: the state of the public API, revoked leases, drain; with acknowledgement."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration

from joygrpc.mesh.server import Service
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc

log = structlog.get_logger(__name__)

BACKLOG = 1024
"""Changes that one slow worker may have waiting; past it the worker is cut off, and starts afresh with the whole state."""


class _Watcher:
    def __init__(self, worker_index: int) -> None:
        self.worker_index = worker_index
        self.queue: asyncio.Queue[pb.WatchNodeResponse] = asyncio.Queue(BACKLOG)
        self.acknowledged = 0
        self.gone = asyncio.Event()


class EdgeHub:
    """The node's side of `EdgeService`: keeps the API's state and tells every connected worker of each change."""

    def __init__(self, *, api_enabled: bool = True) -> None:
        self.api_enabled = api_enabled
        self._sequence = 0
        self._watchers: set[_Watcher] = set()
        self._changed = asyncio.Condition()

    def __repr__(self) -> str:
        return f"<EdgeHub api={'on' if self.api_enabled else 'off'} workers={len(self._watchers)} sequence={self._sequence}>"

    @property
    def worker_count(self) -> int:
        """Gateway workers that watch now."""
        return len(self._watchers)

    async def set_api(self, enabled: bool, timeout: timedelta = timedelta(seconds=10)) -> bool:
        """Turn the public API on or off; True once every connected worker has acknowledged, False when one did not in time."""
        self.api_enabled = enabled
        return await self._publish_and_wait(pb.WatchNodeResponse(api=pb.ApiState(enabled=enabled)), timeout)

    async def revoke(
        self, lease_ids: Iterable[str] = (), object_ids: Iterable[int] = (), *, everything: bool = False
    ) -> None:
        """End leases; workers stop using them for new requests."""
        self._publish(
            pb.WatchNodeResponse(revoked=pb.LeaseRevocation(lease_ids=lease_ids, object_ids=object_ids, all=everything))
        )

    async def drain(self, grace: timedelta) -> None:
        """Tell the workers that the node is ending."""
        duration = Duration()
        duration.FromTimedelta(grace)
        self._publish(pb.WatchNodeResponse(drain=pb.Drain(grace=duration)))

    def _publish(self, change: pb.WatchNodeResponse) -> int:
        self._sequence += 1
        change.sequence = self._sequence
        for watcher in list(self._watchers):
            try:
                watcher.queue.put_nowait(change)
            except asyncio.QueueFull:
                log.warning("gateway worker does not read its news", worker=watcher.worker_index)
                self._watchers.discard(watcher)
                watcher.gone.set()
        return self._sequence

    async def _publish_and_wait(self, change: pb.WatchNodeResponse, timeout: timedelta) -> bool:
        sequence = self._publish(change)
        try:
            async with asyncio.timeout(timeout.total_seconds()), self._changed:
                await self._changed.wait_for(lambda: all(w.acknowledged >= sequence for w in self._watchers))
        except TimeoutError:
            return False
        return True

    async def watch(self, requests: AsyncIterator[pb.WatchNodeRequest]) -> AsyncIterator[pb.WatchNodeResponse]:
        """Serve one worker until it goes away."""
        hello = await anext(aiter(requests), None)
        watcher = _Watcher(hello.hello.worker_index if hello is not None else 0)
        self._watchers.add(watcher)
        # The number in force now, so that waiting for an earlier change does not wait for a worker that begins with its result.
        watcher.acknowledged = self._sequence
        reader = asyncio.create_task(self._read_acknowledgements(watcher, requests), name="edge-acknowledgements")
        try:
            yield pb.WatchNodeResponse(sequence=self._sequence, api=pb.ApiState(enabled=self.api_enabled))
            while True:
                getter = asyncio.ensure_future(watcher.queue.get())
                gone = asyncio.ensure_future(watcher.gone.wait())
                try:
                    await asyncio.wait((getter, gone), return_when=asyncio.FIRST_COMPLETED)
                    if not getter.done():
                        return
                    yield getter.result()
                finally:
                    getter.cancel()
                    gone.cancel()
        finally:
            reader.cancel()
            self._watchers.discard(watcher)
            async with self._changed:
                self._changed.notify_all()

    async def _read_acknowledgements(self, watcher: _Watcher, requests: AsyncIterator[pb.WatchNodeRequest]) -> None:
        try:
            async for request in requests:
                async with self._changed:
                    watcher.acknowledged = max(watcher.acknowledged, request.acknowledged)
                    self._changed.notify_all()
        finally:
            watcher.gone.set()


class EdgeEndpoint(rpc.EdgeServiceServicer):
    """`EdgeService` over a hub."""

    def __init__(self, hub: EdgeHub) -> None:
        self._hub = hub

    async def WatchNode(
        self,
        request_iterator: AsyncIterator[pb.WatchNodeRequest],
        context: Any,
    ) -> AsyncIterator[pb.WatchNodeResponse]:
        """See `EdgeService.WatchNode`."""
        del context
        async for response in self._hub.watch(request_iterator):
            yield response


def edge_service(hub: EdgeHub) -> Service:
    """The service to offer on the local socket."""

    def add(server: grpc.aio.Server) -> None:
        rpc.add_EdgeServiceServicer_to_server(EdgeEndpoint(hub), server)

    return Service("joystream.operator.v1.EdgeService", add)
