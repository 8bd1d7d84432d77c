"""How the commands for a running storage node find it."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.root import root
from joygrpc.cli.storage.node.access import size_text, target_of
from joygrpc.config.storage import ADDRESSES_FILE


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UPLOADS", "WORKER", "ADMIN__GRPC_PORT"):
        monkeypatch.delenv(f"JOYGRPC_STORAGE__{name}", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory whose node runs."""
    private = tmp_path / ".joygrpc"
    private.mkdir()
    (private / ADDRESSES_FILE).write_text(json.dumps({"socket": "/run/node.sock"}))
    return tmp_path


def test_the_admin_address_is_taken_as_it_is() -> None:
    assert target_of("node:1234", None, None) == "node:1234"
    assert target_of("1234", None, None) == "127.0.0.1:1234"


def test_a_data_directory_tells_the_socket(data: Path) -> None:
    assert target_of(None, data, None) == "unix:/run/node.sock"
    assert target_of("node:1", data, None) == "node:1"


@pytest.mark.parametrize("content", [None, "", "[]", "{}"])
def test_a_node_that_does_not_run_is_told(tmp_path: Path, content: str | None) -> None:
    (tmp_path / ".joygrpc").mkdir()
    if content is not None:
        (tmp_path / ".joygrpc" / ADDRESSES_FILE).write_text(content)
    with pytest.raises(CommandFailed, match="no storage node runs"):
        target_of(None, tmp_path, None)


def test_settings_tell_the_port_or_else_the_data_directory(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(f"{{worker: 1, uploads: {data}}}")
    assert target_of(None, None, file) == "unix:/run/node.sock"
    file.write_text(f"{{worker: 1, uploads: {data}, admin: {{grpc_port: 7}}}}")
    assert target_of(None, None, file) == "127.0.0.1:7"
    file.write_text(f"{{worker: 1, uploads: {data}, admin: {{grpc_port: 7, host: '::'}}}}")
    assert target_of(None, None, file) == "[::1]:7"


def test_the_environment_counts_too(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(click.UsageError, match="--admin, --data or --config"):
        target_of(None, None, None)
    monkeypatch.setenv("JOYGRPC_STORAGE__UPLOADS", str(data))
    monkeypatch.setenv("JOYGRPC_STORAGE__WORKER", "1")
    assert target_of(None, None, None) == "unix:/run/node.sock"


def test_a_node_that_does_not_answer_ends_the_command() -> None:
    result = CliRunner().invoke(root, ["storage", "node", "chores", "list", "--admin", "127.0.0.1:1"])
    assert result.exit_code == 105
    assert "The node cannot be reached (NODE_UNAVAILABLE)" in result.output


def test_purging_asks_first() -> None:
    result = CliRunner().invoke(root, ["storage", "node", "quarantine", "purge", "1", "--admin", "1"], input="n\n")
    assert (result.exit_code, "Delete 1 objects for good?" in result.output) == (1, True)
    result = CliRunner().invoke(root, ["storage", "node", "quarantine", "purge", "--admin", "1"])
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 40, "5.0 TiB"), (5 << 50, "5120.0 TiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
