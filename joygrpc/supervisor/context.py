"""What a child process gets from its supervisor, and says to it."""

import json
import socket
import threading
from collections.abc import Mapping


class ChildContext:
    """A child process's side of the supervisor.

    `name` is the child's name, `config_json` the JSON text of its `ProcessSpec`, `sockets` its listening sockets by name.
    """

    def __init__(
        self,
        name: str,
        config_json: str,
        sockets: Mapping[str, socket.socket] | None = None,
        channel: socket.socket | None = None,
    ) -> None:
        self.name = name
        self.config_json = config_json
        self.sockets: dict[str, socket.socket] = dict(sockets or {})
        self._channel = channel
        self._sending = threading.Lock()

    def __repr__(self) -> str:
        return f"<ChildContext {self.name} sockets={sorted(self.sockets)}>"

    def notify_ready(self, info: Mapping[str, object] | None = None) -> None:
        """Says that the child serves now. `info` (JSON values: addresses and the like) is what the supervisor shows to the outside."""
        self._send({"event": "ready", "info": dict(info or {})})

    def notify_ending(self) -> None:
        """Says that the child is about to end on purpose: the supervisor will end the rest too, and not start it again."""
        self._send({"event": "ending"})

    def _send(self, message: Mapping[str, object]) -> None:
        if self._channel is None:
            return
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            with self._sending:
                self._channel.sendall(line)
        except OSError:
            # The supervisor is gone; the watch on the same socket ends this process.
            return
