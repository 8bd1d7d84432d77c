"""What the edge counts."""

from joygrpc.telemetry.metrics import counter, gauge, histogram

REQUESTS = counter(
    "joygrpc_gateway_requests_total",
    "Requests that ended, by operation, status and reason of refusal.",
    ["api", "route", "status", "reason"],
)
FIRST_BYTE_SECONDS = histogram(
    "joygrpc_gateway_first_byte_seconds",
    "Time from a request's headers to those of its answer, in seconds.",
    ["api", "route"],
)
BYTES_SENT = counter(
    "joygrpc_gateway_object_bytes_sent_total", "Bytes of objects sent, by the way they went.", ["api", "way"]
)
BYTES_RECEIVED = counter("joygrpc_gateway_upload_bytes_received_total", "Bytes of uploaded objects received.")
IN_FLIGHT = gauge("joygrpc_gateway_requests_in_flight", "Requests being answered.", ["api"])
CONNECTIONS = gauge("joygrpc_gateway_connections", "Open connections of clients.", ["api"])
ABORTED = counter(
    "joygrpc_gateway_bodies_aborted_total",
    "Answers that were cut in the middle of their body, by whose fault it was.",
    ["api", "side"],
)
