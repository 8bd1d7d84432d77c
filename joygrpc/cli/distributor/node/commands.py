"""Commands to a running node."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from joygrpc.cli.distributor.configuration import config_option, load_config
from joygrpc.cli.distributor.node.requests import ask_node
from joygrpc.cli.exit_codes import DistributorExit
from joygrpc.cli.onchain.answers import FORMS, form_of, show
from joygrpc.cli.onchain.commands import U64, ChainCommand, Decorator
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.session import tell
from joygrpc.cli.onchain.values import distribution_bucket_of_text
from joygrpc.cli.options import CONTEXT

Body = dict[str, object]


def node_command(name: str, route: str, done: str) -> Decorator:
    """A command that sends what its function returns; `done` is said when the node has done it."""

    def decorate(function: Callable[..., Body]) -> click.Command:
        @functools.wraps(function)
        def invoke(url: str, secret: str | None, config_path: Path | None, form: str | None, **values: Any) -> None:
            values.pop("yes")
            body = function(**values)
            ask_node(url, route, secret or _configured_secret(config_path), body)
            tell(done)
            if form_of(form) != "text":
                show({"url": url, "request": route, "body": body, "status": 200}, form_of(form))

        command = click.command(name, cls=ChainCommand, context_settings=CONTEXT)(invoke)
        command.params += [
            click.Option(["-u", "--url"], required=True, help="Root URL of the node's operator API."),
            click.Option(
                ["-s", "--secret"],
                envvar="JOYGRPC_OPERATOR_SECRET",
                show_envvar=True,
                help="Key of the operator's tokens.  [default: operatorApi.hmacSecret]",
            ),
            config_option(),
            click.Option(["-y", "--yes"], is_flag=True, help="Taken for compatibility; nothing is asked."),
            click.Option(["--format", "--output", "form"], type=click.Choice(FORMS), help="Form of the answer."),
        ]
        return command

    return decorate


def _configured_secret(path: Path | None) -> str:
    config = load_config(path)
    if config.operator_api is None:
        raise CommandFailed("give --secret: the configuration has no operatorApi", DistributorExit.USAGE)
    return config.operator_api.hmac_secret.get_secret_value()


@node_command("stop-public-api", "stop-api", "The public API has stopped")
def stop_public_api() -> Body:
    """Stop serving the public; downloads that run go on."""
    return {}


@node_command("start-public-api", "start-api", "The public API has started")
def start_public_api() -> Body:
    """Serve the public again."""
    return {}


@node_command("shutdown", "shutdown", "The node is shutting down")
def shutdown() -> Body:
    """End the node."""
    return {}


@node_command("set-worker", "set-worker", "The node acts for that worker until its next start")
@click.option("-w", "--workerId", "worker_id", type=U64, required=True, help="Distribution worker.")
def set_worker(worker_id: int) -> Body:
    """Have the node act for another worker, until its next start."""
    return {"workerId": worker_id}


def _buckets(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    found = (distribution_bucket_of_text(context, option, part) for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(found))


@node_command("set-buckets", "set-buckets", "The node serves those buckets until its next start")
@click.option(
    "-B", "--bucketIds", "bucket_ids", multiple=True, callback=_buckets, metavar="FAMILY:INDEX...", help="Buckets."
)
@click.option("-a", "--all", "all_", is_flag=True, help="All buckets of the worker.")
def set_buckets(bucket_ids: tuple[str, ...], all_: bool) -> Body:
    """Have the node serve other buckets, until its next start."""
    if bool(bucket_ids) == all_:
        raise CommandFailed("give either --bucketIds or --all", DistributorExit.USAGE)
    return {} if all_ else {"buckets": list(bucket_ids)}
