"""Telling the service manager (systemd) how a program is doing."""

import os
import socket


def sd_notify(state: str) -> bool:
    """Sends a state such as `READY=1` to the socket that `NOTIFY_SOCKET` names; False when there is none or it does not listen."""
    target = os.environ.get("NOTIFY_SOCKET", "")
    if not target:
        return False
    # A leading @ stands for the abstract name space.
    address = "\0" + target[1:] if target.startswith("@") else target
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        return False
    return True
