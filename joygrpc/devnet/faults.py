"""Faults on command: how the devnet misbehaves while a test asks it to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

QueryNodeError = Literal["none", "http_500", "graphql_error", "null_data", "hang"]


@dataclass(slots=True)
class RejectRule:
    """Lets matching extrinsics fail in their block with a module error, whatever they ask for.

    `call` is `Pallet.call_name` (also matches inside batches), or None for every call; `remaining` counts down
    with each failure, None means for ever.
    """

    pallet: str
    error: str
    call: str | None = None
    remaining: int | None = 1


@dataclass(slots=True)
class DropRule:
    """Lets matching transactions vanish: accepted into the pool, never in a block.

    `notify` tells watchers `dropped`; without it they hear nothing more.
    """

    call: str | None = None
    remaining: int | None = 1
    notify: bool = False


@dataclass(slots=True)
class Faults:
    """The faults in force; the chain and the query node read it, the admin methods write it."""

    stalled: bool = False
    """No blocks are made while set."""
    reject: list[RejectRule] = field(default_factory=list)
    drop: list[DropRule] = field(default_factory=list)
    query_node_lag_blocks: int = 0
    """How many finalised blocks the query node stays behind."""
    query_node_error: QueryNodeError = "none"
    chain_delay_ms: int = 0
    """How late the chain answers and notifies. Requests act at once, so that a submission may succeed unheard."""
