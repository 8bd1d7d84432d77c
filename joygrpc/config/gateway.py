"""Configuration of one gateway worker, and of the gateway program."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator

from joygrpc.config.log import LogSettings
from joygrpc.config.section import Secret, Section
from joygrpc.config.sections import AdminSettings, ShutdownSettings, TlsSettings

GatewayKind = Literal["storage", "distributor"]


def _network(value: object) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ValueError(f"{error}; write a network such as 10.0.0.0/8 or fd00::/8") from None


Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network), PlainSerializer(str, when_used="json")]
"""A network in CIDR notation, or one address."""

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


class OperatorSettings(Section):
    """The operator's REST API of a distributor."""

    hmac_secret: Secret
    """Key that signs the operator's tokens (HS256)."""


class GatewayLimits(Section):
    """Bounds of the REST edge, each for one worker; sizes in bytes, times in seconds.

    A client is an IPv4 address or an IPv6 /64. Where 0 is allowed it means no bound.
    """

    max_upload_bytes: int = Field(default=64 << 30, ge=1)
    """Largest body of an upload; the node knows the object's true size."""
    max_json_body_bytes: int = Field(default=100 * 1000, ge=1)
    """Largest JSON body."""
    max_form_field_bytes: int = Field(default=4096, ge=1)
    """Largest text field of a multipart form."""
    max_form_overhead_bytes: int = Field(default=1 << 20, ge=1024)
    """What an upload's form may have around its file."""
    max_spool_bytes: int = Field(default=1 << 30, ge=0)
    """Largest file that is kept on disk until the parameters that follow it have arrived; clients send them first."""
    max_spool_total_bytes: int = Field(default=4 << 30, ge=0)
    """Bytes of all files that are kept so at a time."""
    spool_directory: Path | None = None
    """Where they are kept; the system's directory for temporary files when absent."""
    max_header_bytes: int = Field(default=16 << 10, ge=1024)
    """Largest single header line."""
    max_request_line_bytes: int = Field(default=8190, ge=256)
    """Largest request line."""
    max_connections: int = Field(default=4096, ge=1)
    """Connections at a time; the requests of further ones are refused."""
    max_connections_per_client: int = Field(default=256, ge=0)
    """Connections of one client at a time."""
    max_requests: int = Field(default=2048, ge=0)
    """Requests being answered at a time."""
    max_requests_per_client: int = Field(default=128, ge=0)
    """Requests of one client being answered at a time."""
    max_requests_per_s: float = Field(default=0, ge=0)
    """Requests a second of all clients together."""
    max_requests_per_s_per_client: float = Field(default=200, ge=0)
    """Requests a second of one client, on the long run."""
    request_burst_per_client: int = Field(default=400, ge=1)
    """Requests that one client may send at once, after a pause."""
    max_bytes_per_s: int = Field(default=0, ge=0)
    """Bytes of bodies a second, in both directions, of all clients together."""
    max_bytes_per_s_per_client: int = Field(default=0, ge=0)
    """Bytes of bodies a second, in both directions, of one client."""
    unlimited_clients: tuple[Network, ...] = LOOPBACK
    """Networks whose addresses the bounds of single clients do not concern."""
    client_table: int = Field(default=16_384, ge=1)
    """Clients that are remembered after their last request."""
    max_concurrent_uploads: int = Field(default=64, ge=1)
    """Uploads at a time."""
    header_timeout_s: float = Field(default=20, gt=0)
    """Longest time for a request's headers to arrive, from their first byte or from the connection's begin."""
    keepalive_timeout_s: float = Field(default=75, gt=0)
    """How long a connection is kept between two requests."""
    stall_timeout_s: float = Field(default=60, gt=0)
    """Longest time without progress of a body, in either direction."""
    node_call_timeout_s: float = Field(default=10, gt=0)
    """Longest time for a unary call to the node."""
    lease_files: int = Field(default=512, ge=1)
    """Descriptors of leased objects kept open by one worker."""
    small_object_bytes: int = Field(default=128 << 10, ge=0)
    """Objects up to this size may be answered from memory."""
    small_cache_bytes: int = Field(default=32 << 20, ge=0)
    """Memory for small objects in one worker."""
    pull_bytes: int = Field(default=1 << 20, ge=64 << 10)
    """Bytes asked of a remote node at a time for one client; as much may wait in memory for a client that takes nothing."""

    def over(self, **defaults: Any) -> Self:
        """These bounds, with other defaults for those that were not set."""
        return self.model_validate(defaults | self.model_dump(exclude_unset=True))


class EdgeSettings(Section):
    """How a node's gateway meets its clients."""

    trusted_proxies: tuple[Network, ...] = ()
    """Networks of proxies (CIDR) that are believed about whose requests they forward."""
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header in which they tell it; the other one is not looked at, as proxies pass on what they do not know."""
    limits: GatewayLimits = GatewayLimits()
    """Bounds."""


class GatewayConfig(Section):
    """One gateway worker. Its sockets: `public`; `operator` for a distributor with an operator API; `admin` when no node serves the metrics."""

    kind: GatewayKind
    """Whose REST API it serves."""
    node_target: str
    """gRPC target of the node: `unix:/path` or `host:port`."""
    node_tls: TlsSettings | None = None
    """Certificates for a remote node that speaks TLS."""
    data_root: Path | None = None
    """Directory below which leased files may be opened; None: bytes come by gRPC alone."""
    operator: OperatorSettings | None = None
    """The operator's REST API."""
    worker_index: int = Field(default=0, ge=0)
    """Number of this worker among its siblings."""
    workers: int = Field(default=1, ge=1, le=256)
    """Number of siblings, this one included."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of proxies (CIDR) that are believed about whose requests they forward."""
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The header in which they tell it."""
    limits: GatewayLimits = GatewayLimits()
    """Bounds."""
    shutdown: ShutdownSettings = ShutdownSettings()
    """How it ends."""
    admin: AdminSettings = AdminSettings(port=9105)
    """Listener for metrics of a gateway without a node; a node's gateway has none."""
    log: LogSettings = LogSettings()
    """The log."""
