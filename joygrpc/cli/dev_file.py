"""The file in which `joygrpc dev` says where everything is."""

import json
import os
from pathlib import Path
from typing import Any

import click

DEV_VARIABLE = "JOYGRPC_DEV"
"""Environment variable that names the file."""


def default_dev_file() -> Path:
    """Where `joygrpc dev` leaves the file of this user's last network."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "joygrpc" / "dev.json"


def read_dev_file(path: Path | None) -> dict[str, Any]:
    """The network's addresses. Raises `click.ClickException` when there is no network to be found."""
    where = path or default_dev_file()
    try:
        network = json.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise click.ClickException(
            f"{where} does not exist: start `joygrpc dev`, or name the file of its --json-file with --dev or {DEV_VARIABLE}"
        ) from None
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{where} cannot be read: {error}") from error
    if not isinstance(network, dict) or not network.get("storage") or not network.get("distributor"):
        raise click.ClickException(f"{where} does not describe a network")
    return network
