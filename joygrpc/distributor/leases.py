"""Letting the gateway on the same machine open files of the cache."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.mesh import EdgeHub
from joygrpc.pb.joystream.content.v1 import content_pb2 as content


class LeaseBook:
    """Gives and revokes leases. All leases of one file share a token, since they mean the same thing."""

    def __init__(self, cache: Cache, hub: EdgeHub, valid_for: timedelta) -> None:
        self._cache = cache
        self._hub = hub
        self._valid_for = valid_for
        self._given: dict[int, CachedObject] = {}
        cache.on_drop(self._dropped)

    def __repr__(self) -> str:
        return f"<LeaseBook {len(self._given)} files>"

    def give(self, entry: CachedObject) -> content.Lease:
        """A lease of the object's file, from now on."""
        entry.lent_until = asyncio.get_running_loop().time() + self._valid_for.total_seconds()
        self._given[entry.object_id] = entry
        valid_for = Duration()
        valid_for.FromTimedelta(self._valid_for)
        return content.Lease(
            lease_id=_token(entry),
            path=str(entry.file.path.absolute()),
            device=entry.file.device,
            inode=entry.file.inode,
            valid_for=valid_for,
        )

    def lent(self) -> list[int]:
        """Objects with a lease that may still be used."""
        now = asyncio.get_running_loop().time()
        self._given = {object_id: entry for object_id, entry in self._given.items() if entry.lent_until > now}
        return list(self._given)

    async def revoke(self, object_ids: Iterable[int]) -> None:
        """End the leases of objects."""
        entries = [entry for object_id in object_ids if (entry := self._given.pop(object_id, None)) is not None]
        if entries:
            await self._hub.revoke([_token(entry) for entry in entries], [entry.object_id for entry in entries])

    async def revoke_all(self) -> None:
        """End every lease."""
        self._given.clear()
        await self._hub.revoke(everything=True)

    async def _dropped(self, entry: CachedObject) -> None:
        await self.revoke([entry.object_id])


def _token(entry: CachedObject) -> str:
    return f"{entry.object_id}-{entry.generation}"
