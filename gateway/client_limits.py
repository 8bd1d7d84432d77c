"""What one client, and all together, may take of a worker: connections, requests at a time, requests a second, bytes a second."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from gateway.client_address import Client
from gateway.errors import RequestRefused
from gateway.rates import Pace, Rate
from joygrpc.config.gateway import GatewayLimits

CLIENT_BUSY: Final = "CLIENT_BUSY"
CLIENT_TOO_FAST: Final = "CLIENT_TOO_FAST"
EDGE_FULL: Final = "EDGE_FULL"


@dataclass(slots=True)
class _Use:
    """What a client uses now, and its rates of requests and bytes; None where there is no bound."""

    rate: Rate | None
    pace: Rate | None
    connections: int = 0
    running: int = 0

    @property
    def idle(self) -> bool:
        return self.connections == 0 and self.running == 0


class ClientLimits:
    """Counts what clients use. The table is bounded: by connections and requests that are there, and `client_table` clients that were.

    A client that was forgotten starts afresh.
    """

    def __init__(self, limits: GatewayLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._busy: dict[str, _Use] = {}
        self._idle: OrderedDict[str, _Use] = OrderedDict()
        self._running = 0
        self._rate = self._request_rate(limits.max_requests_per_s, limits.max_requests_per_s)
        self._pace = self._byte_rate(limits.max_bytes_per_s)

    def __repr__(self) -> str:
        return f"<ClientLimits {len(self._busy)} busy, {len(self._idle)} idle, {self._running} requests>"

    def __len__(self) -> int:
        return len(self._busy) + len(self._idle)

    def connect(self, client: Client) -> bool:
        """Notes a connection, to be let go by `disconnect`; False when the client has too many."""
        use = self._take(client.key)
        use.connections += 1
        limit = self._limits.max_connections_per_client
        return client.unlimited or not limit or use.connections <= limit

    def disconnect(self, client: Client) -> None:
        """Notes the end of a connection."""
        use = self._take(client.key)
        use.connections -= 1
        self._release(client.key, use)

    @contextmanager
    def request(self, client: Client) -> Iterator[Pace | None]:
        """Counts a request for the length of the block; gives the pace of its bytes, None for as fast as they go.

        Raises `RequestRefused` with CLIENT_BUSY or CLIENT_TOO_FAST when the client has enough, EDGE_FULL when all together have.
        """
        if self._limits.max_requests and self._running >= self._limits.max_requests:
            raise RequestRefused(EDGE_FULL, "Too many requests at the moment")
        use = self._take(client.key)
        try:
            if not client.unlimited:
                self._check(use)
            if self._rate is not None and (wait_s := self._rate.take()):
                raise _too_fast(EDGE_FULL, "Too many requests at the moment", wait_s)
            use.running += 1
            self._running += 1
            try:
                yield self._pace_of(client, use)
            finally:
                use.running -= 1
                self._running -= 1
        finally:
            self._release(client.key, use)

    def _check(self, use: _Use) -> None:
        limit = self._limits.max_requests_per_client
        if limit and use.running >= limit:
            raise RequestRefused(CLIENT_BUSY, "Too many requests at a time")
        if use.rate is not None and (wait_s := use.rate.take()):
            raise _too_fast(CLIENT_TOO_FAST, "Too many requests in a short time", wait_s)

    def _pace_of(self, client: Client, use: _Use) -> Pace | None:
        rates = [rate for rate in (self._pace, None if client.unlimited else use.pace) if rate is not None]
        return Pace(rates) if rates else None

    def _take(self, key: str) -> _Use:
        use = self._busy.get(key)
        if use is None:
            use = self._idle.pop(key, None) or self._new_use()
            self._busy[key] = use
        return use

    def _release(self, key: str, use: _Use) -> None:
        if not use.idle:
            return
        del self._busy[key]
        self._idle[key] = use
        while len(self._idle) > self._limits.client_table:
            self._idle.popitem(last=False)

    def _new_use(self) -> _Use:
        limits = self._limits
        return _Use(
            self._request_rate(limits.max_requests_per_s_per_client, limits.request_burst_per_client),
            self._byte_rate(limits.max_bytes_per_s_per_client),
        )

    def _request_rate(self, per_s: float, burst: float) -> Rate | None:
        return Rate(per_s, max(1.0, burst), self._clock) if per_s else None

    def _byte_rate(self, per_s: float) -> Rate | None:
        return Rate(per_s, per_s, self._clock) if per_s else None


def _too_fast(reason: str, message: str, wait_s: float) -> RequestRefused:
    return RequestRefused(reason, message, headers={"Retry-After": str(max(1, math.ceil(wait_s)))})
