"""Taking over the cache of a reference node: flat files that are named by their objects, and what its `cache.json` tells of them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

import structlog

from joygrpc.distributor.cache_index import HIGHEST_ID, CacheIndex
from joygrpc.distributor.policies import Standing

log = structlog.get_logger(__name__)

CACHE_JSON = "cache.json"
SETTING = "reference_takeover"
"""Setting of the cache's index: absent before the first start, `begun` until every file was looked at, then `done`."""

_NAME = re.compile(r"0|[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class FlatFile:
    """A file of a reference node's cache; nobody vouches for its content."""

    object_id: int
    path: Path
    size: int
    standing: Standing


async def begin_takeover(assets: Path, cache_state: Path, index: CacheIndex, *, cache_is_empty: bool) -> list[FlatFile]:
    """The files to take over: at the first start with an empty cache, and again as long as not every one was looked at. Raises OSError, `CacheIndexFailed`."""
    state = await index.setting(SETTING)
    if state == "done":
        return []
    files = find_flat_files(assets, cache_state / CACHE_JSON) if state == "begun" or cache_is_empty else []
    await index.set_setting(SETTING, "begun" if files else "done")
    return files


async def end_takeover(index: CacheIndex) -> None:
    """Every file was looked at; none is touched at later starts."""
    await index.set_setting(SETTING, "done")


def find_flat_files(assets: Path, cache_json: Path) -> list[FlatFile]:
    """The regular files in `assets` whose names are object ids, the most recently used first. Raises OSError; a `cache.json` that cannot be read is as none."""
    standings: Mapping[int, Standing] = {}
    try:
        standings = parse_cache_json(cache_json.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.warning("the reference's cache.json cannot be used", reason=str(error))
    found = []
    for path in assets.iterdir():
        if _NAME.fullmatch(path.name) is None or int(path.name) > HIGHEST_ID:
            continue
        stat = path.lstat()
        if S_ISREG(stat.st_mode):
            object_id = int(path.name)
            standing = standings.get(object_id) or Standing(1, stat.st_mtime_ns // 1_000_000)
            found.append(FlatFile(object_id, path, stat.st_size, standing))
    return sorted(found, key=lambda file: file.standing.last_access_ms, reverse=True)


def parse_cache_json(text: str) -> dict[int, Standing]:
    """Popularity and recency by object, in the order of the file. Entries that cannot be read are left out. Raises ValueError when it is no such file at all."""
    content = json.loads(text)
    groups = content.get("lruCacheGroups") if isinstance(content, dict) else None
    if not isinstance(groups, list):
        raise ValueError("there are no lruCacheGroups in it")  # noqa: TRY004 - it is a value of another file
    standings: dict[int, Standing] = {}
    for group in groups:
        for item in group if isinstance(group, list) else ():
            match item:
                case [str(name), {"popularity": popularity, "lastAccessTime": last_access_ms}] if (
                    _NAME.fullmatch(name) and _is_count(popularity) and _is_count(last_access_ms)
                ):
                    # As on the reference, an object that is in two groups counts in the lower one.
                    standings.setdefault(int(name), Standing(max(1, int(popularity)), int(last_access_ms)))
    return standings


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= HIGHEST_ID
