"""Settings of the log."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from joygrpc.config.section import Secret, Section

# The reference nodes use npm's levels; those that have no counterpart here become the next one.
_NPM_LEVELS = {"warn": "warning", "http": "info", "verbose": "info", "silly": "debug"}


def _level(value: object) -> object:
    if not isinstance(value, str):
        return value
    lower = value.strip().lower()
    return _NPM_LEVELS.get(lower, lower)


LogLevel = Annotated[Literal["error", "warning", "info", "debug"], BeforeValidator(_level)]
"""From the most to the least severe; npm's names (warn, http, verbose, silly) are taken too."""

LogFormat = Literal["console", "json"]
Frequency = Literal["yearly", "monthly", "daily", "hourly", "none"]


class LogFileSettings(Section):
    """Log files: JSON lines, one series of files per process."""

    path: Path
    """Directory of the files; made when it is missing."""
    level: LogLevel = "debug"
    """Least severe level that is written."""
    prefix: str = "joygrpc"
    """Begin of the files' names."""
    max_files: int | None = Field(default=None, ge=1)
    """Files kept per process; the oldest go. Unlimited when absent."""
    max_size_bytes: int | None = Field(default=None, ge=1024)
    """Size in bytes after which a new file is begun. Unlimited when absent."""
    frequency: Frequency = "daily"
    """How often a new file is begun, by UTC."""
    archive: bool = False
    """Whether files that are done with are compressed (gzip)."""


class LogElasticSettings(Section):
    """An Elasticsearch that logs are meant for."""

    endpoint: str
    """URL."""
    level: LogLevel = "debug"
    """Least severe level that is sent."""
    index_prefix: str = "logs-joygrpc"
    """Begin of the data stream's name."""
    username: str | None = None
    """Of basic authentication."""
    password: Secret | None = None
    """Of basic authentication."""


class LogSettings(Section):
    """The log of a program."""

    level: LogLevel = "info"
    """Least severe level on standard error."""
    format: LogFormat = "console"
    """For people (`console`) or one JSON object per line (`json`)."""
    console: bool = True
    """Whether to write to standard error at all."""
    file: LogFileSettings | None = None
    """Log files, besides standard error."""
    elastic: LogElasticSettings | None = None
    """Kept from the reference's configuration; have a log shipper read the JSON lines."""
