"""Configuration of a storage node."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from joygrpc.config.gateway import EdgeSettings
from joygrpc.config.log import LogSettings
from joygrpc.config.section import Section
from joygrpc.config.sections import (
    AdminSettings,
    ChainSettings,
    MeshSettings,
    QueryNodeSettings,
    RestSettings,
    ShutdownSettings,
)

UploadAuth = Literal["off", "optional", "required"]
AcceptanceMode = Literal["batched", "immediate"]

PRIVATE_DIRECTORY = ".joygrpc"
"""Directory inside a data directory that holds what is not objects."""

ADDRESSES_FILE = "addresses.json"
"""In there while a node runs: where it listens. Commands for a running node read it."""


class SyncSettings(Section):
    """Replication of what the node's buckets owe."""

    enabled: bool = False
    """Whether it runs."""
    interval_s: float = Field(default=20 * 60, gt=0)
    """Pause between two runs, in seconds."""
    retry_interval_s: float = Field(default=3 * 60, gt=0)
    """Pause after a run that could not get everything, in seconds."""
    batch_size: int = Field(default=10_000, ge=1)
    """Objects looked up at a time."""
    workers: int = Field(default=20, ge=1)
    """Downloads at a time."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Longest time for one request to a source, in seconds; the next one goes on where it ended. Without it a source that keeps sending is let go on."""
    stall_timeout_s: float = Field(default=30, gt=0)
    """Longest time without a byte from a source, in seconds."""


class CleanupSettings(Section):
    """Removal of what the node's buckets no longer owe."""

    enabled: bool = False
    """Whether it runs."""
    interval_s: float = Field(default=360 * 60, gt=0)
    """Pause between two runs, in seconds."""
    batch_size: int = Field(default=10_000, ge=1)
    """Objects looked up at a time."""
    workers: int = Field(default=100, ge=1)
    """Removals at a time."""
    quarantine_s: float = Field(default=7 * 24 * 3600, ge=0)
    """How long a removed object is kept out of sight before its bytes go, in seconds."""
    quarantine_interval_s: float = Field(default=10 * 60, gt=0)
    """Pause between two looks at what is kept out of sight, in seconds."""
    max_lag_blocks: int = Field(default=100, ge=0)
    """Most blocks between the chain's head and the query node, or the node's own picture, in either direction; beyond it nothing is removed."""
    max_head_age_s: float = Field(default=600, gt=0)
    """Oldest block that is taken for the chain's head, in seconds; a chain node that stands still is not believed."""
    min_replicas: int = Field(default=2, ge=1)
    """Other operators that must prove to have an object whose bag moved away, before it is removed."""
    new_object_s: float = Field(default=3600, ge=0)
    """Objects that came within so many seconds are left alone."""
    proof_timeout_s: float = Field(default=60, gt=0)
    """Longest time for one operator's proof, in seconds."""


class ScrubSettings(Section):
    """Comparing what is kept with its multihash, again and again."""

    enabled: bool = True
    """Whether it runs by itself."""
    period_days: float = Field(default=30, gt=0)
    """Time within which every object is checked, in days."""
    max_bytes_per_s: int = Field(default=32 << 20, ge=1)
    """Most bytes read for it in a second."""
    interval_s: float = Field(default=60, gt=0)
    """Pause between two runs over what is due, in seconds; up to a fifth longer."""
    run_s: float = Field(default=600, gt=0)
    """Time after which a run begins no further object, in seconds."""


class AcceptanceSettings(Section):
    """Reporting to the chain that objects are held."""

    mode: AcceptanceMode = "batched"
    """`batched`: 201 when the object is verified, reported soon after; `immediate`: 201 when the chain has accepted it."""
    interval_s: float = Field(default=60, gt=0)
    """Pause between two runs over what waits, in seconds; an upload starts one too."""
    max_batch_size: int = Field(default=20, ge=1)
    """Objects in one transaction at most (`--maxBatchTxSize`)."""
    immediate_timeout_s: float = Field(default=60, gt=0)
    """Longest time that an upload waits for the chain in `immediate` mode, in seconds; then it is answered as in `batched`."""


class DirectorySettings(Section):
    """The node's local copy of the on-chain facts."""

    status_interval_s: float = Field(default=10, gt=0)
    """How old the heights of query node and chain in the status may be, in seconds."""
    snapshot_interval_s: float = Field(default=3600, gt=0)
    """Pause between two comparisons with a whole snapshot, in seconds."""
    unknown_ttl_s: float = Field(default=5, ge=0)
    """How long an object that nobody knows is remembered as unknown, in seconds."""


class UploadSettings(Section):
    """Who may upload, and with what tokens."""

    auth: UploadAuth = "off"
    """Whether uploads need a token (`x-api-key`)."""
    token_ttl_s: float = Field(default=30, gt=0)
    """How long a token is valid, in seconds."""


class StorageLimits(Section):
    """Bounds of a storage node."""

    max_concurrent_uploads: int = Field(default=64, ge=1)
    """Uploads at a time; further ones are refused with 503."""
    max_object_bytes: int | None = Field(default=None, ge=1)
    """Largest object in bytes; the chain's own bound when absent."""
    upload_stall_timeout_s: float = Field(default=60, gt=0)
    """Longest time without a byte from an uploader, in seconds."""
    read_stall_timeout_s: float = Field(default=60, gt=0)
    """Longest time that a reader takes no byte, in seconds."""
    free_disk_reserve_bytes: int = Field(default=1 << 30, ge=0)
    """Bytes of the disk that uploads and sync leave free."""
    bandwidth_bytes_per_s: int | None = Field(default=None, ge=1)
    """Bytes a second that uploads, downloads and replication have together; replication takes what the others leave, and at least a tenth. No bound
    when absent."""
    max_uploads_per_client: int = Field(default=32, ge=1)
    """Uploads at a time from one address; further ones are refused with 503."""
    max_pending_objects: int = Field(default=100_000, ge=1)
    """Objects that may wait for acceptance; further uploads are refused with 503."""
    lease_ttl_s: float = Field(default=30, gt=0)
    """How long the gateway may use a lease without asking again, in seconds."""


class StorageNodeConfig(Section):
    """A storage node: `joygrpc storage server`."""

    worker: int = Field(ge=0)
    """The operator's worker in the storage working group."""
    uploads: Path
    """Data directory."""
    temp_folder: Path | None = None
    """Directory for bytes that arrive; below the data directory when absent, and on the same file system."""
    pending_folder: Path | None = None
    """Directory where a reference node left uploads that it had answered, and where operators may put objects by hand; `pending` below the data
    directory when absent. They are taken over from there."""
    buckets: tuple[int, ...] = ()
    """Buckets to serve; all of the worker when empty."""
    chain: ChainSettings = ChainSettings()
    """The chain."""
    query_node: QueryNodeSettings = QueryNodeSettings()
    """The query node."""
    rest: RestSettings = RestSettings()
    """The REST edge."""
    edge: EdgeSettings = EdgeSettings()
    """How the REST edge meets its clients: trusted proxies and bounds. The node's own bounds of uploads hold there too, unless others are set."""
    mesh: MeshSettings = MeshSettings()
    """The public gRPC listener."""
    admin: AdminSettings = AdminSettings()
    """The operator's listener."""
    node_socket: Path | None = None
    """Unix socket on which the gateway reaches the node; chosen by the program when absent."""
    uploading: UploadSettings = UploadSettings()
    """Upload tokens."""
    acceptance: AcceptanceSettings = AcceptanceSettings()
    """Reporting to the chain."""
    sync: SyncSettings = SyncSettings()
    """Replication."""
    cleanup: CleanupSettings = CleanupSettings()
    """Removal."""
    scrub: ScrubSettings = ScrubSettings()
    """Checking."""
    directory: DirectorySettings = DirectorySettings()
    """Local copy of on-chain facts."""
    limits: StorageLimits = StorageLimits()
    """Bounds."""
    shutdown: ShutdownSettings = ShutdownSettings()
    """How it ends."""
    log: LogSettings = LogSettings()
    """The log."""

    @property
    def private_directory(self) -> Path:
        """Where the index, the trees and the lock are."""
        return self.uploads / PRIVATE_DIRECTORY

    @property
    def temp_directory(self) -> Path:
        """Where arriving bytes are."""
        return self.temp_folder or self.uploads / "temp"

    @property
    def pending_directory(self) -> Path:
        """Where objects wait for acceptance."""
        return self.pending_folder or self.uploads / "pending"
