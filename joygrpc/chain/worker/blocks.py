"""Headers and events of blocks."""

from typing import Any

from joygrpc.chain.event_fields import name_fields
from joygrpc.chain.port import ChainEvent
from joygrpc.chain.worker.connection import Connection


def header_of(connection: Connection, block_hash: str) -> tuple[int, str]:
    """A block's number and its parent's hash."""
    header = connection.rpc("chain_getHeader", [block_hash])
    return int(header["number"], 16), header["parentHash"]


def block_events(connection: Connection, block_hash: str) -> tuple[ChainEvent, ...]:
    """All events of a block, in order."""
    connection.at_block(block_hash)
    return tuple(_event(record.value, connection) for record in connection.read_events(block_hash))


def _event(record: Any, connection: Connection) -> ChainEvent:
    pallet, name = record["module_id"], record["event_id"]
    return ChainEvent(
        pallet=pallet,
        name=name,
        fields=name_fields(pallet, name, connection.event_field_names(pallet, name), record["attributes"]),
        extrinsic_index=record["extrinsic_idx"],
    )
