"""What is done to objects from outside while nodes are killed: an operator brings the data of a reference node, owners delete what is theirs."""

from __future__ import annotations

import asyncio
import random

from tests.faults.devnet_process import DevnetProcess
from tests.faults.lane import Lane
from tests.faults.ledger import BAG, Ledger, Piece, draft
from tests.faults.supply import PEER_BUCKET, Supply

_ACCEPTED, _PENDING = 3, 1
_DELETED = 3


class Owners:
    """Acts on one run's nodes."""

    def __init__(self, devnet: DevnetProcess, supply: Supply, ledger: Ledger, rng: random.Random) -> None:
        self._devnet, self._supply, self._ledger, self._rng = devnet, supply, ledger, rng

    async def import_into(self, lane: Lane) -> None:
        """Puts files where a reference node has them: objects in the data directory, uploads that were answered in its pending folder. The node is down."""
        pieces = await self._supply.create([draft(self._rng) for _ in range(_ACCEPTED + _PENDING)])
        await asyncio.to_thread(_write, lane, pieces)
        await self._devnet.accept(PEER_BUCKET, BAG, [piece.id for piece in pieces[_PENDING:]])
        self._ledger.imported[lane.worker] += [piece.id for piece in pieces]

    async def delete_from(self, lane: Lane) -> None:
        """Deletes some objects on chain that the node stores."""
        stored = sorted(self._ledger.stored[lane.worker] - self._ledger.released)
        chosen = self._rng.sample(stored, min(_DELETED, len(stored)))
        # They are nobody's promise from before the moment on that they may be gone.
        self._ledger.released.update(chosen)
        if chosen:
            await self._devnet.call("devnet_deleteObjects", bag=BAG, objects=chosen)


def _write(lane: Lane, pieces: list[Piece]) -> None:
    lane.config.uploads.mkdir(exist_ok=True)
    lane.config.pending_directory.mkdir(exist_ok=True)
    for piece in pieces[:_PENDING]:
        (lane.config.pending_directory / str(piece.id)).write_bytes(piece.data)
    for piece in pieces[_PENDING:]:
        (lane.config.uploads / str(piece.id)).write_bytes(piece.data)
