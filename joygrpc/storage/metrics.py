"""What a storage node counts."""

from joygrpc.storage.objects import ObjectState
from joygrpc.telemetry.metrics import counter, gauge, histogram

UPLOADS = counter(
    "joygrpc_storage_uploads_total", "Uploads that ended, by reason (OK when they were stored).", ["reason"]
)
UPLOAD_BYTES = counter("joygrpc_storage_upload_bytes_total", "Bytes taken in by uploads.")
READ_BYTES = counter("joygrpc_storage_read_bytes_total", "Bytes of objects given out over gRPC.")
LEASED_BYTES = counter("joygrpc_storage_leased_bytes_total", "Bytes that gateways sent from leased files.")
LEASED_USES = counter("joygrpc_storage_leased_uses_total", "Downloads that gateways served from leased files.")

OBJECTS = gauge("joygrpc_storage_objects", "Objects in the index, by state.", ["state"])
OBJECT_BYTES = gauge("joygrpc_storage_object_bytes", "Bytes of the objects in the index, by state.", ["state"])

SYNC_DOWNLOADS = counter(
    "joygrpc_storage_sync_downloads_total",
    "Requests to peers for objects or parts of them, by source and result (OK, or the problem).",
    ["source", "reason"],
)
SYNC_BYTES = counter("joygrpc_storage_sync_bytes_total", "Bytes fetched from peers, by source.", ["source"])
PEER_REFUSALS = counter(
    "joygrpc_storage_peer_refusals_total",
    "What peers did not give, or gave wrong, by the worker of the peer, source and problem.",
    ["worker", "source", "problem"],
)
PEER_RATE = gauge(
    "joygrpc_storage_peer_rate_bytes", "Bytes a second that a peer gives, averaged.", ["worker", "source"]
)
SYNC_QUEUED = gauge("joygrpc_storage_sync_queued", "New obligations that wait to be looked at.")
SYNC_MISSING = gauge("joygrpc_storage_sync_missing", "Objects that are owed and not here, at the end of the last run.")

ACCEPTANCES = counter("joygrpc_storage_acceptances_total", "Objects reported to the chain, by outcome.", ["outcome"])
ACCEPT_SECONDS = histogram(
    "joygrpc_storage_accept_seconds",
    "Time of an acceptance transaction, from sending to its outcome, in seconds.",
    buckets=(0.1, 0.5, 1, 2.5, 6, 12, 18, 24, 36, 60, 120, 300),
)

TRANSACTOR_BALANCE = gauge(
    "joygrpc_storage_transactor_balance",
    "Free balance of a bucket's transactor account, in the chain's smallest unit.",
    ["bucket"],
)
TRANSACTOR_NEEDED = gauge(
    "joygrpc_storage_transactor_needed",
    "Balance that pays for everything that waits for acceptance and some more, in the chain's smallest unit.",
    ["bucket"],
)
TRANSACTOR_LOW = gauge(
    "joygrpc_storage_transactor_low", "Whether a bucket's transactor account has less than it needs.", ["bucket"]
)

TAKEOVER_FILES = counter(
    "joygrpc_storage_takeover_files_total",
    "Files of a reference node's data directory that were dealt with, by what became of them.",
    ["fate"],
)
TAKEOVER_RUNNING = gauge(
    "joygrpc_storage_takeover_running", "Whether a reference node's data directory is being taken over."
)
VERIFIED = counter(
    "joygrpc_storage_verified_total", "Objects whose bytes were compared with their multihash, by result.", ["result"]
)


def show_counts(counts: dict[ObjectState, tuple[int, int]]) -> None:
    """Sets the gauges of objects and bytes by state."""
    for state, (objects, size) in counts.items():
        OBJECTS.labels(state.value).set(objects)
        OBJECT_BYTES.labels(state.value).set(size)
