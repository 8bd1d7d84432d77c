"""The line of JSON with which a program says that it is ready."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

READY_FD_VARIABLE = "JOYGRPC_READY_FD"
"""Names the file descriptor that the line is written to."""


def merged_info(infos: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """What all children said, in one mapping; of equal keys the first child's wins."""
    merged: dict[str, object] = {}
    for info in infos.values():
        for key, value in info.items():
            merged.setdefault(key, value)
    return merged


def ready_fd_from_environment() -> int | None:
    """The descriptor that `JOYGRPC_READY_FD` names, taken out of the environment so that no child sees it. Raises ValueError when it is no number."""
    text = os.environ.pop(READY_FD_VARIABLE, "")
    return int(text) if text else None


def write_ready_line(fd: int, info: Mapping[str, object]) -> None:
    """Writes one line of JSON to `fd` and closes it. A reader that went away is no error."""
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(info, separators=(",", ":")) + "\n")
    except BrokenPipeError:
        return


def write_ready_file(path: Path, info: Mapping[str, object]) -> None:
    """Puts the JSON into `path`, whole or not at all, readable by its owner alone."""
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            json.dump(info, stream, separators=(",", ":"))
            stream.write("\n")
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
