"""A cache with its fills, against storage nodes that a test starts."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from joygrpc.content import BagId
from joygrpc.directory.facts import StoragePeer
from joygrpc.distributor.address_guard import AddressGuard
from joygrpc.distributor.cache import Cache, CachedObject
from joygrpc.distributor.cache_index import CacheIndex
from joygrpc.distributor.delivery import Delivery
from joygrpc.distributor.filling import Pace
from joygrpc.distributor.fills import FillLimits, FillService
from joygrpc.distributor.grpc_source import GrpcSource
from joygrpc.distributor.hedging import HedgeBudget
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.object_file import DiskThreads
from joygrpc.distributor.policies import LruSp
from joygrpc.distributor.rest_source import RestSource
from joygrpc.distributor.sources import PeerBook
from joygrpc.distributor.through import PassThrough
from joygrpc.distributor.verification import Verification
from joygrpc.mesh import ChannelPool

from .storage_peers import Peer

STALL = timedelta(milliseconds=300)
PACE = Pace(hedge_after=timedelta(milliseconds=100), linger=timedelta(milliseconds=20))


@asynccontextmanager
async def open_cache(directory: Path, limit: int = 1 << 30) -> AsyncIterator[Cache]:
    with DiskThreads(4) as threads:
        async with CacheIndex(directory / "index.db") as index:
            cache = Cache(directory / "objects", LruSp(), index, threads, limit=limit)
            await cache.adopt()
            try:
                yield cache
            finally:
                cache.close()


async def nobody_to_tell(_: CachedObject) -> None:
    """There is no gateway."""


@dataclass
class Rig:
    """The parts between a cache and its sources."""

    cache: Cache
    links: PeerLinks
    fills: FillService
    through: PassThrough
    delivery: Delivery
    peers: list[StoragePeer]

    def use(self, *peers: Peer) -> None:
        """These are the storage nodes of every bag now, the first one known to be the fastest."""
        self.peers[:] = [peer.facts(number) for number, peer in enumerate(peers)]
        for number, peer in enumerate(peers):
            self.links.book.answered(peer.endpoint, 0.001 * (number + 1))


OpenRig = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def open_rig(tmp_path: Path) -> OpenRig:
    @asynccontextmanager
    async def opened(
        limit: int = 1 << 30,
        *,
        limits: FillLimits | None = None,
        pace: Pace = PACE,
        hedged_share: float = 0.1,
        allow_private: bool = True,
        per_peer: int = 8,
        patience: timedelta = timedelta(seconds=5),
        absent_ttl: timedelta = timedelta(0),
    ) -> AsyncIterator[Rig]:
        peers: list[StoragePeer] = []

        async def peers_of(bag: BagId) -> Sequence[StoragePeer]:
            return peers

        guard = AddressGuard(allow_private=allow_private)
        async with (
            open_cache(tmp_path, limit) as cache,
            ChannelPool() as channels,
            RestSource(guard, timedelta(seconds=2), STALL) as rest,
        ):
            links = PeerLinks(
                PeerBook(absent_ttl), GrpcSource(channels, guard, STALL, STALL), rest, most=32, most_per_peer=per_peer
            )
            fill_limits = limits or FillLimits(8, 8, timedelta(seconds=5))
            async with FillService(cache, links, peers_of, fill_limits, pace, HedgeBudget(hedged_share)) as fills:
                through = PassThrough(links, peers_of)
                verification = Verification(cache, share=0, revoke=nobody_to_tell, dice=random.Random(1))
                delivery = Delivery(cache, fills, through, patience, verification)
                yield Rig(cache, links, fills, through, delivery, peers)

    return opened
