"""`joygrpc devnet start`."""

import asyncio
import contextlib
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from joygrpc.cli.options import CONTEXT, PORT
from joygrpc.cli.program import ReadyOutput, ready_options

if TYPE_CHECKING:
    from joygrpc.devnet.config import DevnetConfig
    from joygrpc.devnet.presets import DevPreset


@click.command("start", context_settings=CONTEXT)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--chain-port", type=PORT, default=9944, show_default=True, help="Port of the chain's JSON-RPC; 0: free one."
)
@click.option(
    "--query-node-port", type=PORT, default=4352, show_default=True, help="Port of the query node; 0: free one."
)
@click.option(
    "--block-time",
    "block_time_ms",
    type=click.IntRange(min=0),
    default=6000,
    show_default=True,
    help="Milliseconds after which an empty block is made; 0: never.",
)
@click.option(
    "--seal-delay",
    "seal_delay_ms",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Milliseconds after a transaction until its block is made.",
)
@click.option("--manual", is_flag=True, help="No block but by `devnet admin seal`.")
@click.option(
    "--deterministic",
    is_flag=True,
    help="As --manual, and block times are fixed: the same calls in the same blocks give the same hashes each time.",
)
@click.option(
    "--finality-lag",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Blocks that finality stays behind; `devnet admin fork` can replace that many.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the chain in this directory, with the states of its last 4096 blocks; in memory without it.",
)
@click.option(
    "--preset-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help='JSON {"storage": [{"endpoint", "extra"}], "distributors": [...]}: a chain with leads, workers, buckets and a channel for these nodes.',
)
@ready_options
def start_command(ready: ReadyOutput, **options: Any) -> None:
    """Run a development chain and its query node until SIGTERM or Ctrl-C.

    Any Substrate client and any client of the network's query node can use them. `joygrpc devnet admin` changes the chain
    beyond what transactions can, makes blocks, and lets chain and query node misbehave.
    """
    asyncio.run(_serve(_config(options), ready))


def _config(options: dict[str, Any]) -> "DevnetConfig":
    from joygrpc.devnet.config import FIXED_STEP_MS, DevnetConfig

    data: Path | None = options["data"]
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    deterministic = options["deterministic"]
    manual = options["manual"] or deterministic
    return DevnetConfig(
        host=options["host"],
        chain_port=options["chain_port"],
        query_node_port=options["query_node_port"],
        block_time_ms=0 if manual else options["block_time_ms"],
        seal_delay_ms=None if manual else options["seal_delay_ms"],
        finality_lag=options["finality_lag"],
        fixed_step_ms=FIXED_STEP_MS if deterministic else None,
        data=data,
        preset=None if options["preset_file"] is None else _preset(options["preset_file"]),
    )


def _preset(path: Path) -> "DevPreset":
    """The preset that a file describes; operators' metadata become the chain's protobuf."""
    from joygrpc.devnet.presets import DevPreset
    from joygrpc.pb.joystream.metadata import storage_pb2

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        storage = tuple(
            storage_pb2.StorageBucketOperatorMetadata(**node).SerializeToString() for node in content["storage"]
        )
        distributors = tuple(
            storage_pb2.DistributionBucketOperatorMetadata(**node).SerializeToString()
            for node in content["distributors"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{path} is not a preset: {error}") from error
    return DevPreset(storage=storage, distributors=distributors)


async def _serve(config: "DevnetConfig", ready: ReadyOutput) -> None:
    from joygrpc.config.log import LogSettings
    from joygrpc.devnet.config import DevnetAddresses
    from joygrpc.devnet.server import run_devnet
    from joygrpc.telemetry import configure_logging

    configure_logging(LogSettings())
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    assert main is not None
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        main.cancel()

    def announce(addresses: DevnetAddresses) -> None:
        ready.write(
            {"chain": addresses.chain, "query_node": addresses.query_node, "accounts": dict(addresses.accounts)}
        )

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await run_devnet(config, announce)
    if not stopped:
        raise asyncio.CancelledError
