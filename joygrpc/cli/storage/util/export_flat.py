"""`joygrpc storage util export-flat`: the way back to a reference node."""

import json
import sqlite3
from pathlib import Path

import click

from joygrpc.cli.exit_codes import StorageExit
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.options import CONTEXT
from joygrpc.config.storage import PRIVATE_DIRECTORY

_PATH = click.Path(path_type=Path)


@click.command("export-flat", context_settings=CONTEXT)
@click.option("-d", "--uploads", type=_PATH, required=True, help="Data directory of a node that does not run.")
@click.option(
    "--tempFolder", "temp_folder", type=_PATH, help="Its directory for arriving bytes; `temp` below it by default."
)
@click.option(
    "--pendingFolder", "pending_folder", type=_PATH, help="Where pending objects go; `pending` below it by default."
)
@click.option("--dry-run", is_flag=True, help="Say what would be moved, and move nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def export_flat_command(
    uploads: Path, temp_folder: Path | None, pending_folder: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Rename all objects into the flat folders of a reference node.

    Accepted objects go to the data directory itself, pending ones to the pending folder; what is in quarantine, or unknown, goes to `set-aside`. No
    object is copied or deleted; trees are. Refuses while a node owns the directory. `joygrpc storage server` takes the folders over again.
    """
    from joygrpc.storage.data_directory import DataDirectory, DataDirectoryInUse, DataDirectoryUnusable
    from joygrpc.storage.schema import IndexTooNew
    from joygrpc.storage.takeover_reversal import ExportReport, export_flat

    private = uploads / PRIVATE_DIRECTORY
    if not (private / "index.sqlite").is_file():
        raise CommandFailed(f"{uploads} is no data directory of a joygrpc storage node", StorageExit.FILE_ERROR)
    data = DataDirectory(uploads, incoming=temp_folder or uploads / "temp", private=private)

    def tell(report: ExportReport) -> None:
        click.echo(f"{report.moved.total()} objects", err=True)

    try:
        report = export_flat(data, pending_folder or uploads / "pending", dry_run=dry_run, tell=tell)
    except (DataDirectoryInUse, DataDirectoryUnusable, IndexTooNew) as error:
        raise CommandFailed(str(error), StorageExit.FILE_ERROR) from None
    except (OSError, sqlite3.Error) as error:
        raise CommandFailed(f"the data directory cannot be exported: {error}", StorageExit.FILE_ERROR) from None
    if as_json:
        click.echo(json.dumps({"moved": report.moved, "missing": report.missing, "conflicts": report.conflicts}))
    else:
        for target, count in sorted(report.moved.items()):
            click.echo(f"{target}: {count}")
    if report.conflicts:
        shown = ", ".join(map(str, report.conflicts[:10]))
        raise CommandFailed(f"files are in the way of {len(report.conflicts)} objects: {shown}", StorageExit.FILE_ERROR)
