"""What a process says of itself: memory, descriptors, processor time, and how late its event loop is."""

import asyncio
import os
import resource
import threading
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from joygrpc.telemetry.metrics import gauge

_RESIDENT = gauge("joygrpc_process_resident_bytes", "Resident memory of a process.", ["process"], join="latest")
_DESCRIPTORS = gauge("joygrpc_process_open_fds", "Open file descriptors of a process.", ["process"], join="latest")
_DESCRIPTOR_LIMIT = gauge(
    "joygrpc_process_max_fds", "File descriptors that a process may open.", ["process"], join="latest"
)
_CPU = gauge("joygrpc_process_cpu_seconds", "Processor time of a process since its start.", ["process"], join="latest")
_THREADS = gauge("joygrpc_process_threads", "Python threads of a process.", ["process"], join="latest")
_LAG = gauge(
    "joygrpc_event_loop_lag_seconds",
    "How late the event loop of a process ran a timer, last time.",
    ["process"],
    join="latest",
)

_PAGE_BYTES = resource.getpagesize()


def resident_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def sample(process: str) -> None:
    """Writes this process's numbers once, under the name `process`."""
    times = os.times()
    _RESIDENT.labels(process).set(resident_bytes())
    _DESCRIPTORS.labels(process).set(sum(1 for _ in Path("/proc/self/fd").iterdir()))
    _DESCRIPTOR_LIMIT.labels(process).set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    _CPU.labels(process).set(times.user + times.system)
    _THREADS.labels(process).set(threading.active_count())


async def watch_process(process: str, every: timedelta = timedelta(seconds=2)) -> NoReturn:
    """Keeps this process's numbers and its loop's lag up to date until it is cancelled; start it inside a task group."""
    loop = asyncio.get_running_loop()
    pause = every.total_seconds()
    while True:
        sample(process)
        due = loop.time() + pause
        await asyncio.sleep(pause)
        _LAG.labels(process).set(max(0.0, loop.time() - due))
