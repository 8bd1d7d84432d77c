"""What a distributor node counts."""

from joygrpc.telemetry.metrics import counter, gauge

REQUESTS = counter(
    "joygrpc_distributor_requests_total",
    "Requests for objects by way (open, facts, read; lease for what gateways report) and outcome: hit, pending, miss, or a reason.",
    ["way", "outcome"],
)
DELIVERED_BYTES = counter(
    "joygrpc_distributor_delivered_bytes_total",
    "Bytes sent to clients, by what was in the cache when they asked; `lease` for what gateways sent from files.",
    ["cache_state"],
)
SOURCE_BYTES = counter(
    "joygrpc_distributor_source_bytes_total",
    "Bytes of objects that arrived from storage nodes.",
    ["peer", "transport"],
)
SOURCE_FAILURES = counter(
    "joygrpc_distributor_source_failures_total", "Failed requests to storage nodes.", ["peer", "reason"]
)
VERIFICATION_FAILURES = counter(
    "joygrpc_distributor_verification_failures_total",
    "Trees and bytes from storage nodes that did not match the chain.",
    ["peer"],
)
FILLS = counter("joygrpc_distributor_fills_total", "Fills that ended, by outcome: complete, or a reason.", ["outcome"])
FILLS_IN_PROGRESS = gauge("joygrpc_distributor_fills_in_progress", "Fills that run or wait.")
READERS_CUT = counter(
    "joygrpc_distributor_readers_cut_total", "Streams that were ended because their reader took nothing for too long."
)
CHECKED_BYTES = counter(
    "joygrpc_distributor_checked_bytes_total", "Bytes of the cache that were read and hashed again."
)
ROTTEN_GROUPS = counter(
    "joygrpc_distributor_rotten_groups_total",
    "Groups of the cache that were wrong, or could not be verified, and were dropped.",
)
HEDGES = counter(
    "joygrpc_distributor_hedges_total", "Requests to a second storage node because the first one kept silent."
)
EVICTIONS = counter("joygrpc_distributor_evictions_total", "Objects that left the cache for others.")
CACHE_OBJECTS = gauge("joygrpc_distributor_cache_objects", "Objects in the cache, whole or in part.")
CACHE_USED_BYTES = gauge(
    "joygrpc_distributor_cache_used_bytes", "Bytes that the cache holds, reservations of running fills included."
)
CACHE_LIMIT_BYTES = gauge("joygrpc_distributor_cache_limit_bytes", "Bytes that the cache may hold.")
