"""Listening sockets that a supervisor holds for its children."""

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

DEFAULT_BACKLOG = 1024
"""Connections that may wait to be accepted; the kernel bounds it further (`net.core.somaxconn`)."""

MAX_UNIX_PATH_BYTES = 107
"""What Linux takes as the path of a Unix socket: 108 bytes with the final zero."""


def bind_listener(host: str, port: int, backlog: int = DEFAULT_BACKLOG) -> socket.socket:
    """A TCP socket that listens on `host` (IPv4, IPv6 or a name) and `port` (0 for a free one). Raises OSError.

    It is not inheritable; the supervisor hands it to the children that name it. An empty host means every address: IPv6 and IPv4 where the machine has both.
    """
    if not host:
        if socket.has_dualstack_ipv6():
            return _listen(socket.AF_INET6, ("::", port), backlog, dualstack=True)
        host = "0.0.0.0"
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return _listen(family, address, backlog, dualstack=False)


def _listen(family: int, address: tuple[object, ...], backlog: int, *, dualstack: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dualstack else 1)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket) -> str:
    """`host:port` that the socket listens on, with brackets around an IPv6 host."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """A URL at which this machine reaches the socket: loopback where it listens on every address."""
    host, port = listener.getsockname()[:2]
    loopback = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}
    host = loopback.get(host, host)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@contextlib.contextmanager
def unix_socket_path(preferred: Path) -> Iterator[Path]:
    """A path at which a Unix socket can be bound: `preferred`, or one in a private short directory when that is too long.

    The parent directory exists then, open to its owner alone. Nothing is removed at the path itself: it may be the socket of a living node, and only who holds the
    data directory's lock may replace it. A short directory is removed on exit.
    """
    with contextlib.ExitStack() as stack:
        path = preferred.absolute()
        if len(os.fsencode(path)) > MAX_UNIX_PATH_BYTES:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="joygrpc-", dir="/tmp"))
            path = Path(directory) / preferred.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        yield path
