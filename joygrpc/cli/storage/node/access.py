"""How a command reaches the running node, and the options that say so."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.loading import load_storage_config
from joygrpc.config.storage import ADDRESSES_FILE, PRIVATE_DIRECTORY, StorageNodeConfig

if TYPE_CHECKING:
    import grpc

T = TypeVar("T")
Output = Literal["table", "json"]

_PATH = click.Path(path_type=Path)


def node_command(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--admin`, `--data`, `--config` and `--output`; the first three are handed over as one `target`."""

    @click.option("--admin", metavar="HOST:PORT", help="Admin gRPC address of the node.")
    @click.option("-d", "--data", type=_PATH, help="Data directory of a node on this machine.")
    @click.option("--config", "config_file", type=_PATH, help="The node's settings; they say where it is.")
    @click.option(
        "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of the answer."
    )
    @functools.wraps(command)
    def with_target(
        *args: Any, admin: str | None, data: Path | None, config_file: Path | None, output: Output, **kwargs: Any
    ) -> Any:
        return command(*args, target=target_of(admin, data, config_file), output=output, **kwargs)

    return with_target


def target_of(admin: str | None, data: Path | None, config_file: Path | None) -> str:
    """The gRPC target of the node: the admin address given, else the node of the data directory, else that of file and environment.

    Raises `click.UsageError` when nothing names a node, and `CommandFailed` when the named one does not run.
    """
    if admin is not None:
        return f"127.0.0.1:{admin}" if admin.isdigit() else admin
    if data is not None:
        return _target_below(data)
    try:
        config = load_storage_config({}, config_file)
    except ConfigInvalid as error:
        if config_file is not None:
            raise CommandFailed(f"the configuration is not valid\n{error}", StorageExit.USAGE) from None
        raise click.UsageError("name the node by --admin, --data or --config") from None
    return _target_of_config(config)


def _target_of_config(config: StorageNodeConfig) -> str:
    host, port = config.admin.host, config.admin.grpc_port
    if port:
        # Where it listens on every address, loopback is one of them.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return _target_below(config.uploads)


def _target_below(data: Path) -> str:
    file = data / PRIVATE_DIRECTORY / ADDRESSES_FILE
    try:
        return f"unix:{json.loads(file.read_text())['socket']}"
    except (OSError, ValueError, KeyError, TypeError):
        raise CommandFailed(f"no storage node runs on {data}", StorageExit.FILE_ERROR) from None


@asynccontextmanager
async def _connected(target: str) -> AsyncIterator["grpc.aio.Channel"]:
    from joygrpc.mesh import ChannelPool

    async with ChannelPool() as channels:
        yield channels.channel(target)


def call_node(target: str, work: Callable[["grpc.aio.Channel"], Awaitable[T]]) -> T:
    """What `work` makes of a channel to the node. Raises `CommandFailed` with the node's own words."""

    async def run() -> T:
        async with _connected(target) as channel:
            return await work(channel)

    import grpc

    from joygrpc.mesh import error_of

    try:
        return asyncio.run(run())
    except grpc.aio.AioRpcError as failure:
        error = error_of(failure)
        raise CommandFailed(f"{error.message} ({error.reason})", StorageExit.SERVER_ERROR) from failure


def time_text(stamp: Any) -> str:
    """A time in UTC to the second."""
    return f"{stamp.ToDatetime():%Y-%m-%d %H:%M:%S}"


def size_text(size: int) -> str:
    """A number of bytes for people."""
    value, units = float(size), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while value >= 1024 and unit != "TiB":
        value, unit = value / 1024, next(units)
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
