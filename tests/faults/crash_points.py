"""Named places at which a storage node dies, and a record of the durable steps that it takes.

Nothing of this is known to the node: before it runs, the calls that it makes of the operating system, of SQLite and of the chain client are wrapped in its
process. A place is named by what the node is about to do or has just done, and the process kills itself there with SIGKILL.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joygrpc.chain.client import SubstrateChain

WRITE_POINTS = (
    "incoming-opened",
    "torn-object-write",
    "before-object-fsync",
    "after-object-fsync",
    "torn-tree-write",
    "after-tree-fsync",
    "before-tree-rename",
    "after-tree-rename",
    "before-object-rename",
    "after-object-rename",
    "after-directory-fsync",
    "before-entry-commit",
    "after-entry-commit",
)
"""On the way of an object to its place, by upload or by sync."""
ACCEPT_POINTS = ("before-accept", "during-accept", "after-accept", "before-state-commit", "after-state-commit")
"""On the way from the queue to the chain's word; `during-accept` is when the transaction has probably been sent and no block has it yet."""
START_POINTS = ("lock-taken", "before-index-open", "after-index-open", "before-picture-commit", "after-picture-commit")
"""Between the start and the first block that the node takes in."""
CLEAN_POINTS = ("before-incoming-unlink", "after-incoming-unlink")
"""When bytes that nobody wants are removed: of an aborted upload, or left by the process that died before."""
IMPORT_POINTS = ("before-import-rename", "after-import-rename")
"""When a file of a reference node is taken over."""
CLEANUP_POINTS = (
    "before-quarantine-commit",
    "after-quarantine-commit",
    "before-object-unlink",
    "after-object-unlink",
)
"""When an object that was deleted on chain is moved out, and purged."""

POINTS = (*WRITE_POINTS, *ACCEPT_POINTS, *START_POINTS, *CLEAN_POINTS, *IMPORT_POINTS, *CLEANUP_POINTS)

_DURING_ACCEPT_S = 0.06


@dataclass(frozen=True, slots=True)
class Crash:
    """Where to die: at the `hit`-th time that `point` is passed."""

    point: str
    hit: int = 1


@dataclass
class CrashPoints:
    """Counts the points that the process passes. `announce` is told the name before the end, `trace` is a file that takes every passing as a line."""

    crash: Crash | None
    announce: Callable[[str], None]
    trace: Path | None = None
    _passed: Counter[str] = field(default_factory=Counter)

    def passed(self, point: str, what: str = "") -> None:
        """The process is at the point now; `what` names the file."""
        self._passed[point] += 1
        if self.trace is not None:
            with self.trace.open("a", buffering=1) as file:
                file.write(f"{point} {what}\n")
        if self.crash == Crash(point, self._passed[point]):
            self.die(point)

    def die(self, point: str) -> None:
        """The end."""
        self.announce(point)
        os.kill(os.getpid(), signal.SIGKILL)

    def wants(self, point: str) -> bool:
        """Whether the next passing of the point is the end."""
        return self.crash == Crash(point, self._passed[point] + 1)

    def install(self) -> None:
        """Wraps what the node calls."""
        self._wrap_files()
        self._wrap_locks()
        self._wrap_sqlite()
        self._wrap_chain()

    def _wrap_files(self) -> None:
        opening, writing, syncing = os.open, os.write, os.fsync
        replacing, renaming, unlinking = os.replace, os.rename, os.unlink

        def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            descriptor = opening(path, flags, *rest, **more)
            if flags & os.O_CREAT and kind_of(path) == "object" and str(path).endswith(".part"):
                self.passed("incoming-opened", str(path))
            return descriptor

        def written(descriptor: int, data: Any) -> int:
            path = path_of(descriptor)
            point = f"torn-{kind_of(path)}-write"
            if path.endswith((".part", ".tree")):
                if self.wants(point):
                    writing(descriptor, memoryview(data)[: len(data) // 2])
                self.passed(point, path)
            return writing(descriptor, data)

        def synced(descriptor: int) -> None:
            path = path_of(descriptor)
            self.passed(f"before-{kind_of(path)}-fsync", path)
            syncing(descriptor)
            self.passed(f"after-{kind_of(path)}-fsync", path)

        def replaced(source: Any, target: Any, **more: Any) -> None:
            self.passed(f"before-{kind_of(target)}-rename", str(target))
            replacing(source, target, **more)
            self.passed(f"after-{kind_of(target)}-rename", str(target))

        def renamed(source: Any, target: Any, **more: Any) -> None:
            self.passed("before-import-rename", str(target))
            renaming(source, target, **more)
            self.passed("after-import-rename", str(target))

        def unlinked(path: Any, **more: Any) -> None:
            what = "incoming" if str(path).endswith(".part") else kind_of(path)
            present = Path(path).exists()
            if present:
                self.passed(f"before-{what}-unlink", str(path))
            unlinking(path, **more)
            if present:
                self.passed(f"after-{what}-unlink", str(path))

        os.open, os.write, os.fsync = opened, written, synced  # type: ignore[assignment]
        os.replace, os.rename, os.unlink = replaced, renamed, unlinked  # type: ignore[assignment]

    def _wrap_locks(self) -> None:
        locking = fcntl.flock

        def locked(descriptor: int, operation: int) -> None:
            locking(descriptor, operation)
            if path_of(descriptor).endswith("/lock"):
                self.passed("lock-taken")

        fcntl.flock = locked  # type: ignore[assignment]

    def _wrap_sqlite(self) -> None:
        connecting = sqlite3.connect
        points = self

        class Connection(sqlite3.Connection):
            _file = ""
            _statements = ""

            def execute(self, statement: str, *rest: Any) -> sqlite3.Cursor:
                if statement != "COMMIT":
                    self._statements = statement if statement.startswith("BEGIN") else self._statements + statement
                    return super().execute(statement, *rest)
                what = transaction_of(self._file, self._statements)
                points.passed(f"before-{what}-commit", self._file)
                cursor = super().execute(statement)
                points.passed(f"after-{what}-commit", self._file)
                return cursor

            def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
                self._statements += statement
                return super().executemany(statement, rows)

        def connect(database: Any, *rest: Any, **more: Any) -> sqlite3.Connection:
            name = Path(str(database).split("?", maxsplit=1)[0]).name
            index = name == "index.sqlite"
            if index:
                points.passed("before-index-open")
            connection = connecting(database, *rest, **{"factory": Connection, **more})
            if isinstance(connection, Connection):
                connection._file = name
            if index:
                points.passed("after-index-open")
            return connection

        sqlite3.connect = connect  # type: ignore[assignment]

    def _wrap_chain(self) -> None:
        submitting = SubstrateChain.submit

        async def submit(chain: SubstrateChain, *rest: Any, **more: Any) -> Any:
            self.passed("before-accept")
            if self.wants("during-accept"):
                asyncio.get_running_loop().call_later(_DURING_ACCEPT_S, self.die, "during-accept")
            self.passed_quietly("during-accept")
            outcome = await submitting(chain, *rest, **more)
            self.passed("after-accept")
            return outcome

        SubstrateChain.submit = submit  # type: ignore[method-assign]

    def passed_quietly(self, point: str) -> None:
        """Counts the passing of a point whose end comes a little later."""
        self._passed[point] += 1


def kind_of(path: object) -> str:
    """What a file of the data directory is: `object`, `tree` or `directory`; `other` is none of the node's objects."""
    name = Path(str(path))
    if name.suffix == ".tree":
        return "tree"
    if name.is_dir():
        return "directory"
    return "object" if name.suffix == ".part" or name.name.isdecimal() else "other"


def path_of(descriptor: int) -> str:
    """The path by which an open file is known now."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def transaction_of(file: str, statements: str) -> str:
    """What a transaction of the node's databases is about: an `entry`, a `state`, the `quarantine`, a `picture` of the directory, or something `other`."""
    if file == "directory.sqlite":
        return "picture"
    if file != "index.sqlite":
        return "other"
    if "INSERT INTO objects" in statements:
        return "entry"
    if "SET state = 'quarantined'" in statements:
        return "quarantine"
    return "state" if "SET state" in statements else "other"
