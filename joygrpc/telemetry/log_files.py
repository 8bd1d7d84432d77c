"""Log files that are begun anew by time and size, with old ones compressed and removed."""

import gzip
import logging
import shutil
from datetime import UTC, datetime
from pathlib import Path

from joygrpc.config.log import Frequency, LogFileSettings

_PERIODS: dict[Frequency, str] = {"yearly": "%Y", "monthly": "%Y-%m", "daily": "%Y-%m-%d", "hourly": "%Y-%m-%d-%H"}


def period_of(moment: datetime, frequency: Frequency) -> str:
    """The part of a file's name that says which year, month, day or hour (UTC) it covers; empty for `none`."""
    pattern = _PERIODS.get(frequency)
    return "" if pattern is None else moment.astimezone(UTC).strftime(pattern)


class PeriodicFileHandler(logging.Handler):
    """Writes records to `<prefix>[-<process>][-<period>].log`, with `.1`, `.2`… before `.log` once a file of a period is full.

    Errors of the disk are reported on standard error as `logging` does, and never reach the code that logs.
    """

    def __init__(self, settings: LogFileSettings, process: str) -> None:
        super().__init__()
        self._settings = settings
        self._stem = settings.prefix if process in ("", "node") else f"{settings.prefix}-{process}"
        self._period = ""
        self._part = 0
        self._size = 0
        settings.path.mkdir(parents=True, exist_ok=True)
        self._open(datetime.now(UTC))

    def __repr__(self) -> str:
        return f"<PeriodicFileHandler {self.current}>"

    @property
    def current(self) -> Path:
        """The file that is being written."""
        return self._file(self._part)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record, into a new file when it is time for one."""
        try:
            line = self.format(record) + "\n"
            self._turn_over(datetime.fromtimestamp(record.created, UTC), len(line.encode()))
            self._stream.write(line)
            self._stream.flush()
            self._size += len(line.encode())
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()
        super().close()

    def _file(self, part: int) -> Path:
        period = f"-{self._period}" if self._period else ""
        number = f".{part}" if part else ""
        return self._settings.path / f"{self._stem}{period}{number}.log"

    def _open(self, moment: datetime) -> None:
        self._period = period_of(moment, self._settings.frequency)
        self._part = 0
        while self._file(self._part + 1).exists() or self._archived(self._file(self._part)).exists():
            self._part += 1
        self._stream = self.current.open("a", encoding="utf-8")
        self._size = self._stream.tell()

    def _turn_over(self, moment: datetime, incoming: int) -> None:
        limit = self._settings.max_size_bytes
        full = limit is not None and self._size > 0 and self._size + incoming > limit
        period = period_of(moment, self._settings.frequency)
        if not full and period <= self._period:
            return
        self._stream.close()
        finished = self.current
        if period > self._period:
            self._open(moment)
        else:
            self._part += 1
            self._stream = self.current.open("a", encoding="utf-8")
            self._size = self._stream.tell()
        if self._settings.archive:
            self._compress(finished)
        self._remove_oldest()

    @staticmethod
    def _archived(path: Path) -> Path:
        return path.with_name(path.name + ".gz")

    def _compress(self, path: Path) -> None:
        with path.open("rb") as plain, gzip.open(self._archived(path), "wb") as packed:
            shutil.copyfileobj(plain, packed)
        path.unlink()

    def _remove_oldest(self) -> None:
        keep = self._settings.max_files
        if keep is None:
            return
        mine = [path for path in self._settings.path.glob(f"{self._stem}*.log*") if path != self.current]
        mine.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in mine[keep - 1 :]:
            path.unlink(missing_ok=True)
