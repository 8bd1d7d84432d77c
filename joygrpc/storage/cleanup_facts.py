"""Asking chain, query node and directory what a cleanup must know."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from joygrpc.chain import Chain, ChainBag, ChainDataObject
from joygrpc.content import BagId
from joygrpc.directory import DirectoryObject, DirectoryStatus, DirectoryStorageBucket, StoragePeer
from joygrpc.directory.peers import mesh_address, rest_root
from joygrpc.mesh import JoygrpcError
from joygrpc.query_node import QueryNodePort
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.cleanup_plan import Surroundings, Whereabouts
from joygrpc.storage.objects import KeptObject


class ChainTimeUnknown(JoygrpcError):
    """The chain does not tell the time of its best block."""

    reason = "CHAIN_UNAVAILABLE"


class CleanupDirectory(Protocol):
    """The part of the directory that a cleanup needs."""

    async def status(self) -> DirectoryStatus:
        """How fresh and complete the picture is."""

    async def obligations(
        self, storage_buckets: Collection[int], after: int = -1, limit: int = 1000, accepted_only: bool = True
    ) -> Sequence[DirectoryObject]:
        """Objects of the buckets' bags, ascending by id."""

    async def storage_peers(self, bag_id: BagId, exclude_worker: int | None = None) -> Sequence[StoragePeer]:
        """Active buckets of the bag with a known address."""

    async def storage_bucket(self, bucket_id: int) -> DirectoryStorageBucket | None:
        """The bucket and its operator."""

    async def saw_deletion(self, object_id: int) -> bool:
        """Whether a finalized block that this node took in deleted the object."""


class CleanupFacts:
    """Facts as they are told now; every method raises what chain, query node and directory raise, and never gives a part of the answer."""

    def __init__(
        self, *, chain: Chain, query_node: QueryNodePort, directory: CleanupDirectory, buckets: OwnBuckets
    ) -> None:
        self._chain, self._query_node, self._directory = chain, query_node, directory
        self._buckets = buckets

    async def surroundings(self) -> Surroundings:
        """How everything stands; the node's buckets are asked for anew."""
        await self._buckets.refresh()
        told = await self._query_node.status()
        head = await self._chain.best_head()
        moment = await self._chain.storage_value("Timestamp", "Now")
        if not isinstance(moment, int):
            raise ChainTimeUnknown
        return Surroundings(
            served=self._buckets.served,
            syncing=await self._chain.is_syncing(),
            chain_head=head.number,
            head_time=datetime.fromtimestamp(moment / 1000, UTC),
            query_node_height=told.height,
            picture=await self._directory.status(),
        )

    async def owed_among(self, object_ids: Sequence[int], served: Collection[int]) -> set[int]:
        """Those of the ids, which ascend, that the picture calls owed, accepted or not."""
        owed: set[int] = set()
        if not object_ids:
            return owed
        wanted, after = set(object_ids), object_ids[0] - 1
        while page := await self._directory.obligations(served, after, len(object_ids), accepted_only=False):
            owed.update(found.object_id for found in page if found.object_id in wanted)
            after = page[-1].object_id
            if after >= object_ids[-1]:
                break
        return owed

    async def whereabouts(self, objects: Sequence[KeptObject]) -> list[Whereabouts]:
        """What is told of some objects, in their order."""
        told = {
            found.id: found.bag_id for found in await self._query_node.objects_by_ids([o.object_id for o in objects])
        }
        absent = [kept.object_id for kept in objects if kept.object_id not in told]
        deleted = set(await self._query_node.deleted_objects(absent))
        for object_id in absent:
            if object_id not in deleted and await self._directory.saw_deletion(object_id):
                deleted.add(object_id)
        entries = await self._entries(objects, told)
        bags: dict[BagId, ChainBag | None] = {}
        for entry in entries.values():
            if entry.bag_id not in bags:
                bags[entry.bag_id] = await self._chain.bag(entry.bag_id)
        return [
            Whereabouts(
                kept=kept,
                told_bag=told.get(kept.object_id),
                on_chain=entry,
                bag=None if entry is None else bags[entry.bag_id],
                deletion_recorded=kept.object_id in deleted,
            )
            for kept in objects
            for entry in [entries.get(kept.object_id)]
        ]

    async def _entries(self, objects: Sequence[KeptObject], told: dict[int, str]) -> dict[int, ChainDataObject]:
        """The chain's entries, sought in the bag on record and in the one that the query node tells."""
        keys = [
            (BagId.parse(bag), kept.object_id)
            for kept in objects
            for bag in dict.fromkeys((kept.bag, told.get(kept.object_id, "")))
            if bag
        ]
        found = await self._chain.data_objects(keys) if keys else []
        return {entry.object_id: entry for entry in found if entry is not None}

    async def peers(self, bag: ChainBag, own_worker: int) -> list[StoragePeer]:
        """Other operators' nodes that, by chain and picture, store the bag."""
        known = await self._directory.storage_peers(bag.bag_id, exclude_worker=own_worker)
        return [peer for peer in known if peer.bucket_id in bag.stored_by]

    async def own_addresses(self) -> frozenset[str]:
        """Where this node's own buckets say that they are."""
        addresses: set[str] = set()
        for bucket_id in self._buckets.served:
            bucket = await self._directory.storage_bucket(bucket_id)
            if bucket is not None:
                mesh = mesh_address(bucket.extra)
                addresses |= addresses_of(rest_root(bucket.endpoint), None if mesh is None else mesh.target)
        return frozenset(addresses)


def addresses_of(endpoint: str | None, grpc_target: str | None) -> frozenset[str]:
    """The addresses of a node, `host:port` each: of its REST root and of its mesh listener."""
    found = {grpc_target} if grpc_target else set()
    if endpoint:
        parts = urlsplit(endpoint)
        found.add(f"{parts.hostname}:{parts.port or {'https': 443}.get(parts.scheme, 80)}{parts.path}")
    return frozenset(found)
