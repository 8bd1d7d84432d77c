"""How a devnet is set up, and where it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.presets import DevPreset

FIXED_STEP_MS: Final = 6000
"""The real chain's time between blocks, for `DevnetConfig.fixed_step_ms`."""


@dataclass(frozen=True, slots=True)
class DevnetConfig:
    """Settings of a devnet; times in milliseconds, ports 0 for any free one."""

    host: str = "127.0.0.1"
    chain_port: int = 9944
    query_node_port: int = 4352
    block_time_ms: int = 6000
    """An empty block this long after the last; 0 for none."""
    seal_delay_ms: int | None = 50
    """A block this long after a transaction came; None for no block on transactions."""
    finality_lag: int = 0
    """How many blocks finality stays behind the best block."""
    data: Path | None = None
    """Directory for state that survives restarts; None keeps it in memory."""
    fixed_step_ms: int | None = None
    """With it, block times are fixed steps from a fixed start: the same calls make the same blocks. None for real time."""
    preset: DevPreset | None = None
    """What a new chain begins with; None for nothing but an empty chain."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class DevnetAddresses:
    """Where a running devnet answers, and the secret URIs of its preset's accounts."""

    chain: str
    """`ws://host:port`; the same port takes JSON-RPC by POST."""
    query_node: str
    """`http://host:port/graphql`."""
    accounts: Mapping[str, str]
