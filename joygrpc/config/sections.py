"""Parts of configurations that several programs share."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from joygrpc.config.section import Secret, Section

KeyType = Literal["sr25519", "ed25519", "ecdsa"]


class KeySettings(Section):
    """One key: exactly one of `suri`, `mnemonic` and `keyfile`."""

    suri: Secret | None = None
    """Secret URI as polkadot.js takes it: a development path, a mnemonic or a `0x` seed, with derivations."""
    mnemonic: Secret | None = None
    """Words of a mnemonic phrase."""
    keyfile: Path | None = None
    """A polkadot.js JSON backup."""
    type: KeyType = "sr25519"
    """Kind of key that `suri` or `mnemonic` derives; a file names its own."""


class ChainSettings(Section):
    """The chain and the accounts to act with."""

    url: str = "ws://localhost:9944"
    """WebSocket address of a node's JSON-RPC, `ws://` or `wss://`."""
    dev: bool = False
    """Whether only `//Alice` is used, and only on a development chain."""
    keys: tuple[KeySettings, ...] = ()
    """Keys to unlock at the start."""
    key_store: Path | None = None
    """A directory whose `.json` files are all read as keys."""
    passwords: tuple[Secret, ...] = ()
    """Tried in order on every locked key file."""
    rpc_timeout_s: float = Field(default=15.0, gt=0)
    """Longest time for one JSON-RPC request, in seconds."""
    connect_timeout_s: float = Field(default=10.0, gt=0)
    """Longest time for connecting, in seconds."""
    start_timeout_s: float = Field(default=60.0, gt=0)
    """How long a node waits at its start for the chain to be reachable and in step, in seconds."""


class QueryNodeSettings(Section):
    """The query node (GraphQL, today's Subsquid shape)."""

    url: str = "http://localhost:4352/graphql"
    """Address of the endpoint."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Longest time for one query, in seconds."""
    page_size: int = Field(default=1000, ge=1, le=10_000)
    """Rows asked for in one page."""


class TlsSettings(Section):
    """TLS of a mesh listener, or of a channel to one."""

    certificate: Path
    """Certificate chain, PEM."""
    key: Path
    """Private key, PEM."""
    client_ca: Path | None = None
    """Certificates that sign the other side's, PEM. On a listener: peers must show one (mTLS); on a channel: instead of the system's roots."""


class MeshSettings(Section):
    """The public gRPC listener of a node."""

    host: str = "0.0.0.0"
    """Address to listen on."""
    port: int = Field(default=50051, ge=0, le=65535)
    """Port to listen on; 0 for a free one."""
    tls: TlsSettings | None = None
    """Certificate to show; plain text without."""
    max_concurrent_rpcs: int = Field(default=1000, ge=1)
    """Calls served at a time; further ones are refused with RESOURCE_EXHAUSTED."""
    max_rpcs_per_peer: int = Field(default=64, ge=1)
    """Calls served at a time for one peer address."""


class AdminSettings(Section):
    """The operator's listeners: HTTP (metrics, health) and gRPC (operator service, channelz)."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback, as whoever reaches it may stop the node."""
    port: int = Field(default=9101, ge=0, le=65535)
    """Port of the HTTP listener; 0 for a free one."""
    grpc_port: int = Field(default=0, ge=0, le=65535)
    """Port of the gRPC listener; 0 for a free one."""


class RestSettings(Section):
    """The REST edge of a node."""

    enabled: bool = True
    """Whether this program runs the gateway itself."""
    host: str = "0.0.0.0"
    """Address to listen on."""
    port: int = Field(default=3333, ge=0, le=65535)
    """Port to listen on; 0 for a free one."""
    workers: int = Field(default=1, ge=1, le=256)
    """Gateway processes that share the port."""


class ShutdownSettings(Section):
    """How a program ends."""

    drain_s: float = Field(default=3.0, ge=0)
    """Time for running requests to end, in seconds; then they are cut."""
    deadline_s: float = Field(default=9.0, gt=0)
    """Longest time from SIGTERM to the end of the last process, in seconds."""
