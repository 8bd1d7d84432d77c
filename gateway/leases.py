"""Leased files: descriptors that the gateway keeps open, so that a hit needs no call to the node."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from gateway.facts import ObjectFacts
from joygrpc.pb.joystream.content.v1.content_pb2 import Lease

log = structlog.get_logger("joygrpc.gateway.leases")


@dataclass(slots=True, eq=False)
class OpenLease:
    """An open file of a node, and the facts of the object in it. Hold it (`with`) while reading: the descriptor closes when it is retired and unheld."""

    facts: ObjectFacts
    lease_id: str
    fd: int
    expires_at: float
    _holders: int = field(default=0, init=False)
    _retired: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        self._holders += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holders -= 1
        self._close_if_done()

    def retire(self) -> None:
        """Makes it unavailable to new readers; running ones finish, since a leased inode is never changed."""
        self._retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and self._holders == 0 and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class LeaseTable:
    """Open leases by object, the least recently used going first. Files are opened below `root` alone; without one there are no leases.

    A lease is kept for later requests only while the node can revoke it (`watched`), and only until it expires.
    """

    def __init__(self, root: Path | None, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = None if root is None else os.path.realpath(root)
        self._capacity = capacity
        self._clock = clock
        self._open: OrderedDict[int, OpenLease] = OrderedDict()
        self._watched = False
        self._revocations = 0

    def __repr__(self) -> str:
        return f"<LeaseTable {len(self._open)}/{self._capacity} watched={self._watched}>"

    def __len__(self) -> int:
        return len(self._open)

    @property
    def enabled(self) -> bool:
        """Whether files can be opened at all."""
        return self._root is not None

    @property
    def revocations(self) -> int:
        """Number of revocations so far; note it before asking for a lease, and give it to `admit`."""
        return self._revocations

    def lookup(self, object_id: int) -> OpenLease | None:
        """The lease of an object, if one may be used now. Hold it before the next await."""
        lease = self._open.get(object_id)
        if lease is None:
            return None
        if lease.expires_at <= self._clock():
            self._drop(object_id)
            return None
        self._open.move_to_end(object_id)
        return lease

    def admit(self, facts: ObjectFacts, granted: Lease, asked_at: int) -> OpenLease | None:
        """Opens a granted file. Hold it before the next await: what is not kept closes with its last holder.

        None when it cannot be opened, lies outside the root, or is not the inode that the node named; the bytes then come from the node.
        """
        fd = self._open_checked(granted, facts.size)
        if fd is None:
            return None
        lease = OpenLease(facts, granted.lease_id, fd, self._clock() + granted.valid_for.ToTimedelta().total_seconds())
        # A revocation that overtook the answer may have meant this lease.
        if self._watched and asked_at == self._revocations:
            self._drop(facts.object_id)
            self._open[facts.object_id] = lease
            while len(self._open) > self._capacity:
                self._drop(next(iter(self._open)))
        else:
            lease._retired = True  # noqa: SLF001 - born retired: it serves one reader
        return lease

    def watch(self, watched: bool) -> None:
        """Says whether the node can revoke leases; while it cannot, none are kept."""
        self._watched = watched
        if not watched:
            self.revoke_all()

    def revoke(self, lease_ids: Iterable[str], object_ids: Iterable[int]) -> None:
        """Ends single leases, and all of some objects."""
        self._revocations += 1
        ended = set(lease_ids)
        if ended:
            for object_id in [key for key, lease in self._open.items() if lease.lease_id in ended]:
                self._drop(object_id)
        for object_id in object_ids:
            self._drop(object_id)

    def revoke_all(self) -> None:
        """Ends every lease."""
        self._revocations += 1
        for object_id in list(self._open):
            self._drop(object_id)

    def _drop(self, object_id: int) -> None:
        lease = self._open.pop(object_id, None)
        if lease is not None:
            lease.retire()

    def _open_checked(self, granted: Lease, size: int) -> int | None:
        if self._root is None or os.path.commonpath([self._root, os.path.realpath(granted.path)]) != self._root:
            log.warning("leased file lies outside the data root", lease=granted.lease_id)
            return None
        try:
            fd = os.open(granted.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            log.info("leased file cannot be opened", lease=granted.lease_id, errno=error.errno)
            return None
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) == (granted.device, granted.inode) and found.st_size >= size:
            return fd
        os.close(fd)
        log.warning("leased file is another one", lease=granted.lease_id)
        return None
