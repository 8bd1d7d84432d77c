"""Metrics that add up over the processes of a program.

A program's processes write to files in one directory (`joygrpc.telemetry.metrics_directory`), and whichever is asked for `/metrics` reads them all; without
that directory (a single process, a test) the numbers are the process's own. Counters and histograms need nothing special; a gauge must say how its values are joined,
hence `gauge`. All names begin with `joygrpc_`.
"""

import os
import platform
from collections.abc import Sequence
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from joygrpc.telemetry.metrics_directory import MULTIPROCESS_VARIABLE
from joygrpc.version import __version__

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""Content type of `exposition`."""

PREFIX = "joygrpc_"

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds for durations of requests, in seconds."""

Join = Literal["sum", "max", "latest"]
_LIVE_MODES: dict[Join, Literal["livesum", "livemax", "livemostrecent"]] = {
    "sum": "livesum",
    "max": "livemax",
    "latest": "livemostrecent",
}


def _checked(name: str) -> str:
    if not name.startswith(PREFIX):
        raise ValueError(f"the name of a metric begins with {PREFIX}: {name}")
    return name


def counter(name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
    """A number that only grows, added up over processes, dead ones included."""
    return Counter(_checked(name), documentation, labels)


def gauge(name: str, documentation: str, labels: Sequence[str] = (), *, join: Join = "sum") -> Gauge:
    """A number that goes up and down; `join` says what several living processes' values make together."""
    return Gauge(_checked(name), documentation, labels, multiprocess_mode=_LIVE_MODES[join])


def histogram(
    name: str, documentation: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS_BUCKETS
) -> Histogram:
    """Counts of observations by size, added up over processes, dead ones included."""
    return Histogram(_checked(name), documentation, labels, buckets=tuple(buckets))


def exposition() -> bytes:
    """All metrics of the program in Prometheus' text format; it reads files, so call it off the event loop where many processes are."""
    if not os.environ.get(MULTIPROCESS_VARIABLE):
        return generate_latest(REGISTRY)
    joined = CollectorRegistry()
    # The library ships no types for this constructor.
    MultiProcessCollector(joined)  # type: ignore[no-untyped-call]
    return generate_latest(joined)


_BUILD = gauge("joygrpc_build_info", "1, labelled with what runs.", ["version", "python"], join="max")
_BUILD.labels(__version__, platform.python_version()).set(1)
