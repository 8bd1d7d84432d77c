"""`joygrpc object` and the file that it finds the network by."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from joygrpc.cli.object import object_group


def test_hash_prints_what_the_chain_stores(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    result = CliRunner().invoke(object_group, ["hash", str(file)])
    assert result.output == "gW4QsJpeRbCjxSBRonyaCtuexDiyZiQRMJVN4EnvHcVdAU\n"


@pytest.mark.parametrize("content", [None, "{", json.dumps([]), json.dumps({"storage": []})])
def test_a_missing_or_broken_network_file_is_named(tmp_path: Path, content: str | None) -> None:
    file, dev = tmp_path / "abc", tmp_path / "dev.json"
    file.write_bytes(b"abc")
    if content is not None:
        dev.write_text(content)
    result = CliRunner().invoke(object_group, ["put", str(file), "--dev", str(dev)])
    assert result.exit_code == 1
    assert "dev.json" in result.output


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    result = CliRunner().invoke(object_group, ["put", str(file)], env={"JOYGRPC_DEV": str(tmp_path / "elsewhere.json")})
    assert "elsewhere.json does not exist" in result.output.replace("\n", "")
