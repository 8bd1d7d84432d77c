"""Where the processes of one program put their metrics, so that they add up. Imports no metrics library: the supervisor uses it."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The metrics library reads it once, when it is imported; so it stands in the environment before a child starts."""


_PREFIX = "joygrpc-metrics-"
_LOCK = "lock"
_FRESH_S = 60.0


def _parent() -> Path:
    # Memory-mapped files on a full disk kill whoever writes to them (SIGBUS), and a storage node's disk may be full.
    shared_memory = Path("/dev/shm")  # noqa: S108 - the directory in it has a random name and is private
    return shared_memory if os.access(shared_memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


@contextlib.contextmanager
def metrics_directory(parent: Path | None = None) -> Iterator[Path]:
    """A fresh directory for the metrics of a program and its children, named in the environment, removed at the end.

    It lies in memory where the system has that. What killed programs left there is removed too. Counters and histograms of processes that died go on
    counting; see `forget_process` for gauges.
    """
    parent = parent or _parent()
    _remove_abandoned(parent)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = os.environ.get(MULTIPROCESS_VARIABLE)
    os.environ[MULTIPROCESS_VARIABLE] = str(directory)
    try:
        yield directory
    finally:
        if before is None:
            os.environ.pop(MULTIPROCESS_VARIABLE, None)
        else:
            os.environ[MULTIPROCESS_VARIABLE] = before
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for directory in parent.glob(f"{_PREFIX}*"):
        try:
            if time.time() - directory.stat().st_mtime < _FRESH_S:
                # It may not have its lock yet.
                continue
            lock = os.open(directory / _LOCK, os.O_RDWR)
        except OSError:
            # Another user's, or removed by its owner just now.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)


def forget_process(directory: Path, pid: int) -> None:
    """Drops the gauges of a process that ended; what it counted stays."""
    for path in directory.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)
