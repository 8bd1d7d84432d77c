"""Blocks in, tables changed: which event changes what."""

from __future__ import annotations

from datetime import UTC, datetime

from joygrpc.devnet.events import FinalizedBlock
from joygrpc.devnet.query_node.bag_projection import BagProjection
from joygrpc.devnet.query_node.distribution_projection import DistributionProjection
from joygrpc.devnet.query_node.event_fields import EventFields, Handler, Moment
from joygrpc.devnet.query_node.storage_projection import StorageProjection
from joygrpc.devnet.query_node.tables import Tables
from joygrpc.devnet.query_node.timestamps import date_time_text


class Projection:
    """Applies blocks to the tables. Events that concern no entity are passed over."""

    def __init__(self, tables: Tables) -> None:
        self._handlers: dict[str, Handler] = {
            **BagProjection(tables).handlers(),
            **StorageProjection(tables).handlers(),
            **DistributionProjection(tables).handlers(),
        }

    def apply(self, block: FinalizedBlock) -> None:
        """Takes in the events of one block, in order."""
        timestamp = date_time_text(datetime.fromtimestamp(block.timestamp_ms / 1000, UTC))
        for index, event in enumerate(block.events):
            handler = self._handlers.get(event.name) if event.pallet == "Storage" else None
            if handler is None:
                continue
            at = event.extrinsic_index
            extrinsic = block.extrinsic_hashes[at] if at is not None and at < len(block.extrinsic_hashes) else None
            handler(EventFields(event.fields), Moment(block.number, index, timestamp, extrinsic))
