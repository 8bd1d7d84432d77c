"""The storage nodes of bags, from the directory."""

from collections import OrderedDict
from collections.abc import Sequence

from joygrpc.content import BagId
from joygrpc.directory import Directory, DirectoryError
from joygrpc.directory.facts import StoragePeer
from joygrpc.distributor.errors import DeliveryFailed

REMEMBERED_BAGS = 10_000


class PeersUnknown(DeliveryFailed):
    """The directory has no picture yet."""

    told = "The node does not know the storage nodes yet"
    reason = "DIRECTORY_NOT_READY"


class PeerFinder:
    """Finds the storage nodes of a bag, and remembers for which bags it was asked."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._bags: OrderedDict[BagId, None] = OrderedDict()

    def __repr__(self) -> str:
        return f"<PeerFinder {len(self._bags)} bags>"

    async def peers_of(self, bag: BagId) -> Sequence[StoragePeer]:
        """The bag's active storage nodes with a valid endpoint. Raises `PeersUnknown` before the directory has a picture."""
        self._bags[bag] = None
        self._bags.move_to_end(bag)
        if len(self._bags) > REMEMBERED_BAGS:
            self._bags.popitem(last=False)
        return await self._peers(bag)

    async def known_peers(self, further_bags: Sequence[BagId] = ()) -> list[StoragePeer]:
        """The storage nodes of all bags that were asked for and of some others, each endpoint once. Raises as `peers_of`."""
        peers: dict[str, StoragePeer] = {}
        for bag in dict.fromkeys((*self._bags, *further_bags)):
            for peer in await self._peers(bag):
                peers.setdefault(peer.endpoint, peer)
        return list(peers.values())

    async def _peers(self, bag: BagId) -> Sequence[StoragePeer]:
        try:
            return await self._directory.storage_peers(bag)
        except DirectoryError as error:
            raise PeersUnknown from error
