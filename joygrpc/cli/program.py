"""Running a program: its listening sockets, its processes, its metrics, and how it says that it is ready."""

import contextlib
import functools
import json
import logging
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from joygrpc.config.gateway import GatewayConfig
from joygrpc.config.log import LogSettings
from joygrpc.config.sections import ShutdownSettings
from joygrpc.supervisor import (
    Infos,
    ProcessSpec,
    Supervisor,
    bind_listener,
    merged_info,
    ready_fd_from_environment,
    write_ready_file,
    write_ready_line,
)
from joygrpc.telemetry.logs import configure_logging
from joygrpc.telemetry.metrics_directory import forget_process, metrics_directory

GATEWAY_TARGET = "gateway.process:main"

GATEWAY_READY_WITHIN = timedelta(seconds=60)
"""Several gateways may start at once on a small machine."""

_log = logging.getLogger("joygrpc.program")


@dataclass(frozen=True, slots=True)
class ReadyOutput:
    """Where a program says that it is ready, in JSON: a line on standard output, a file, a descriptor."""

    stdout: bool = False
    file: Path | None = None
    fd: int | None = None

    def write(self, info: Mapping[str, object]) -> None:
        """Says it at every place."""
        if self.file is not None:
            write_ready_file(self.file, info)
        if self.stdout:
            click.echo(json.dumps(info, separators=(",", ":")))
        if self.fd is not None:
            write_ready_line(self.fd, info)


def ready_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--json`, `--ready-file` and `--ready-fd`, handed to the command as one `ready`."""

    @click.option("--json", "ready_stdout", is_flag=True, help="Print one line of JSON with all addresses when ready.")
    @click.option("--ready-file", type=click.Path(path_type=Path), help="Write the same JSON to a file.")
    @click.option("--ready-fd", type=int, help="Write the same JSON to a file descriptor. [env JOYGRPC_READY_FD]")
    @functools.wraps(command)
    def with_ready(*args: Any, ready_stdout: bool, ready_file: Path | None, ready_fd: int | None, **kwargs: Any) -> Any:
        try:
            from_environment = ready_fd_from_environment()
        except ValueError:
            raise click.UsageError("JOYGRPC_READY_FD is not the number of a file descriptor") from None
        if ready_file is not None and not ready_file.absolute().parent.is_dir():
            raise click.UsageError(f"there is no directory for {ready_file}")
        fd = from_environment if ready_fd is None else ready_fd
        return command(*args, ready=ReadyOutput(ready_stdout, ready_file, fd), **kwargs)

    return with_ready


class ListenFailed(Exception):
    """A listening socket could not be had; the message says which and why."""


def listen(stack: contextlib.ExitStack, host: str, port: int) -> socket.socket:
    """A listening socket that the stack closes. Raises `ListenFailed`."""
    try:
        return stack.enter_context(bind_listener(host, port))
    except OSError as error:
        raise ListenFailed(f"cannot listen on {host}:{port}: {error.strerror or error}") from error


def gateway_specs(config: GatewayConfig, sockets: Mapping[str, socket.socket]) -> list[ProcessSpec]:
    """The gateway's workers: `config.workers` of them, numbered, sharing the sockets."""
    return [
        ProcessSpec(
            name=f"gateway-{index}",
            target=GATEWAY_TARGET,
            config=config.model_copy(update={"worker_index": index}).to_json(),
            sockets=sockets,
            ready_timeout=GATEWAY_READY_WITHIN,
            stop_grace=stop_grace(config.shutdown),
        )
        for index in range(config.workers)
    ]


def stop_grace(shutdown: ShutdownSettings) -> timedelta:
    """How long one process may take: its drain and a little to close."""
    return timedelta(seconds=shutdown.drain_s + 2)


@dataclass(frozen=True, slots=True)
class Program:
    """The processes of a program; `facts` are told with what the processes say when they are ready."""

    specs: Sequence[ProcessSpec]
    log: LogSettings
    shutdown: ShutdownSettings
    facts: Mapping[str, object] = field(default_factory=dict)

    def run(self, ready: ReadyOutput) -> int:
        """Runs until the end; gives the exit code."""
        configure_logging(self.log, process="supervisor")
        if self.log.elastic is not None:
            _log.warning("logs are not sent to Elasticsearch; have a shipper read the JSON lines")

        def say(infos: Infos) -> None:
            # What a process reports is the truth; the facts fill in what only the supervisor knows.
            info = {**self.facts, **merged_info(infos)}
            _log.info("ready", extra={"addresses": info})
            ready.write(info)

        with metrics_directory() as metrics:
            supervisor = Supervisor(
                self.specs,
                on_ready=say,
                on_death=lambda _, pid: forget_process(metrics, pid),
                stop_deadline=timedelta(seconds=self.shutdown.deadline_s),
            )
            return supervisor.run()


def fail(message: str, code: int) -> "click.exceptions.Exit":
    """Prints an error; raise the result to end with the code."""
    sys.stdout.flush()
    click.echo(f"Error: {message}", err=True)
    return click.exceptions.Exit(code)
