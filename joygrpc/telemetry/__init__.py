"""Logs, request ids and metrics. The metrics and the admin application are modules of their own, so that this stays light to import."""

from joygrpc.telemetry.logs import configure_logging
from joygrpc.telemetry.request_ids import (
    REQUEST_ID_HEADER,
    REQUEST_ID_METADATA,
    accepted_request_id,
    bind_request_id,
    current_request_id,
    new_request_id,
    request_id_scope,
)

__all__ = [
    "REQUEST_ID_HEADER",
    "REQUEST_ID_METADATA",
    "accepted_request_id",
    "bind_request_id",
    "configure_logging",
    "current_request_id",
    "new_request_id",
    "request_id_scope",
]
