"""Configuration of one gateway worker, and of the gateway program."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from joygrpc.config.log import LogSettings
from joygrpc.config.section import Secret, Section
from joygrpc.config.sections import AdminSettings, ShutdownSettings, TlsSettings

GatewayKind = Literal["storage", "distributor"]


class OperatorSettings(Section):
    """The operator's REST API of a distributor."""

    hmac_secret: Secret
    """Key that signs the operator's tokens (HS256)."""


class GatewayLimits(Section):
    """Bounds of the REST edge; sizes in bytes, times in seconds."""

    max_upload_bytes: int = Field(default=64 << 30, ge=1)
    """Largest body of an upload; the node knows the object's true size."""
    max_json_body_bytes: int = Field(default=100 * 1000, ge=1)
    """Largest JSON body."""
    max_form_field_bytes: int = Field(default=4096, ge=1)
    """Largest text field of a multipart form."""
    max_header_bytes: int = Field(default=16 << 10, ge=1024)
    """Largest single header line."""
    max_request_line_bytes: int = Field(default=8190, ge=256)
    """Largest request line."""
    max_connections: int = Field(default=4096, ge=1)
    """Connections of one worker at a time."""
    max_concurrent_uploads: int = Field(default=64, ge=1)
    """Uploads of one worker at a time."""
    header_timeout_s: float = Field(default=60, gt=0)
    """Longest time for a request's headers to arrive."""
    keepalive_timeout_s: float = Field(default=75, gt=0)
    """How long an idle connection is kept."""
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
    pull_bytes: int = Field(default=8 << 20, ge=1 << 20)
    """Bytes asked of a remote node at a time for one client."""


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
    limits: GatewayLimits = GatewayLimits()
    """Bounds."""
    shutdown: ShutdownSettings = ShutdownSettings()
    """How it ends."""
    admin: AdminSettings = AdminSettings(port=9105)
    """Listener for metrics of a gateway without a node; a node's gateway has none."""
    log: LogSettings = LogSettings()
    """The log."""
