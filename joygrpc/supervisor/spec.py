"""What a supervised process is."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One child process of a supervisor.

    `name` is unique among its siblings and appears in logs. `target` names the child's main function as `package.module:function`; it gets a `ChildContext` and
    returns the exit code. `config` is JSON text that reaches the child through a private socket, since it may hold secrets. `sockets` are listening sockets
    that the child inherits by name; the supervisor keeps them open, so that the death of a child refuses no connection.

    A child that does not say that it is ready within `ready_timeout` has failed; one that does not end within `stop_grace` after SIGTERM is killed. With `restart`
    a child that dies is started again with growing pauses; without, its death ends the whole supervisor.
    """

    name: str
    target: str
    config: str = "{}"
    sockets: Mapping[str, socket.socket] = field(default_factory=dict)
    ready_timeout: timedelta = timedelta(seconds=30)
    stop_grace: timedelta = timedelta(seconds=8)
    restart: bool = True

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a process needs a name")
        if not _TARGET.fullmatch(self.target):
            raise ValueError(f"not a target of the form package.module:function: {self.target!r}")
