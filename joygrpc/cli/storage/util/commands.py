"""Commands that need no chain."""

from pathlib import Path

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.values import bag_of_text
from joygrpc.cli.options import CONTEXT
from joygrpc.content.ids import BagId

_IGNORED = {**CONTEXT, "ignore_unknown_options": True, "allow_extra_args": True}


@click.command("multihash", context_settings=CONTEXT)
@click.option("-f", "--file", type=click.Path(path_type=Path), required=True, help="File.")
def multihash(file: Path) -> None:
    """Print the multihash of a file, as the chain stores it."""
    from joygrpc.content.multihash import multihash_of_file

    try:
        click.echo(multihash_of_file(file))
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}", StorageExit.FILE_ERROR) from None


@click.command("verify-bag-id", context_settings=CONTEXT)
@click.option("-i", "--bagId", "bag_id", required=True, callback=bag_of_text, metavar="BAG", help="Bag id.")
def verify_bag_id(bag_id: BagId) -> None:
    """Check a bag id, and print it as the query node writes it."""
    click.echo(bag_id)


@click.command("init", context_settings=_IGNORED)
def init() -> None:
    """Tell how to get a chain with a lead."""
    raise CommandFailed("`joygrpc devnet start` runs a chain that has a storage lead", StorageExit.USAGE)


@click.command("upload", context_settings=_IGNORED)
def upload() -> None:
    """Tell how to get an object to upload."""
    raise CommandFailed(
        "`joygrpc object create` creates an object, and `joygrpc object put` uploads it too", StorageExit.USAGE
    )
