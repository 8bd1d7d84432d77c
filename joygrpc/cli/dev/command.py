"""The command itself: options, the sample, what it prints, how it ends."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import click

from joygrpc.cli.dev.hints import hints
from joygrpc.cli.dev.network import SAMPLE_BAG, SAMPLE_FILE, DevNetwork, running
from joygrpc.cli.dev.plan import DevPlan, Ports, make_plan
from joygrpc.cli.dev.programs import ProgramFailed
from joygrpc.cli.dev_file import default_dev_file
from joygrpc.supervisor.ready import write_ready_file

SAMPLE_WITHIN = timedelta(seconds=60)
"""For the sample to be accepted, replicated and delivered."""

SIZE_FILE = "network.json"
"""In a kept data directory: how many nodes its chain was set up with."""


@click.command("dev")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one line of JSON on standard output when all is ready, and nothing else.",
)
@click.option("--json-file", type=click.Path(path_type=Path, dir_okay=False), help="Write the same JSON to this file.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the network's state in this directory; temporary without it.",
)
@click.option(
    "--ports",
    type=click.Choice(["fixed", "auto"]),
    default="fixed",
    show_default=True,
    help="The reference nodes' ports, or free ones.",
)
@click.option(
    "--storage-nodes", type=click.IntRange(1, 10), default=2, show_default=True, help="How many storage nodes."
)
@click.option("--distributors", type=click.IntRange(1, 10), default=1, show_default=True, help="How many distributors.")
def dev_command(
    as_json: bool,
    json_file: Path | None,
    data: Path | None,
    ports: Literal["fixed", "auto"],
    storage_nodes: int,
    distributors: int,
) -> None:
    """Run the whole network on this machine: chain, query node, storage nodes, distributors and their gateways.

    Uploads a sample video, waits until it is accepted and replicated, and prints what to try. Ends on Ctrl-C or SIGTERM.
    """
    with _directory(data) as directory:
        try:
            plan = _plan(directory, storage_nodes, distributors, ports, kept=data is not None)
            code = asyncio.run(_serve(plan, as_json=as_json, json_file=json_file))
        except ProgramFailed as error:
            raise click.ClickException(str(error)) from error
    sys.exit(code)


@contextlib.contextmanager
def _directory(data: Path | None) -> Iterator[Path]:
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data.resolve()
        return
    directory = Path(tempfile.mkdtemp(prefix="joygrpc-dev-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _plan(
    directory: Path, storage_nodes: int, distributors: int, ports: Literal["fixed", "auto"], *, kept: bool
) -> DevPlan:
    secret_file = directory / "operator-secret"
    if not secret_file.exists():
        secret_file.touch(mode=0o600)
        secret_file.write_text(secrets.token_urlsafe(32), encoding="utf-8")
    if kept:
        _check_size(directory / SIZE_FILE, {"storage_nodes": storage_nodes, "distributors": distributors})
    return make_plan(directory, storage_nodes, distributors, Ports.of(ports), secret_file.read_text(encoding="utf-8"))


def _check_size(path: Path, size: dict[str, int]) -> None:
    """Refuse another number of nodes than the kept chain was set up with: their buckets would be missing on it."""
    if not path.exists():
        path.write_text(json.dumps(size), encoding="utf-8")
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept != size:
        raise click.ClickException(
            f"the network in {path.parent} has {kept['storage_nodes']} storage nodes and {kept['distributors']} distributors; "
            "give the same numbers, or another --data"
        )


async def _serve(plan: DevPlan, *, as_json: bool, json_file: Path | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None

    def stopped_by_signal() -> None:
        if not stop.is_set():
            stop.set()
            main.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped_by_signal)

    def say(text: str) -> None:
        if not as_json:
            click.echo(text, err=True)

    network = DevNetwork(plan, say, _environment())
    try:
        async with running(network):
            description = network.description()
            files = [path for path in (json_file, default_dev_file()) if path is not None]
            say("uploading the sample video, waiting until it is accepted and replicated")
            description["sample"] = await _sample(plan, description)
            for path in files:
                _write_description(path, description)
            if as_json:
                click.echo(json.dumps(description))
            else:
                click.echo(hints(description))
            try:
                death = await network.wait_for_a_death()
            finally:
                _forget_description(default_dev_file(), description)
            click.echo(death, err=True)
            return 1
    except asyncio.CancelledError:
        if stop.is_set():
            return 0
        raise


def _environment() -> dict[str, str]:
    # The programs' logs go to files that a person reads.
    return {"NO_COLOR": "1"} if "NO_COLOR" not in os.environ else {}


def _write_description(path: Path, description: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_ready_file(path, description)


def _forget_description(path: Path, description: dict[str, Any]) -> None:
    """Remove the file that names this network, unless another one has been started since."""
    with contextlib.suppress(OSError, ValueError):
        if json.loads(path.read_text(encoding="utf-8")) == description:
            path.unlink()


async def _sample(plan: DevPlan, description: dict[str, Any]) -> dict[str, Any]:
    """The sample object: put once, and found again in a kept network."""
    kept = plan.directory / "sample.json"
    if not kept.exists():
        kept.write_text(json.dumps(await _put_sample(description)), encoding="utf-8")
    sample: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    await _wait_for_sample(sample, description)
    return {**sample, "path": str(SAMPLE_FILE)}


async def _put_sample(description: dict[str, Any]) -> dict[str, Any]:
    import aiohttp

    from joygrpc.cli.object import create_for_file
    from joygrpc.client import ClientError, upload_file

    try:
        created = await create_for_file(SAMPLE_FILE, SAMPLE_BAG, description)
        async with aiohttp.ClientSession() as session:
            await upload_file(
                session,
                description["storage"][0]["rest"],
                SAMPLE_FILE,
                object_id=int(created["id"]),
                bucket_id=created["bucket"],
                bag_id=created["bag"],
            )
    except ClientError as error:
        raise ProgramFailed(f"the sample could not be uploaded: {error}") from error
    return {**created, "media_type": "video/webm"}


async def _wait_for_sample(sample: dict[str, Any], description: dict[str, Any]) -> None:
    import aiohttp

    from joygrpc.client import WaitTimedOut, wait_until_served

    urls = [f"{node['rest']}/api/v1/files/{sample['id']}" for node in description["storage"]]
    urls += [f"{node['rest']}/api/v1/assets/{sample['id']}" for node in description["distributor"]]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        try:
            await wait_until_served(session, urls, SAMPLE_WITHIN)
        except WaitTimedOut as error:
            raise ProgramFailed(f"the sample is {error}") from error
