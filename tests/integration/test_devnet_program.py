"""`joygrpc devnet start` and `joygrpc devnet admin`, as one types them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def devnet(folder: Path, *options: str, seed: str = "0") -> Iterator[str]:
    """The address of a running devnet's chain."""
    (folder / "preset.json").write_text(
        json.dumps({"storage": [{"endpoint": "http://one"}], "distributors": [{"endpoint": "http://two"}]})
    )
    command = [
        sys.executable, "-m", "joygrpc", "devnet", "start", "--json", "--chain-port", "0", "--query-node-port", "0",
        "--preset-file", str(folder / "preset.json"), *options,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": seed}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "log").read_text()
            yield json.loads(line)["chain"]
        finally:
            process.terminate()


def typed(address: str, *words: str, fails: bool = False) -> str:
    """What `joygrpc devnet admin` prints."""
    command = [sys.executable, "-m", "joygrpc", "devnet", "admin", "--url", address, *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr if fails else done.stdout


def answered(address: str, *words: str) -> Any:
    return json.loads(typed(address, *words))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with devnet(tmp_path_factory.mktemp("devnet"), "--manual", "--finality-lag", "2") as found:
        yield found


def test_the_methods_are_listed_with_their_parameters(address: str) -> None:
    listed = typed(address)
    assert "fork [depth=] [again=]\n    Replace the newest blocks" in listed
    assert "create-objects bag= objects= [payer=]" in listed


def test_one_method_is_explained(address: str) -> None:
    explained = typed(address, "help", "set-fault")
    assert explained.startswith("set-fault [stalled=]")
    assert "`chain_delay_ms`" in explained
    assert "no method nonsense" in typed(address, "help", "nonsense", fails=True)


def test_blocks_are_made_and_replaced(address: str) -> None:
    sealed = answered(address, "seal", "count=2")
    replaced = answered(address, "fork", "depth=2")
    assert sealed != replaced
    assert "2 blocks are not final" in typed(address, "fork", "depth=3", fails=True)


def test_mistakes_are_told(address: str) -> None:
    assert "devnet_nonsense is not supported" in typed(address, "nonsense", fails=True)
    assert "unexpected keyword argument 'deep'" in typed(address, "fork", "deep=1", fails=True)
    assert "Storage.DynamicBagDoesntExist" in typed(
        address, "create-objects", "bag=dynamic:channel:99", 'objects=[{"size":1,"ipfs_content_id":"x"}]', fails=True
    )


def test_a_deterministic_chain_is_the_same_each_time(tmp_path: Path) -> None:
    hashes = []
    for seed in ("1", "2"):
        with devnet(tmp_path, "--deterministic", seed=seed) as address:
            answered(address, "populate", "member=2", "channels=3", "objects=3", "accepted=true")
            hashes.append(answered(address, "seal"))
    assert hashes[0] == hashes[1]
