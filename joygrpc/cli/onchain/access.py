"""How a command reaches the chain, with which keys, and how it behaves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import click

from joygrpc.chain.errors import KeyInvalid
from joygrpc.chain.keys import KeySource, KeyType
from joygrpc.cli.onchain.answers import Form
from joygrpc.cli.onchain.confirmation import Confirm
from joygrpc.cli.onchain.exits import CommandFailed, Exits
from joygrpc.cli.onchain.key_files import ask_at_terminal, key_files_of, open_files

Group = Literal["storage", "distribution"]


@dataclass(frozen=True, slots=True)
class Access:
    """What is the same for all commands of a program; `keys` are opened when a command signs."""

    url: str
    keys: "Keys"
    group: Group
    exits: Exits
    confirm: Confirm
    form: Form = "text"
    dry_run: bool = False
    finalized: bool = False
    """Whether to wait for finality instead of the block."""
    development: bool = False
    """Whether any other than a development chain is refused."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Where a person's keys are."""

    suris: tuple[str, ...] = field(default=(), repr=False)
    files: tuple[Path, ...] = ()
    store: Path | None = None
    passwords: tuple[str, ...] = field(default=(), repr=False)
    kind: KeyType = "sr25519"
    """How `suris` are derived."""

    @property
    def any(self) -> bool:
        """Whether any was named."""
        return bool(self.suris or self.files or self.store)

    def source(self, exits: Exits) -> KeySource:
        """The keys, files opened; files that stay locked are told and left out. Raises `CommandFailed`."""
        paths = key_files_of(self.files, self.store, exits)
        if not paths:
            return KeySource(suris=self.suris, key_type=self.kind)
        try:
            opened = open_files(paths, self.passwords, ask_at_terminal)
        except KeyInvalid as error:
            raise CommandFailed(error.message, exits.file_invalid) from None
        _tell_locked(opened.locked)
        if not opened.passwords and not self.suris:
            raise CommandFailed("no password opens any of the key files", exits.keys_locked)
        return KeySource(
            suris=self.suris,
            key_files=tuple(opened.passwords),
            file_passwords=opened.passwords,
            key_type=self.kind,
        )


def _tell_locked(paths: Sequence[Path]) -> None:
    for path in paths:
        click.echo(f"Warning: no password opens {path}; its key is not used", err=True)
