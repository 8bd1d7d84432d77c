"""`joygrpc object`: what an uploader does."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from joygrpc.cli.dev_file import DEV_VARIABLE, read_dev_file

DEV_OPTION = click.option(
    "--dev",
    "dev_file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=DEV_VARIABLE,
    help=f"File that `joygrpc dev --json-file` wrote (or {DEV_VARIABLE}); the last network of this user when absent.",
)
FILE_ARGUMENT = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True))


@click.group("object")
def object_group() -> None:
    """Create, upload and hash objects."""


@object_group.command("hash")
@FILE_ARGUMENT
def hash_command(file: Path) -> None:
    """Print the multihash of FILE, as the chain stores it."""
    with _progress("hashing", file.stat().st_size) as advance:
        text = _multihash(file, advance)
    click.echo(text)


@object_group.command("create")
@FILE_ARGUMENT
@click.option(
    "--bag", help="Bag to create it in, such as dynamic:channel:1; the bag of the network's sample when absent."
)
@DEV_OPTION
def create_command(file: Path, bag: str | None, dev_file: Path | None) -> None:
    """Create an object for FILE on the chain of a development network, without uploading it."""
    _run(create_for_file(file, bag, read_dev_file(dev_file)))


@object_group.command("put")
@FILE_ARGUMENT
@click.option("--bag", help="Bag to put it in, such as dynamic:channel:1; the bag of the network's sample when absent.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=1),
    default=300,
    show_default=True,
    help="Seconds to wait for acceptance.",
)
@DEV_OPTION
def put_command(file: Path, bag: str | None, timeout_s: float, dev_file: Path | None) -> None:
    """Create an object for FILE on the chain of a development network, upload it, and wait until the distributor can serve it."""
    _run(_put(file, bag, timedelta(seconds=timeout_s), read_dev_file(dev_file)))


def _run(work: Any) -> None:
    from joygrpc.client import ClientError

    try:
        click.echo(json.dumps(asyncio.run(work)))
    except ClientError as error:
        raise click.ClickException(str(error)) from error


async def create_for_file(file: Path, bag: str | None, network: dict[str, Any]) -> dict[str, Any]:
    """Create an object for the file in `bag` (the sample's when None) and name the bucket that takes its upload. Raises `ClientError`."""
    from joygrpc.chain import ChainConfig, ChainError, KeySource, SubstrateChain
    from joygrpc.client import ClientError
    from joygrpc.client.creation import create_object
    from joygrpc.content import BagId, InvalidBagId

    size = file.stat().st_size
    with _progress("hashing", size) as advance:
        multihash = await asyncio.to_thread(_multihash, file, advance)
    try:
        bag_id = BagId.parse(bag or network["sample"]["bag"])
    except InvalidBagId as error:
        raise ClientError(str(error)) from error
    keys = KeySource(suris=tuple(sorted(set(network["accounts"].values()))))
    try:
        async with SubstrateChain(ChainConfig(url=network["chain"], keys=keys)) as chain:
            object_id = await create_object(chain, bag_id, size, multihash)
            held = await chain.bag(bag_id)
    except ChainError as error:
        raise ClientError(str(error)) from error
    bucket = next((node["bucket"] for node in network["storage"] if held and node["bucket"] in held.stored_by), None)
    if bucket is None:
        raise ClientError(f"no storage node of this network has the bag {bag_id}")
    return {"id": str(object_id), "multihash": multihash, "size": size, "bag": str(bag_id), "bucket": bucket}


async def _put(file: Path, bag: str | None, timeout: timedelta, network: dict[str, Any]) -> dict[str, Any]:
    import aiohttp

    from joygrpc.client import upload_file, wait_until_served

    created = await create_for_file(file, bag, network)
    node = next(node for node in network["storage"] if node["bucket"] == created["bucket"])
    url = f"{network['distributor'][0]['rest']}/api/v1/assets/{created['id']}"
    # Large objects take as long as they take; what must not stall is watched by the node.
    limits = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)
    async with aiohttp.ClientSession(timeout=limits) as session:
        with _progress("uploading", created["size"]) as advance:
            await upload_file(
                session,
                node["rest"],
                file,
                object_id=int(created["id"]),
                bucket_id=created["bucket"],
                bag_id=created["bag"],
                progress=advance,
            )
        with _progress("waiting for acceptance", None):
            # A distributor serves what is accepted on chain, and nothing else.
            await wait_until_served(session, [url], timeout)
    return {**created, "url": url}


def _multihash(file: Path, advance: Callable[[int], None]) -> str:
    from joygrpc.content import multihash_of_file

    done = 0

    def report(total: int) -> None:
        nonlocal done
        advance(total - done)
        done = total

    return multihash_of_file(file, progress=report)


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error when that is a terminal; silence else."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        (TextColumn("{task.description}"), SpinnerColumn())
        if total is None
        else (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)
