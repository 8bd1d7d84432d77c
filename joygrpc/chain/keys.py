"""Where the keys of a program's accounts come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

KeyType = Literal["sr25519", "ed25519", "ecdsa"]


@dataclass(frozen=True, slots=True)
class KeySource:
    """Accounts to unlock at the start.

    `suris`: secret URIs as polkadot.js takes them: a development path (`//Alice`, `//testing//worker//Storage//0`), a mnemonic or a `0x` seed
    with derivation paths, `///password` at the end. `key_files`: polkadot.js JSON backups. `key_store`: a directory of such files; whatever does
    not end with `.json` is left alone. `passwords` are tried in order on every locked file; `file_passwords` names one for a path.
    `key_type` says how `suris` are derived; files name their own type.
    """

    suris: tuple[str, ...] = field(default=(), repr=False)
    key_files: tuple[Path, ...] = ()
    key_store: Path | None = None
    passwords: tuple[str, ...] = field(default=(), repr=False)
    file_passwords: Mapping[Path, str] = field(default_factory=dict, repr=False)
    key_type: KeyType = "sr25519"
