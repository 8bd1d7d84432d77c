"""Seeing to it that no process outlives the one that started it."""

import ctypes
import os
import signal
import socket
import threading
import time
from datetime import timedelta

_PR_SET_PDEATHSIG = 1
ORPHANED_EXIT_CODE = 70


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent ends (Linux), and ends it now if the parent is gone already.

    The kernel means the parent's thread that started the process, so a supervisor starts its children from a thread that lives as long as they shall.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        os._exit(ORPHANED_EXIT_CODE)


def watch_parent(channel: socket.socket, grace: timedelta) -> None:
    """Ends this process when the other end of `channel` closes: SIGTERM to itself, and a hard exit after `grace`.

    It covers what the kernel's signal does not: a parent that let go of the channel, or a process whose parent changed.
    """

    def watch() -> None:
        try:
            while channel.recv(4096):
                continue
        except OSError:
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace.total_seconds())
        os._exit(ORPHANED_EXIT_CODE)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()
