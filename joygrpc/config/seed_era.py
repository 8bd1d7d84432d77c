"""The shape that the reference distributor's configuration file had in its first months (July to November 2021)."""

from collections.abc import Mapping
from typing import Any

from joygrpc.config.errors import ConfigInvalid

Path = tuple[str, ...]

RENAMED: Mapping[Path, Path] = {
    ("port",): ("publicApi", "port"),
    ("storageLimit",): ("limits", "storage"),
    ("endpoints", "substrateNode"): ("endpoints", "joystreamNodeWs"),
    ("directories", "data"): ("directories", "assets"),
    ("directories", "cache"): ("directories", "cacheState"),
}
"""Keys that have another name and place since then."""


def modernised(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The content with what is of that time brought into today's shape, and a line for the operator about each such key.

    Raises `ConfigInvalid` for what has no counterpart, or is given in both shapes.
    """
    result = {key: dict(value) if isinstance(value, Mapping) else value for key, value in content.items()}
    notes = [note for old, new in RENAMED.items() if (note := _rename(result, old, new))]
    notes += _bring_logs(result)
    notes += _bring_buckets(result)
    notes += _bring_keys(result)
    return result, notes


def _rename(content: dict[str, Any], old: Path, new: Path) -> str | None:
    value = _taken(content, old)
    if value is None:
        return None
    section = content
    for part in new[:-1]:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            return None
    if new[-1] in section:
        raise ConfigInvalid(f"{_dotted(old)}: this is the old name of {_dotted(new)}, which is given too; remove it")
    section[new[-1]] = value
    return f"{_dotted(old)} is the old name of {_dotted(new)}"


def _bring_logs(content: dict[str, Any]) -> list[str]:
    """`log.<output>` was a level or `off`; directory and address stood elsewhere."""
    levels = content.get("log")
    directory = _taken(content, ("directories", "logs"))
    address = _taken(content, ("endpoints", "elasticSearch"))
    if not isinstance(levels, Mapping):
        return []
    if "logs" in content:
        raise ConfigInvalid("log: this is the old name of logs, which is given too; remove it")
    del content["log"]
    logs: dict[str, Any] = {}
    for output, level in levels.items():
        if level in {"off", None}:
            continue
        logs[output] = {"level": level}
        beside, key, told = {
            "file": (directory, "path", "directories.logs"),
            "elastic": (address, "endpoint", "endpoints.elasticSearch"),
        }.get(output, (None, "", ""))
        if key and beside is None:
            raise ConfigInvalid(f"log.{output}: {told} is missing; write logs.{output} with level and {key}")
        if key:
            logs[output][key] = beside
    content["logs"] = logs
    return ["log is the old shape of logs, with level, path and endpoint of each output"]


def _bring_buckets(content: dict[str, Any]) -> list[str]:
    buckets = content.get("buckets")
    if buckets == "all":
        del content["buckets"]
        return ["buckets: all is the old way to say that all buckets of workerId are served; leave buckets out"]
    if isinstance(buckets, list) and any(isinstance(bucket, int) for bucket in buckets):
        raise ConfigInvalid(
            "buckets: numbers are bucket ids from before there were families; write family:index, for instance 0:1"
        )
    return []


def _bring_keys(content: dict[str, Any]) -> list[str]:
    keys = content.get("keys")
    if not isinstance(keys, list) or not any(isinstance(key, str) for key in keys):
        return []
    content["keys"] = [{"suri": key} if isinstance(key, str) else key for key in keys]
    return ["keys: a plain text is the old way to write suri"]


def _taken(content: dict[str, Any], path: Path) -> Any:
    section: Any = content
    for part in path[:-1]:
        section = section.get(part)
        if not isinstance(section, dict):
            return None
    return section.pop(path[-1], None)


def _dotted(path: Path) -> str:
    return ".".join(path)
