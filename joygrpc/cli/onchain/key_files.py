"""Key files: which there are, which password opens which, and asking a person for the ones that are missing."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from joygrpc.chain.errors import KeyInvalid
from joygrpc.cli.onchain.exits import CommandFailed, Exits

Ask = Callable[[Path], str | None]
"""Asks for the password of a file; None when nobody answers."""


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """Files that a password opens, and those that none does."""

    passwords: dict[Path, str] = field(repr=False)
    locked: tuple[Path, ...]


def key_files_of(files: Sequence[Path], store: Path | None, exits: Exits) -> list[Path]:
    """All key files: those that were named and those in the store. Raises `CommandFailed` for one that is not there or is no key file."""
    found = list(files)
    if store is not None:
        try:
            found += sorted(path for path in store.iterdir() if path.suffix == ".json" and path.is_file())
        except OSError as error:
            raise CommandFailed(f"the key store {store} cannot be read: {error.strerror}", exits.file_missing) from None
    for path in found:
        try:
            backup = json.loads(path.read_bytes())
            readable = isinstance(backup["encoded"], str) and isinstance(backup["encoding"]["content"], list)
        except OSError as error:
            raise CommandFailed(f"the key file {path} cannot be read: {error.strerror}", exits.file_missing) from None
        except (ValueError, KeyError, TypeError):
            readable = False
        if not readable:
            raise CommandFailed(f"{path} is not a key file (a JSON backup of polkadot.js)", exits.file_invalid)
    return found


def open_files(paths: Sequence[Path], passwords: Iterable[str], ask: Ask) -> OpenedFiles:
    """Try the passwords, then none, then what `ask` is told, on each file. Raises `KeyInvalid` for a file that is broken."""
    from joygrpc.chain.worker.keyring import signer_of_file

    def opens(path: Path, password: str) -> bool:
        try:
            signer_of_file(path, [password])
        except KeyInvalid as error:
            if "locked" in error.message:
                return False
            raise
        return True

    opened: dict[Path, str] = {}
    locked = []
    tried = [*dict.fromkeys([*passwords, ""])]
    for path in paths:
        password = next((password for password in tried if opens(path, password)), None)
        while password is None and (answer := ask(path)) is not None:
            password = answer if opens(path, answer) else None
        if password is None:
            locked.append(path)
        else:
            opened[path] = password
    return OpenedFiles(opened, tuple(locked))


def ask_at_terminal(path: Path) -> str | None:
    """Ask the person at the terminal, if there is one."""
    if not sys.stdin.isatty():
        return None
    try:
        answer: str = click.prompt(
            f"Password of {path.name}", hide_input=True, err=True, default="", show_default=False
        )
    except click.Abort:
        return None
    # An empty answer gives the file up: the empty password was tried before.
    return answer or None
