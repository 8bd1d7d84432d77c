"""Options that several commands share, and how flags become configuration."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

CONTEXT = {"help_option_names": ["-h", "--help"]}

PORT = click.IntRange(0, 65535)


class InvalidIntegerList(click.ClickException):
    """A text that is not a list of integers."""

    exit_code = 104


def integer_list(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """Callback of an option that takes integers, comma separated. Raises `InvalidIntegerList`."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]+", part) for part in parts):
        raise InvalidIntegerList(f"not a list of integers such as 1,2,3: {text}")
    return tuple(int(part) for part in parts)


def node_options(grpc_port: int, admin_port: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options of both nodes that the reference does not have."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            (
                click.option("--host", help="Address of the REST API.  [default: 0.0.0.0]"),
                click.option("--grpc-host", help="Address of the public gRPC listener.  [default: 0.0.0.0]"),
                click.option(
                    "--grpc-port",
                    type=PORT,
                    help=f"Port of the public gRPC listener; 0: free one.  [default: {grpc_port}]",
                ),
                click.option("--admin-host", help="Address of the operator's listeners.  [default: 127.0.0.1]"),
                click.option(
                    "--admin-port", type=PORT, help=f"Port of metrics and health; 0: free one.  [default: {admin_port}]"
                ),
                click.option("--admin-grpc-port", type=PORT, help="Port of the operator's gRPC listener; 0: free one."),
                click.option("--no-gateway", is_flag=True, help="Run the node alone, without its REST edge."),
                click.option(
                    "--gateway-workers", type=click.IntRange(1, 256), help="Processes of the REST edge.  [default: 1]"
                ),
                click.option(
                    "--log-level",
                    type=click.Choice(["error", "warning", "info", "debug"]),
                    help="Least severe level on standard error.",
                ),
                click.option(
                    "--log-format", type=click.Choice(["console", "json"]), help="Form of the log on standard error."
                ),
                click.option(
                    "--print-config",
                    type=click.Choice(["yaml", "json"]),
                    is_flag=False,
                    flag_value="yaml",
                    help="Print the resulting configuration, secrets hidden, and end.",
                ),
            )
        ):
            command = option(command)
        return command

    return decorate


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings from dotted names (`sync.workers`), without the values that are None: those flags were not given."""
    result: dict[str, Any] = {}
    for dotted, value in values.items():
        if value is None:
            continue
        inner = result
        *parents, name = dotted.split(".")
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = value
    return result


def truthy_environment(name: str) -> bool | None:
    """A yes-or-no variable: true for `true`, `1`, `yes` and `on`, false for other texts, None when it is not set."""
    text = os.environ.get(name)
    return None if text is None else text.strip().lower() in {"true", "1", "yes", "on"}
