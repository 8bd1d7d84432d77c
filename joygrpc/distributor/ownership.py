"""One process owns a node's directories."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOCK_NAME = ".lock"


class DirectoryInUse(RuntimeError):
    """Another process owns the directory."""


@contextmanager
def owned(*directories: Path) -> Iterator[None]:
    """Make the directories, open to their owner alone, and own them for the length of a `with` block.

    Raises `DirectoryInUse` and OSError. The kernel frees the locks of a process that dies.
    """
    with ExitStack() as stack:
        for directory in dict.fromkeys(directory.absolute() for directory in directories):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DirectoryInUse(f"another process owns {directory}") from error
        yield
