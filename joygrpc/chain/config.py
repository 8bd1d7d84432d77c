"""Settings of the chain client."""

from dataclasses import dataclass, field
from datetime import timedelta

from joygrpc.chain.keys import KeySource

JOYSTREAM_SS58_PREFIX = 126


@dataclass(frozen=True, slots=True)
class ChainTimeouts:
    """How long things may take."""

    connect: timedelta = timedelta(seconds=10)
    """TCP, TLS and WebSocket handshake."""
    rpc: timedelta = timedelta(seconds=15)
    """One JSON-RPC request."""
    call: timedelta = timedelta(seconds=30)
    """A call of the port, connecting and decoding of metadata included; `submit` has its own."""
    submit: timedelta = timedelta(minutes=5)
    """From signing to the block, or to its finality; then the outcome is unknown."""
    start: timedelta = timedelta(seconds=60)
    """Start of the child process and reading of the keys."""
    stop: timedelta = timedelta(seconds=3)
    """After that the child is killed."""


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """Where the chain is and how to talk to it."""

    url: str
    """WebSocket address of a node's JSON-RPC, `ws://` or `wss://`."""
    keys: KeySource = field(default_factory=KeySource)
    timeouts: ChainTimeouts = field(default_factory=ChainTimeouts)
    ss58_prefix: int = JOYSTREAM_SS58_PREFIX
    """For account texts until the chain has told its own."""
    mortality_blocks: int = 64
    """A transaction that was not included within so many blocks never will be; a power of two."""
    max_submissions: int = 32
    """Transactions followed at a time; further ones wait."""
    poll_interval: timedelta = timedelta(seconds=6)
    """How often the finalized head is asked for when no news of one arrives."""
