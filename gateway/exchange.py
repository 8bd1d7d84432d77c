"""What is known of the request that this task answers, for logs and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from gateway.client_address import NOBODY, Client
from gateway.rates import Pace

UNMATCHED = "unmatched"


@dataclass(slots=True)
class Exchange:
    """One request and its answer so far. `route` is the operation's name, `reason` the token of a refusal, `prepared` whether headers went out.

    `continued` says that a client which waits for `100 Continue` was told to go on, `client` is whoever asks, `pace` how fast bytes may flow.
    `refusal_headers` go with a refusal.
    """

    route: str = UNMATCHED
    failure_type: str = ""
    reason: str = ""
    prepared: bool = False
    continued: bool = False
    client: Client = NOBODY
    pace: Pace | None = None
    refusal_headers: Mapping[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)


_current: ContextVar[Exchange] = ContextVar("joygrpc_gateway_exchange")


def begin_exchange() -> Exchange:
    """A new exchange, which becomes this task's."""
    exchange = Exchange()
    _current.set(exchange)
    return exchange


def current_exchange() -> Exchange:
    """This task's exchange; a blank one outside a request."""
    return _current.get(None) or Exchange()
