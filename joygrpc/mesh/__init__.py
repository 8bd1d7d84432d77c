"""gRPC plumbing that every program shares: servers, channels, streams, and the one error table."""

from joygrpc.mesh.channels import ChannelPool, call_metadata
from joygrpc.mesh.edge import EdgeHub, edge_service
from joygrpc.mesh.errors import ERROR_TABLE, ErrorRow, JoygrpcError, row_of
from joygrpc.mesh.server import MAX_DATA_BYTES, MeshServer, Service
from joygrpc.mesh.status import MeshError, error_of, public_message, reason_of, status_of
from joygrpc.mesh.streams import StreamStalled, read_stream
from joygrpc.mesh.tls import TlsFiles, tls_files

__all__ = [
    "ERROR_TABLE",
    "MAX_DATA_BYTES",
    "ChannelPool",
    "EdgeHub",
    "ErrorRow",
    "JoygrpcError",
    "MeshError",
    "MeshServer",
    "Service",
    "StreamStalled",
    "TlsFiles",
    "call_metadata",
    "edge_service",
    "error_of",
    "public_message",
    "read_stream",
    "reason_of",
    "row_of",
    "status_of",
    "tls_files",
]
