import json
import os
import socket
import stat
from pathlib import Path

import pytest

from joygrpc.supervisor import (
    READY_FD_VARIABLE,
    merged_info,
    ready_fd_from_environment,
    sd_notify,
    write_ready_file,
    write_ready_line,
)


def test_the_first_child_to_name_a_fact_wins() -> None:
    infos = {"node": {"grpc": "a", "pid": 1}, "gateway": {"pid": 2, "worker": 0}}
    assert merged_info(infos) == {"grpc": "a", "pid": 1, "worker": 0}


def test_the_line_is_json_and_the_descriptor_is_closed() -> None:
    reading, writing = os.pipe()
    write_ready_line(writing, {"rest": "http://127.0.0.1:1"})
    with os.fdopen(reading) as stream:
        assert json.loads(stream.read()) == {"rest": "http://127.0.0.1:1"}


def test_nobody_needs_to_read_the_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    write_ready_line(writing, {})


def test_the_file_is_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_text("old")
    write_ready_file(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_when_the_facts_are_no_json(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_ready_file(tmp_path / "ready.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_the_descriptor_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(READY_FD_VARIABLE, "7")
    assert ready_fd_from_environment() == 7
    assert ready_fd_from_environment() is None


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"joygrpc-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        assert sd_notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not sd_notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not sd_notify("READY=1")
