"""What a block writes, encoded: the rows that changed, and its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from joygrpc.devnet.chain.headers import blake2_256
from joygrpc.devnet.events import Event
from joygrpc.devnet.ledger.tables import Table
from joygrpc.devnet.metadata.runtime import Runtime
from joygrpc.devnet.scale import encode_compact


def encode_changes(runtime: Runtime, changed: Iterable[tuple[Table[Any, Any], Any]]) -> dict[bytes, bytes | None]:
    """Raw keys and values of rows as they are now; None for those that are gone."""
    changes: dict[bytes, bytes | None] = {}
    for table, key in changed:
        item = runtime.item(table.pallet, table.item)
        parts = key if len(item.keys) != 1 else (key,)
        changes[item.raw_key(*parts)] = item.value.encode(table[key]) if key in table else None
    return changes


def encode_events(runtime: Runtime, events: Sequence[Event]) -> bytes:
    """The value of `System.Events`."""
    out = bytearray(encode_compact(len(events)))
    for event in events:
        if event.extrinsic_index is None:
            out.append(2)  # phase Initialization
        else:
            out += b"\0" + event.extrinsic_index.to_bytes(4, "little")
        runtime.events.write({event.pallet: {event.name: event.fields}}, out)
        out.append(0)  # no topics
    return bytes(out)


def state_root(previous: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> bytes:
    """A digest that changes with the state; not the root of a trie, since nobody asks for proofs."""
    parts = (key + (b"\0" if value is None else b"\1" + value) for key, value in sorted(changes))
    return blake2_256(previous + b"".join(parts))
