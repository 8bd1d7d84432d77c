"""What a cache would have done: replays requests against the cache policies, without files or network."""

from joygrpc.distributor.simulation.replay import POLICIES, Outcome, Setting, replay, simulate
from joygrpc.distributor.simulation.synthetic import Catalogue, synthetic_trace
from joygrpc.distributor.simulation.trace import Request, TraceInvalid, footprint, read_trace, write_trace

__all__ = [
    "POLICIES",
    "Catalogue",
    "Outcome",
    "Request",
    "Setting",
    "TraceInvalid",
    "footprint",
    "read_trace",
    "replay",
    "simulate",
    "synthetic_trace",
    "write_trace",
]
