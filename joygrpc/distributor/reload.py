"""Reading the configuration again while the node runs."""

from collections.abc import Mapping

from joygrpc.config import DistributorNodeConfig
from joygrpc.distributor.operator import Reloaded

APPLICABLE = frozenset(
    {
        "workerId",
        "buckets",
        "limits.storage",
        "limits.maxCachedItemSize",
        "intervals.saveCacheState",
        "intervals.checkStorageNodeResponseTimes",
        "intervals.cacheCleanup",
    }
)
"""Keys that a running node takes over."""


def changed_keys(before: DistributorNodeConfig, after: DistributorNodeConfig) -> list[str]:
    """The keys, dotted, whose values differ; of lists and secrets as a whole."""
    old, new = _flat(before.model_dump(by_alias=True)), _flat(after.model_dump(by_alias=True))
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def reload_plan(before: DistributorNodeConfig, after: DistributorNodeConfig) -> Reloaded:
    """Which changes come into force at once, and which with the next start."""
    changed = changed_keys(before, after)
    return Reloaded(
        applied=tuple(key for key in changed if key in APPLICABLE),
        needs_restart=tuple(key for key in changed if key not in APPLICABLE),
    )


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
