"""Configuration of a distributor node, in the shape of the reference's `config.yml`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from joygrpc.config.gateway import EdgeSettings
from joygrpc.config.log import Frequency, LogElasticSettings, LogFileSettings, LogLevel, LogSettings
from joygrpc.config.section import Secret, Section
from joygrpc.config.sections import AdminSettings, KeySettings, MeshSettings, ShutdownSettings
from joygrpc.config.sizes import Size


def _bucket(text: str) -> str:
    family, colon, index = text.partition(":")
    if not (colon and family.isdecimal() and index.isdecimal()):
        raise ValueError("a distribution bucket is written family:index, for instance 0:1")
    return f"{int(family)}:{int(index)}"


def _one_source(key: KeySettings) -> KeySettings:
    if sum(source is not None for source in (key.suri, key.mnemonic, key.keyfile)) != 1:
        raise ValueError("a key has exactly one of suri, mnemonic and keyfile")
    return key


BucketText = Annotated[str, AfterValidator(_bucket)]
"""`family:index`, without leading zeros."""


REFERENCE_LEAST_STORAGE = 20 << 30
"""The reference's least `limits.storage`, in bytes."""

CachePolicyName = Literal["lru_sp", "s3_fifo", "split"]
CacheAdmissionName = Literal["always", "second_hit"]


class CamelSection(Section):
    """A part whose keys are written in camelCase, as the reference writes them."""

    model_config = ConfigDict(alias_generator=to_camel)


class Endpoints(CamelSection):
    """The programs that the node asks."""

    storage_squid: str = Field(
        validation_alias=AliasChoices("storageSquid", "queryNode", "storage_squid"), serialization_alias="storageSquid"
    )
    """GraphQL address of the query node; `queryNode` in older files."""
    joystream_node_ws: str
    """WebSocket address of a chain node."""


class Directories(CamelSection):
    """Where the node keeps its files."""

    assets: Path
    """Cached objects."""
    cache_state: Path
    """The cache's index."""


class FileLog(CamelSection):
    """`logs.file`."""

    level: LogLevel
    """Least severe level."""
    path: Path
    """Directory, relative to the working directory."""
    max_files: int | None = Field(default=None, ge=1)
    """Files kept."""
    max_size: int | None = Field(default=None, ge=1024)
    """Bytes per file."""
    frequency: Frequency = "daily"
    """How often a new file is begun."""
    archive: bool = False
    """Whether old files are compressed."""


class ConsoleLog(CamelSection):
    """`logs.console`."""

    level: LogLevel
    """Least severe level."""


class ElasticAuth(CamelSection):
    """`logs.elastic.auth`."""

    username: str
    """User."""
    password: Secret
    """Password."""


class ElasticLog(CamelSection):
    """`logs.elastic`."""

    level: LogLevel
    """Least severe level."""
    endpoint: str
    """URL."""
    index_prefix: str = "logs-argus"
    """Begin of the data stream's name."""
    auth: ElasticAuth | None = None
    """Basic authentication."""


class Logs(CamelSection):
    """The log's outputs; one that is absent is off."""

    file: FileLog | None = None
    """Files."""
    console: ConsoleLog | None = None
    """Standard error."""
    elastic: ElasticLog | None = None
    """Elasticsearch."""


class Limits(CamelSection):
    """Bounds. The reference's lower bounds are not enforced: small values are for tests."""

    storage: Size = Field(gt=0)
    """Bytes that the cache may take."""
    max_concurrent_storage_node_downloads: int = Field(default=100, ge=1)
    """Downloads at a time."""
    max_concurrent_outbound_connections: int = Field(default=300, ge=1)
    """Outgoing connections at a time."""
    outbound_requests_timeout_ms: int = Field(default=5000, ge=1)
    """Longest time for one outgoing look-up, in milliseconds."""
    pending_download_timeout_sec: int = Field(default=3600, ge=1)
    """Longest time that an object waits for its download to begin, in seconds."""
    max_cached_item_size: Size | None = Field(default=None, gt=0)
    """Largest object that is cached, in bytes; larger ones are passed through."""
    data_object_source_by_object_id_ttl: int = Field(
        default=60,
        ge=1,
        validation_alias=AliasChoices("dataObjectSourceByObjectIdTTL", "data_object_source_by_object_id_ttl"),
        serialization_alias="dataObjectSourceByObjectIdTTL",
    )
    """How long the sources of an object are remembered, in seconds."""
    query_node_cache_ttl: int = Field(
        default=60,
        ge=1,
        validation_alias=AliasChoices("queryNodeCacheTTL", "query_node_cache_ttl"),
        serialization_alias="queryNodeCacheTTL",
    )
    """How long answers of the query node are remembered, in seconds."""


class Intervals(CamelSection):
    """How often things are done, in seconds."""

    save_cache_state: int = Field(default=60, ge=1)
    """Saving of the cache's recency."""
    check_storage_node_response_times: int = Field(default=60, ge=1)
    """Measuring of the sources."""
    cache_cleanup: int = Field(default=86400, ge=1)
    """Removal of what is no longer assigned."""


class PublicApi(CamelSection):
    """The public REST API."""

    port: int = Field(default=3334, ge=0, le=65535)
    """Port; 0 for a free one."""


class OperatorApi(CamelSection):
    """The operator's REST API."""

    port: int = Field(ge=0, le=65535)
    """Port; 0 for a free one."""
    hmac_secret: Secret
    """Key that signs the operator's tokens (HS256)."""


class DistributorMesh(MeshSettings):
    """The public gRPC listener of a distributor."""

    port: int = Field(default=50061, ge=0, le=65535)
    """Port to listen on; 0 for a free one."""


class DistributorAdmin(AdminSettings):
    """The operator's listeners of a distributor."""

    port: int = Field(default=9103, ge=0, le=65535)
    """Port of the HTTP listener; 0 for a free one."""


class DistributorExtras(Section):
    """The `joygrpc:` section: what the reference does not know."""

    host: str = "0.0.0.0"
    """Address of the public REST API."""
    operator_host: str = "127.0.0.1"
    """Address of the operator's REST API."""
    gateway: bool = True
    """Whether this program runs the gateway itself."""
    gateway_workers: int = Field(default=1, ge=1, le=256)
    """Gateway processes that share the ports."""
    edge: EdgeSettings = EdgeSettings()
    """How the gateway meets its clients: trusted proxies and bounds. `edge.limits.stall_timeout_s` is `read_stall_timeout_s` unless it is set."""
    mesh: DistributorMesh = DistributorMesh()
    """The public gRPC listener."""
    admin: DistributorAdmin = DistributorAdmin()
    """The operator's listener."""
    node_socket: Path | None = None
    """Unix socket on which the gateway reaches the node; chosen by the program when absent."""
    directory_refresh_interval_s: float = Field(default=60, gt=0)
    """Pause between two refreshes of the local copy of on-chain facts, in seconds."""
    unknown_ttl_s: float = Field(default=5, ge=0)
    """How long an object that nobody knows is remembered as unknown, in seconds."""
    stall_timeout_s: float = Field(default=10, gt=0)
    """Longest time without a byte from a source, in seconds; then the next one is asked."""
    read_stall_timeout_s: float = Field(default=60, gt=0)
    """Longest time that a reader takes no byte, in seconds."""
    lease_ttl_s: float = Field(default=30, gt=0)
    """How long the gateway may use a lease without asking again, in seconds."""
    free_disk_reserve_bytes: int = Field(default=1 << 30, ge=0)
    """Bytes of the disk that the cache leaves free."""
    allow_private_sources: bool = False
    """Whether storage nodes at private and loopback addresses are asked. Their addresses are what operators wrote on chain, so elsewhere than on a private network it stays off."""
    max_connections_per_source: int = Field(default=16, ge=1)
    """Outgoing connections to one storage node at a time."""
    max_waiting_downloads: int = Field(default=1000, ge=0)
    """Downloads that may wait for a free place; further ones are refused."""
    max_wait_s: float = Field(default=25, gt=0)
    """Longest time that a request waits without any progress of its download, in seconds."""
    cache_policy: CachePolicyName = "lru_sp"
    """What leaves the cache first: `lru_sp` as on the reference, `s3_fifo`, or `split`, which keeps a share for small objects and runs S3-FIFO in both parts."""
    cache_small_object: Size = Field(default=1 << 20, ge=0)
    """Largest size of a small object, in bytes, for `split`."""
    cache_small_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the cache, 0 to 1, up to which small objects push nothing but each other out, for `split`."""
    cache_admission: CacheAdmissionName = "always"
    """Which objects enter the cache: all, or with `second_hit` those that were asked for before; the others are passed through."""
    use_window_s: float = Field(default=60, ge=0)
    """Time in which all reads of an object count as one use for the cache, in seconds: a player asks for many ranges in one playback."""
    config_file: Path | None = None
    """File that a reload reads again; set by the program that read it first."""
    shutdown: ShutdownSettings = ShutdownSettings()
    """How the program ends."""
    log: LogSettings | None = None
    """The log; made from `logs` when absent."""
    background_completion: Literal["never", "second_hit", "always"] = "always"
    """Whether the rest of an object is brought when a part of it was asked for: never, from its second use on, or always."""
    streams_per_download: int = Field(default=4, ge=1)
    """Requests to storage nodes that the readers of one object may cause at a time."""
    read_ahead_bytes: int = Field(default=16 << 20, ge=1 << 20)
    """How far ahead of a reader an object is fetched at most, in bytes; it grows with what was read in sequence."""
    hedge_delay_s: float = Field(default=0.5, gt=0)
    """How long a storage node may keep a reader waiting without a byte before a second one is asked too, in seconds."""
    hedge_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the requests to storage nodes that may be doubled so; 0 for none."""
    absent_source_ttl_s: float = Field(default=5, ge=0)
    """How long a storage node that lacks an object is not asked for it again, in seconds."""
    verified_share_of_reads: float = Field(default=0.01, ge=0, le=1)
    """Share of the pieces read from the cache that are hashed again before they are sent. What an earlier process wrote is always hashed before its first use."""
    verified_bytes_per_s: int = Field(default=8 << 20, ge=0)
    """Bytes of the cache that are hashed again in the background, a second; 0 for none."""


class DistributorNodeConfig(CamelSection):
    """A distributor node: `joygrpc distributor start`."""

    id: str = Field(min_length=1)
    """The node's name, shown in its status."""
    endpoints: Endpoints
    """The programs that the node asks."""
    directories: Directories
    """Where the node keeps its files."""
    logs: Logs | None = None
    """The log's outputs."""
    limits: Limits
    """Bounds."""
    intervals: Intervals = Intervals()
    """How often things are done."""
    public_api: PublicApi = PublicApi()
    """The public REST API."""
    operator_api: OperatorApi | None = None
    """The operator's REST API; off when absent."""
    keys: tuple[Annotated[KeySettings, AfterValidator(_one_source)], ...] = ()
    """Accounts for command lines."""
    buckets: tuple[BucketText, ...] | None = None
    """Buckets to serve; all of the worker when absent."""
    worker_id: int | None = Field(default=None, ge=0)
    """The operator's worker in the distribution working group."""
    joygrpc: DistributorExtras = DistributorExtras()
    """What the reference does not know."""

    @model_validator(mode="after")
    def _distinct_buckets(self) -> Self:
        if self.buckets is not None and (not self.buckets or len(set(self.buckets)) != len(self.buckets)):
            raise ValueError("buckets: at least one, each once")
        return self

    def doubts(self) -> list[str]:
        """What is allowed and yet hardly meant, one line each."""
        if self.limits.storage < REFERENCE_LEAST_STORAGE:
            return [
                "limits.storage: the reference refuses less than 20G; so small a cache spares the storage nodes little"
            ]
        return []

    @property
    def log(self) -> LogSettings:
        """The log, from the `joygrpc` section or else from `logs`."""
        if self.joygrpc.log is not None:
            return self.joygrpc.log
        return log_settings(self.logs)


def log_settings(logs: Logs | None) -> LogSettings:
    """What the reference's `logs` means. Without a `logs` section, standard error at level info."""
    if logs is None:
        return LogSettings()
    file = logs.file and LogFileSettings(
        path=logs.file.path,
        level=logs.file.level,
        prefix="argus",
        max_files=logs.file.max_files,
        max_size_bytes=logs.file.max_size,
        frequency=logs.file.frequency,
        archive=logs.file.archive,
    )
    elastic = logs.elastic and LogElasticSettings(
        endpoint=logs.elastic.endpoint,
        level=logs.elastic.level,
        index_prefix=logs.elastic.index_prefix,
        username=logs.elastic.auth.username if logs.elastic.auth else None,
        password=logs.elastic.auth.password if logs.elastic.auth else None,
    )
    return LogSettings(
        console=logs.console is not None,
        level=logs.console.level if logs.console else "error",
        file=file,
        elastic=elastic,
    )
