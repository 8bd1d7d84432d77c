"""What a storage node counts of its housekeeping: quarantine, cleanup, scrub."""

from joygrpc.telemetry.metrics import counter, gauge

QUARANTINED = counter("joygrpc_storage_quarantined_total", "Objects put into quarantine, by reason.", ["reason"])
QUARANTINE_RESTORED = counter("joygrpc_storage_quarantine_restored_total", "Objects taken out of quarantine.")
QUARANTINE_PURGED = counter("joygrpc_storage_quarantine_purged_total", "Objects deleted from quarantine for good.")
QUARANTINE_PURGED_BYTES = counter("joygrpc_storage_quarantine_purged_bytes_total", "Bytes freed by that.")

CLEANUP_RUNS = counter(
    "joygrpc_storage_cleanup_runs_total", "Cleanups, by outcome: OK, or what kept them from their end.", ["outcome"]
)
CLEANUP_LAST_END = gauge(
    "joygrpc_storage_cleanup_last_end_seconds", "When the last whole cleanup ended, in seconds since 1970.", join="max"
)
CLEANUP_VERDICTS = counter(
    "joygrpc_storage_cleanup_verdicts_total",
    "Objects that cleanups found not to be owed at first sight, by verdict.",
    ["verdict"],
)
CLEANUP_PROOFS = counter(
    "joygrpc_storage_cleanup_proofs_total",
    "Peers asked to prove that they have an object, by source and reason (OK).",
    ["source", "reason"],
)

SCRUBBED = counter("joygrpc_storage_scrubbed_total", "Objects compared with their multihash, by outcome.", ["outcome"])
SCRUBBED_BYTES = counter("joygrpc_storage_scrubbed_bytes_total", "Bytes read for that.")
SCRUB_DUE = gauge("joygrpc_storage_scrub_due", "Objects whose check is due.")
SCRUB_DUE_BYTES = gauge("joygrpc_storage_scrub_due_bytes", "Bytes of those objects.")
