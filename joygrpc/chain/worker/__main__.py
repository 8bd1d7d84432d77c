"""Entry of the worker process: takes the number of an inherited socket and serves it until the other end closes."""

import ctypes
import signal
import socket
import sys

from joygrpc.chain.worker.serving import serve

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the socket; never returns to a caller that lives."""
    # A signal to the whole process group is the node's business: it drains first, then closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    serve(socket.socket(fileno=int(sys.argv[1])))


main()
