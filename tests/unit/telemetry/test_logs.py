import gzip
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from joygrpc.config.log import Frequency, LogFileSettings, LogSettings
from joygrpc.telemetry import configure_logging, request_id_scope
from joygrpc.telemetry.log_files import PeriodicFileHandler, period_of


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_both_kinds_of_loggers_write_one_json_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"), process="node")
    with request_id_scope("r1"):
        structlog.get_logger("ours").info("object stored", object_id=7)
        logging.getLogger("theirs").warning("odd %s", "thing", extra={"peer": "p"})
    ours, theirs = lines(capsys)
    assert {**ours, "timestamp": ""} == {
        "event": "object stored",
        "object_id": 7,
        "level": "info",
        "logger": "ours",
        "process": "node",
        "request_id": "r1",
        "timestamp": "",
    }
    assert (theirs["event"], theirs["peer"], theirs["request_id"], theirs["level"]) == (
        "odd thing",
        "p",
        "r1",
        "warning",
    )


def test_an_exception_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    try:
        raise ValueError("bad")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: bad" in line["exception"]


def test_secrets_are_hidden_by_the_names_of_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    structlog.get_logger().info("start", hmac_secret="hunter2", accountPassword="hunter2", suri="hunter2")
    logging.getLogger("theirs").info("start", extra={"Authorization": "hunter2"})
    assert "hunter2" not in capsys.readouterr().err


def test_the_console_is_one_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="console"))
    structlog.get_logger("ours").info("object stored", object_id=7)
    (line,) = capsys.readouterr().err.splitlines()
    assert "object stored" in line
    assert "object_id=7" in line


def test_levels_are_kept_per_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = LogFileSettings(path=tmp_path / "logs", level="debug", frequency="none")
    configure_logging(LogSettings(format="json", level="warning", file=file), process="gateway-0")
    logger = structlog.get_logger()
    logger.debug("small")
    logger.warning("large")
    assert [line["event"] for line in lines(capsys)] == ["large"]
    written = (tmp_path / "logs" / "joygrpc-gateway-0.log").read_text().splitlines()
    assert [json.loads(line)["event"] for line in written] == ["small", "large"]


def test_nothing_is_written_when_every_output_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(console=False))
    structlog.get_logger().error("large")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("frequency", "period"),
    [("yearly", "2024"), ("monthly", "2024-02"), ("daily", "2024-02-29"), ("hourly", "2024-02-29-23"), ("none", "")],
)
def test_periods_are_named_by_utc(frequency: Frequency, period: str) -> None:
    assert period_of(datetime(2024, 2, 29, 23, 59, tzinfo=UTC), frequency) == period


def record(message: str, moment: datetime) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.INFO, "", 0, message, None, None)
    made.created = moment.timestamp()
    return made


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_new_period_begins_a_new_file_and_old_ones_are_packed_and_removed(tmp_path: Path) -> None:
    settings = LogFileSettings(path=tmp_path, prefix="argus", frequency="daily", max_files=2, archive=True)
    handler = PeriodicFileHandler(settings, "node")
    for day in range(1, 5):
        handler.emit(record(f"day {day}", datetime(2124, 1, day, tzinfo=UTC)))
    handler.close()
    assert names(tmp_path) == ["argus-2124-01-03.log.gz", "argus-2124-01-04.log"]
    assert gzip.decompress((tmp_path / "argus-2124-01-03.log.gz").read_bytes()) == b"day 3\n"


def test_a_full_file_is_followed_by_a_numbered_one_also_after_a_restart(tmp_path: Path) -> None:
    settings = LogFileSettings(path=tmp_path, frequency="none", max_size_bytes=1024)
    for _ in range(2):
        handler = PeriodicFileHandler(settings, "node")
        for _ in range(3):
            handler.emit(record("x" * 600, datetime.now(UTC)))
        handler.close()
    assert names(tmp_path) == [
        "joygrpc.1.log",
        "joygrpc.2.log",
        "joygrpc.3.log",
        "joygrpc.4.log",
        "joygrpc.5.log",
        "joygrpc.log",
    ]
    assert all(path.stat().st_size <= 1024 for path in tmp_path.iterdir())


def test_a_full_disk_does_not_reach_those_who_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = PeriodicFileHandler(LogFileSettings(path=tmp_path, frequency="none"), "node")
    handler._stream.close()
    handler._stream = Path("/dev/full").open("a")  # noqa: SIM115 - the handler closes its stream
    handler.emit(record("x", datetime.now(UTC)))
    assert "No space left" in capsys.readouterr().err
