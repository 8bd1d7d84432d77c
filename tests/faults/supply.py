"""New objects for uploaders, and objects that only a peer holds, for replication."""

from __future__ import annotations

import asyncio
import random

from tests.faults.devnet_process import DevnetProcess
from tests.faults.ledger import BAG, Draft, Ledger, Piece, draft
from tests.unit.distributor.storage_peers import Peer

PEER_BUCKET = 2
"""The bucket whose operator is a peer that always has everything that it accepted."""
_BATCH = 40


class Supply:
    """Puts objects on chain and into the ledger. `calm` is set while the chain makes blocks."""

    def __init__(self, devnet: DevnetProcess, ledger: Ledger, rng: random.Random, peer: Peer | None = None) -> None:
        self._devnet, self._ledger, self._rng, self._peer = devnet, ledger, rng, peer
        self._ready: list[Piece] = []
        self._lock = asyncio.Lock()
        self.calm = asyncio.Event()
        self.calm.set()

    async def take(self) -> Piece:
        """An object that waits for its upload."""
        async with self._lock:
            if not self._ready:
                self._ready = await self.create([draft(self._rng) for _ in range(_BATCH)])
            return self._ready.pop()

    async def stock_up(self) -> None:
        """Sees to it that uploads can go on while the chain does not."""
        async with self._lock:
            if len(self._ready) < _BATCH:
                self._ready += await self.create([draft(self._rng) for _ in range(_BATCH)])

    async def create(self, drafts: list[Draft]) -> list[Piece]:
        """Puts objects on chain."""
        await self.calm.wait()
        ids = await self._devnet.call("devnet_createObjects", bag=BAG, objects=[each.entry for each in drafts])
        pieces = [
            Piece(object_id, each.seed, each.size, each.multihash) for object_id, each in zip(ids, drafts, strict=True)
        ]
        self._ledger.pieces |= {piece.id: piece for piece in pieces}
        return pieces

    async def owe(self, count: int) -> list[int]:
        """Objects that the peer has accepted and holds, so that the nodes have to fetch them; their ids."""
        assert self._peer is not None
        pieces = await self.create([draft(self._rng) for _ in range(count)])
        self._peer.objects.update({piece.id: piece.data for piece in pieces})
        await self.calm.wait()
        ids = [piece.id for piece in pieces]
        await self._devnet.accept(PEER_BUCKET, BAG, ids)
        return ids
