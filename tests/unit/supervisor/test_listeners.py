import os
import socket
import stat
from pathlib import Path

import pytest

from joygrpc.supervisor import address_of, bind_listener, unix_socket_path, url_of


def connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=5).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_listener_takes_connections_and_is_not_inherited(host: str) -> None:
    if host == "::1" and not socket.has_dualstack_ipv6():
        host = "127.0.0.1"
    with bind_listener(host, 0) as listener:
        connect(*listener.getsockname()[:2])
        assert not listener.get_inheritable()


def test_an_empty_host_means_every_address() -> None:
    with bind_listener("", 0) as listener:
        connect("127.0.0.1", listener.getsockname()[1])


def test_a_port_that_is_taken_is_an_error() -> None:
    with bind_listener("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        bind_listener("127.0.0.1", listener.getsockname()[1])


def test_addresses_and_urls_are_ones_to_connect_to() -> None:
    with bind_listener("127.0.0.1", 0) as loopback, bind_listener("0.0.0.0", 0) as everywhere:
        port = loopback.getsockname()[1]
        assert address_of(loopback) == f"127.0.0.1:{port}"
        assert url_of(loopback) == f"http://127.0.0.1:{port}"
        assert url_of(everywhere, "grpc") == f"grpc://127.0.0.1:{everywhere.getsockname()[1]}"


def test_ipv6_hosts_are_bracketed() -> None:
    if not socket.has_dualstack_ipv6():
        return
    with bind_listener("::1", 0) as listener:
        port = listener.getsockname()[1]
        assert address_of(listener) == f"[::1]:{port}"
        assert url_of(listener) == f"http://[::1]:{port}"


def test_a_unix_socket_path_is_private_and_left_alone(tmp_path: Path) -> None:
    preferred = tmp_path / ".joygrpc" / "node.sock"
    with unix_socket_path(preferred) as path:
        assert path == preferred
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        path.touch()
    with unix_socket_path(preferred) as path:
        assert path.exists()


def test_a_long_unix_socket_path_is_replaced_by_a_short_one(tmp_path: Path) -> None:
    with unix_socket_path(tmp_path / ("x" * 120) / "node.sock") as path:
        assert len(os.fsencode(path)) <= 107
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
        directory = path.parent
    assert not directory.exists()
