"""The devnet's query node: blocks in, GraphQL out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from aiohttp import web

from joygrpc.devnet.events import FinalizedBlock
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.query_node.endpoint import GraphQLEndpoint
from joygrpc.devnet.query_node.entities import DESCRIPTION
from joygrpc.devnet.query_node.projection import Projection
from joygrpc.devnet.query_node.schema import Context
from joygrpc.devnet.query_node.selection import Selection
from joygrpc.devnet.query_node.shapes import TYPE_OF
from joygrpc.devnet.query_node.tables import Tables

VERSION: Final = "joygrpc-devnet"
"""What `squidVersion` answers."""


class QueryNode:
    """An indexer in memory, in the shape of today's Joystream query node, that is fed finalised blocks from the first on.

    It is rebuilt by applying the chain's blocks again. `faults` let it lag behind or answer wrongly.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._tables = Tables(DESCRIPTION)
        self._selection = Selection(self._tables)
        self._projection = Projection(self._tables)
        self._held_back: deque[FinalizedBlock] = deque()
        self._head = 0
        self._height = 0

    def __repr__(self) -> str:
        return f"<QueryNode at block {self.height} of {self._head}>"

    @property
    def height(self) -> int:
        """Number of the newest block that answers show; 0 before the first."""
        self._catch_up()
        return self._height

    async def apply(self, block: FinalizedBlock) -> None:
        """Takes the next finalised block; one that was there before, or would leave a gap, is a `ValueError`.

        Gives way to other tasks, so that a long replay stops nobody; cancellation leaves the block out or in, never half.
        """
        if block.number != self._head + 1 and self._head:
            raise ValueError(f"block {block.number} does not follow block {self._head}")
        self._head = block.number
        self._held_back.append(block)
        self._catch_up()
        await asyncio.sleep(0)

    def add_routes(self, app: web.Application) -> None:
        """Serves `/graphql` (POST, and GET for simple queries) in the application."""
        GraphQLEndpoint(self._context, self._faults).add_routes(app)

    def set_subtitle(self, object_id: int, mime_type: str) -> None:
        """Makes an object the asset of a video subtitle, which is how the indexer knows the media type of objects.

        On the real chain the content pallet's metadata says so, which the devnet does not read. No such object is a `KeyError`.
        """
        key = str(object_id)
        if self._tables["StorageDataObject"].get(key) is None:
            raise KeyError(object_id)
        self._tables["VideoSubtitle"].put({"id": key, "mimeType": mime_type, "asset": key})
        self._tables["StorageDataObject"].change(key, type={TYPE_OF: "DataObjectTypeVideoSubtitle", "subtitle": key})

    def _context(self) -> Context:
        return Context(self._tables, self._selection, self.height, VERSION)

    def _catch_up(self) -> None:
        """Applies what the lag, which may have changed since the last block, no longer holds back."""
        shown = self._head - self._faults.query_node_lag_blocks
        while self._held_back and self._held_back[0].number <= shown:
            block = self._held_back.popleft()
            self._projection.apply(block)
            self._height = block.number
