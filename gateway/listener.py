"""The public listener of one worker: on a socket that all workers share, and that refuses connections while the API is stopped."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import socket
from collections.abc import Callable

import structlog

from gateway.protocol import Connections, EdgeProtocol

log = structlog.get_logger("joygrpc.gateway")

BACKLOG = 1024
RETRY_S = 1.0


class Listener:
    """Accepts connections on a shared listening socket between `open` and `close`.

    `close` with `refuse` ends the listening of the socket itself, for every worker: connects are refused, not left waiting. Whoever opens first makes it listen again.
    """

    def __init__(self, shared: socket.socket, make: Callable[[], EdgeProtocol], connections: Connections) -> None:
        self._shared = shared
        self._address = shared.getsockname()
        self._make = make
        self._connections = connections
        self._server: asyncio.Server | None = None
        self._wanted = False
        self._opening: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Listener {self._address} {'open' if self._server is not None else 'closed'}>"

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted here."""
        return self._server is not None

    async def open(self) -> None:
        """Accepts connections; harmless when it does already."""
        self._wanted = True
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                self._make, sock=self._shared.dup(), backlog=BACKLOG
            )

    def close(self, *, refuse: bool) -> None:
        """Accepts no more, and closes connections after the request that they are at. Without `refuse` other workers go on."""
        self._wanted = False
        self._stop_accepting()
        self._connections.close_idle()
        if refuse:
            _stop_listening(self._shared, self._address)

    def interrupted(self, error: BaseException | None) -> bool:
        """Whether an error of the event loop means that another worker ended the socket's listening; then this one stops trying to accept.

        The node's news of it is on its way. Should it not come, accepting is tried again.
        """
        if self._server is None or not isinstance(error, OSError) or error.errno != errno.EINVAL:
            return False
        if self._shared.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        self._stop_accepting()
        asyncio.get_running_loop().call_later(RETRY_S, self._reopen)
        return True

    def _reopen(self) -> None:
        if self._wanted and self._server is None:
            self._opening = asyncio.get_running_loop().create_task(self.open())

    def _stop_accepting(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


def _stop_listening(listening: socket.socket, address: tuple[object, ...]) -> None:
    """Has connects to a listening socket refused, in all processes that share it; the socket stays bound. Harmless when it does not listen.

    `shutdown` would do so too, but a second one, of another process, would leave the socket such that connections end at once when it listens again.
    """
    library = ctypes.CDLL(None, use_errno=True)
    unspecified = ctypes.create_string_buffer(16)
    # connect(2): an address of the family AF_UNSPEC, which is 0, dissolves what the socket is about.
    if library.connect(listening.fileno(), unspecified, len(unspecified)) != 0:
        raise OSError(ctypes.get_errno(), "connect(AF_UNSPEC) failed")
    try:
        # A port that the system chose is given back with the listening; this keeps it, for good.
        listening.bind(address)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
