"""Starting, watching, restarting and draining the processes of a program; light to import."""

from joygrpc.supervisor.context import ChildContext
from joygrpc.supervisor.listeners import DEFAULT_BACKLOG, address_of, bind_listener, unix_socket_path, url_of
from joygrpc.supervisor.ready import (
    READY_FD_VARIABLE,
    merged_info,
    ready_fd_from_environment,
    write_ready_file,
    write_ready_line,
)
from joygrpc.supervisor.running import run_async
from joygrpc.supervisor.sd_notify import sd_notify
from joygrpc.supervisor.spec import ProcessSpec
from joygrpc.supervisor.supervisor import DEFAULT_STOP_DEADLINE, Infos, Supervisor

__all__ = [
    "DEFAULT_BACKLOG",
    "DEFAULT_STOP_DEADLINE",
    "READY_FD_VARIABLE",
    "ChildContext",
    "Infos",
    "ProcessSpec",
    "Supervisor",
    "address_of",
    "bind_listener",
    "merged_info",
    "ready_fd_from_environment",
    "run_async",
    "sd_notify",
    "unix_socket_path",
    "url_of",
    "write_ready_file",
    "write_ready_line",
]
