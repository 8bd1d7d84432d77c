"""Listening to the node: whether the API is on, which leases ended, and when it drains."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol

import grpc
import structlog

from gateway.node_link import NodeLink
from joygrpc.mesh import error_of
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc

log = structlog.get_logger("joygrpc.gateway")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class NodeNews(Protocol):
    """What a worker does about the node's news."""

    async def api_changed(self, *, enabled: bool) -> None:
        """The public API shall be served, or not; the news is acknowledged when this returns."""
        ...

    def leases_ended(self, revoked: pb.LeaseRevocation) -> None:
        """These leases may not be used for new requests."""
        ...

    def draining(self, grace: timedelta) -> None:
        """The node ends."""
        ...

    def connected(self) -> None:
        """The news are complete from here on."""
        ...

    def lost(self) -> None:
        """No news come at the moment; leases can no longer be revoked."""
        ...


class NodeWatch:
    """Holds `WatchNode` open, and opens it again when it breaks."""

    def __init__(self, link: NodeLink, worker_index: int, news: NodeNews) -> None:
        self._link = link
        self._edge = rpc.EdgeServiceStub(link.channel)
        self._worker_index = worker_index
        self._news = news
        self._told = False

    def __repr__(self) -> str:
        return f"<NodeWatch {self._link.target} worker={self._worker_index}>"

    async def run(self) -> None:
        """Watches until cancelled; returns only if the node has no such service, and is then taken to be on for ever."""
        pause_s = FIRST_PAUSE_S
        while True:
            self._told = False
            try:
                await self._watch_once()
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    log.info("the node sends no news to its gateway", target=self._link.target)
                    await self._news.api_changed(enabled=True)
                    return
                log.info("watch of the node broke", reason=error_of(error).reason)
            finally:
                self._news.lost()
            pause_s = FIRST_PAUSE_S if self._told else min(pause_s * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    async def _watch_once(self) -> None:
        call: Any = self._edge.WatchNode()
        try:
            await call.write(
                pb.WatchNodeRequest(hello=pb.WatchNodeHello(worker_index=self._worker_index, pid=os.getpid()))
            )
            while (response := await call.read()) is not grpc.aio.EOF:
                await self._apply(response)
                await call.write(pb.WatchNodeRequest(acknowledged=response.sequence))
        except asyncio.InvalidStateError:
            # It ended between a read and a write.
            with suppress(asyncio.InvalidStateError):
                await call.read()
        finally:
            call.cancel()

    async def _apply(self, response: pb.WatchNodeResponse) -> None:
        if not self._told:
            self._told = True
            self._news.connected()
        match response.WhichOneof("change"):
            case "api":
                await self._news.api_changed(enabled=response.api.enabled)
            case "revoked":
                self._news.leases_ended(response.revoked)
            case "drain":
                self._news.draining(response.drain.grace.ToTimedelta())
