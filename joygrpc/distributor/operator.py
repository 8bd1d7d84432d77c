"""What the operator may do to a running distributor node."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog

from joygrpc.distributor.assignment import AssignmentStore, parse_buckets
from joygrpc.distributor.errors import ApiAlreadyStarted, ApiAlreadyStopped, EdgeNotAcknowledged, NodeShuttingDown
from joygrpc.distributor.leases import LeaseBook
from joygrpc.mesh import EdgeHub

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload did: keys whose new value is in force, and keys whose new value needs a restart."""

    applied: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()


class OperatorService:
    """Turns the public API on and off, ends the node, changes what it serves.

    `shut_down` asks the process to end and returns at once. `reload` reads the configuration again and takes over
    what it can.
    """

    def __init__(
        self,
        hub: EdgeHub,
        assignments: AssignmentStore,
        leases: LeaseBook,
        *,
        shut_down: Callable[[], None],
        reload: Callable[[], Awaitable[Reloaded]],
    ) -> None:
        self._hub = hub
        self._assignments = assignments
        self._leases = leases
        self._shut_down = shut_down
        self._reload = reload
        self._ending = False
        self._one_at_a_time = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<OperatorService {self._hub!r} ending={self._ending}>"

    async def stop_api(self) -> None:
        """Have every gateway worker stop listening. Raises `ApiAlreadyStopped`, `NodeShuttingDown`, `EdgeNotAcknowledged`."""
        async with self._one_at_a_time:
            self._refuse_when_ending()
            if not self._hub.api_enabled:
                raise ApiAlreadyStopped
            await self._set_api(enabled=False)

    async def start_api(self) -> None:
        """Have every gateway worker listen again. Raises `ApiAlreadyStarted`, `NodeShuttingDown`, `EdgeNotAcknowledged`."""
        async with self._one_at_a_time:
            self._refuse_when_ending()
            if self._hub.api_enabled:
                raise ApiAlreadyStarted
            await self._set_api(enabled=True)

    async def shutdown(self) -> None:
        """Drain the node and end it. Raises `NodeShuttingDown` the second time."""
        self._refuse_when_ending()
        self._ending = True
        log.info("shutdown asked for by the operator")
        self._shut_down()

    async def set_worker(self, worker_id: int) -> None:
        """Replace the worker; in force for the next request, and after restarts."""
        async with self._one_at_a_time:
            await self._assignments.set_worker(worker_id)
            await self._after_change()

    async def set_buckets(self, buckets: Iterable[str]) -> None:
        """Replace the buckets, none for all of the worker; in force for the next request, and after restarts. Raises `BucketIdInvalid`."""
        parsed = parse_buckets(buckets)
        async with self._one_at_a_time:
            await self._assignments.set_buckets(parsed)
            await self._after_change()

    async def reload(self) -> Reloaded:
        """Read the configuration again and take over what can change while running."""
        async with self._one_at_a_time:
            before = self._assignments.current
            reloaded = await self._reload()
            if self._assignments.current != before:
                await self._after_change()
            return reloaded

    async def _set_api(self, *, enabled: bool) -> None:
        log.info("public API switched by the operator", enabled=enabled)
        if not await self._hub.set_api(enabled):
            raise EdgeNotAcknowledged

    async def _after_change(self) -> None:
        assignment = self._assignments.current
        log.info("assignment changed by the operator", worker_id=assignment.worker_id, buckets=assignment.buckets)
        # Gateways must ask again for every object: it may not be served any more.
        await self._leases.revoke_all()

    def _refuse_when_ending(self) -> None:
        if self._ending:
            raise NodeShuttingDown("Already shutting down")
