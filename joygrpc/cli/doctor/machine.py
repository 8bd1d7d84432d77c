"""Checks of this machine."""

import asyncio
import os
import platform
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from joygrpc.cli.doctor.check import Finding, Status
from joygrpc.content import implementation

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class PythonVersion:
    """The interpreter is one that is supported."""

    name: str = "Python"
    least: tuple[int, int] = (3, 11)

    async def run(self) -> Finding:
        """Looks at the running interpreter."""
        shown = f"{platform.python_implementation()} {platform.python_version()}"
        if sys.version_info[:2] < self.least:
            return Finding(Status.FAILURE, shown, f"install Python {self.least[0]}.{self.least[1]} or newer")
        return Finding(Status.OK, shown)


@dataclass(frozen=True, slots=True)
class ProcessHandles:
    """The kernel can tell of the end of a process, which the supervisor needs."""

    name: str = "kernel"

    async def run(self) -> Finding:
        """Opens a handle on this process."""
        shown = f"{platform.system()} {platform.release()}"
        try:
            os.close(os.pidfd_open(os.getpid()))
        except (AttributeError, OSError):
            return Finding(Status.FAILURE, f"{shown}: no pidfd_open", "use Linux 5.3 or newer")
        return Finding(Status.OK, shown)


@dataclass(frozen=True, slots=True)
class TreeImplementation:
    """Trees are computed by the compiled extension."""

    name: str = "BLAKE3 tree"

    async def run(self) -> Finding:
        """Asks which implementation is in use."""
        found = implementation()
        if found == "c":
            return Finding(Status.OK, "compiled extension")
        return Finding(
            Status.WARNING, f"{found}: ten times slower", "install a C compiler and reinstall, to build the extension"
        )


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """A process may open enough files and connections."""

    name: str = "open files"
    least: int = 4096

    async def run(self) -> Finding:
        """Looks at the limits of this process."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        shown = f"{soft} (hard limit {hard})"
        if soft < self.least:
            return Finding(Status.WARNING, shown, f"raise it to {self.least}: ulimit -n, or LimitNOFILE of the service")
        return Finding(Status.OK, shown)


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """A data directory can be written to and has room."""

    path: Path
    least_bytes: int = 5 * _GIB

    @property
    def name(self) -> str:
        """Names the directory."""
        return f"disk of {self.path}"

    async def run(self) -> Finding:
        """Looks at the directory, or the nearest one above it that exists."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Finding:
        place = self.path.absolute()
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            return Finding(Status.FAILURE, f"{place} is not a directory")
        if not os.access(place, os.W_OK | os.X_OK):
            return Finding(Status.FAILURE, f"{place} cannot be written to", "give it to the user that runs the node")
        usage = shutil.disk_usage(place)
        shown = f"{usage.free / _GIB:.1f} GiB free of {usage.total / _GIB:.1f} GiB"
        if usage.free < self.least_bytes:
            return Finding(Status.WARNING, shown, f"free {self.least_bytes / _GIB:g} GiB at least")
        return Finding(Status.OK, shown)
