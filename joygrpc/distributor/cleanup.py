"""Removing what the node does not distribute any more, and ending the leases of it."""

import structlog

from joygrpc.directory import Directory
from joygrpc.directory.facts import DirectoryChange
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.errors import AssetRefused
from joygrpc.distributor.leases import LeaseBook
from joygrpc.distributor.resolver import Resolver
from joygrpc.mesh import JoygrpcError

log = structlog.get_logger(__name__)


class PictureIncomplete(JoygrpcError):
    """The directory has no complete and fresh picture, so nothing is removed."""

    reason = "DIRECTORY_NOT_READY"


class Cleanup:
    """Compares the cache, and what is lent from it, with what the node serves."""

    def __init__(self, cache: Cache, resolver: Resolver, directory: Directory, leases: LeaseBook) -> None:
        self._cache = cache
        self._resolver = resolver
        self._directory = directory
        self._leases = leases

    def __repr__(self) -> str:
        return f"<Cleanup of {self._cache!r}>"

    async def run(self) -> None:
        """Drop the objects that are gone from the chain or assigned elsewhere.

        Raises `PictureIncomplete` when the directory is not complete or its last refresh failed, and the error of the first look-up that fails: the
        objects before it were judged by a good picture, those after it stay.
        """
        status = await self._directory.status()
        if not status.complete or status.last_error:
            raise PictureIncomplete
        dropped = 0
        for entry in self._cache:
            if entry.filling or entry.file.in_use:
                # Its turn comes in the next run.
                continue
            try:
                await self._resolver.judge(entry.object_id)
            except AssetRefused as refusal:
                log.info("object is not distributed any more", object_id=entry.object_id, reason=refusal.reason)
                if not (entry.filling or entry.file.in_use):
                    await self._cache.drop(entry)
                    dropped += 1
        log.info("cache cleaned up", dropped=dropped, left=len(self._cache))

    async def follow(self, change: DirectoryChange) -> None:
        """After a change in the directory, end the leases of objects that are not served any more."""
        if change.kind in {"object_created", "object_accepted"}:
            return
        lent = self._leases.lent()
        touched = lent if not change.object_ids else [known for known in change.object_ids if known in set(lent)]
        refused = []
        for object_id in touched:
            try:
                await self._resolver.resolve(object_id)
            except AssetRefused:
                refused.append(object_id)
        await self._leases.revoke(refused)
