"""A storage node's data directory as an outsider sees it, and what must be true of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from joygrpc.config import StorageNodeConfig
from joygrpc.storage.data_directory import DataDirectory, object_of_name
from joygrpc.storage.objects import SERVED_STATES
from tests.faults.ledger import Ledger

_SERVED = frozenset(state.value for state in SERVED_STATES)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the index."""

    size: int
    multihash: str
    state: str

    @property
    def served(self) -> bool:
        """Whether the node gives its bytes out."""
        return self.state in _SERVED


class DataFolder:
    """Reads a node's index and files beside it, while it runs or not."""

    def __init__(self, config: StorageNodeConfig) -> None:
        self.directory = DataDirectory(config.uploads, incoming=config.temp_directory, private=config.private_directory)

    def entries(self) -> dict[int, Entry]:
        """The index; empty before there is one."""
        if not self.directory.index.exists():
            return {}
        connection = sqlite3.connect(f"file:{self.directory.index}?mode=ro", uri=True, timeout=10)
        try:
            return {
                row[0]: Entry(*row[1:]) for row in connection.execute("SELECT id, size, multihash, state FROM objects")
            }
        finally:
            connection.close()

    def files(self) -> dict[int, int]:
        """Sizes of the objects' files."""
        return {object_id: size for object_id, size, tree in self._found() if not tree}

    def trees(self) -> set[int]:
        """Objects that have a tree beside them."""
        return {object_id for object_id, _, tree in self._found() if tree}

    def _found(self) -> list[tuple[int, int, bool]]:
        return [
            (known[0], path.stat().st_size, known[1])
            for path in self.directory.objects.glob("*/*")
            if (known := object_of_name(path.name)) is not None
        ]

    def incoming(self) -> set[str]:
        """Names of what is being written."""
        return {path.name for path in self.directory.incoming.iterdir()} if self.directory.incoming.exists() else set()


def check_folder(folder: DataFolder, ledger: Ledger, worker: int, left_over: Collection[str]) -> dict[int, Entry]:
    """What must hold the moment that a node is up again; `left_over` are the temporary files that its predecessor left. Gives the index."""
    if survivors := folder.incoming() & set(left_over):
        ledger.violate(worker, f"temporary files survived the start: {sorted(survivors)[:3]}")
    entries = folder.entries()
    files = folder.files()
    for object_id, entry in entries.items():
        piece = ledger.pieces.get(object_id)
        if piece is None or (entry.size, entry.multihash) != (piece.size, piece.multihash):
            ledger.violate(worker, f"the index says something else of object {object_id} than the chain: {entry}")
        if entry.served and files.get(object_id) != entry.size:
            ledger.violate(
                worker,
                f"object {object_id} is {entry.state}, and its file has {files.get(object_id)} bytes of {entry.size}",
            )
    for object_id in ledger.promised(worker):
        kept = entries.get(object_id)
        if kept is None or not kept.served:
            ledger.violate(worker, f"object {object_id} was acknowledged and is {kept and kept.state}")
        elif object_id in ledger.stored[worker] and kept.state != "stored":
            ledger.violate(worker, f"object {object_id} was stored and is {kept.state}")
    ledger.stored[worker] |= {object_id for object_id, entry in entries.items() if entry.state == "stored"}
    return entries
