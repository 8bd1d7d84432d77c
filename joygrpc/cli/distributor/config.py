"""`joygrpc distributor config …`: what a configuration means, and what is wrong with it, without starting anything."""

import os
from pathlib import Path

import click

from joygrpc.cli.distributor.configuration import config_file
from joygrpc.cli.exit_codes import DistributorExit
from joygrpc.cli.onchain.exits import DISTRIBUTOR_EXITS, CommandFailed
from joygrpc.cli.onchain.key_files import key_files_of
from joygrpc.cli.options import CONTEXT
from joygrpc.config.errors import ConfigInvalid
from joygrpc.config.loading import load_distributor_config, render_config


@click.group(context_settings=CONTEXT)
def config() -> None:
    """Look into a node's configuration."""


@config.command(context_settings=CONTEXT)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True, help="Output."
)
def check(file: Path | None, form: str) -> None:
    """Print the configuration that a node would run with, secrets hidden, and warn of what is doubtful.

    FILE is as for `start`: the default is CONFIG_PATH, or ./config.yml, and variables JOYSTREAM_DISTRIBUTOR__… win over it.

    Exit status: 0 valid (warnings do not matter), 1 not valid, 41 FILE or a key file is missing, 42 a key file is none.
    """
    if file is not None and not file.exists():
        raise CommandFailed(f"{file}: there is no such file", DistributorExit.FILE_NOT_FOUND)
    file = config_file(file)
    try:
        found, warnings = load_distributor_config({}, file, os.environ)
    except ConfigInvalid as error:
        raise CommandFailed(f"the configuration is not valid\n{error}", DistributorExit.UNEXPECTED) from None
    click.echo(render_config(found, form), nl=False)
    for warning in warnings:
        click.echo(f"Warning: {warning}", err=True)
    key_files_of([key.keyfile for key in found.keys if key.keyfile is not None], None, DISTRIBUTOR_EXITS)
    click.echo(f"{file}: valid, {len(warnings)} warning{'' if len(warnings) == 1 else 's'}", err=True)
