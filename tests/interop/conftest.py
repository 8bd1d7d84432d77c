"""Packages and devnets for the clients; each test module has a chain of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .devnet import Devnet, running_devnet

_SETUP = Path(__file__).parents[2] / "scripts" / "setup_interop"


@pytest.fixture(scope="session")
def npm_packages() -> None:
    """polkadot.js and Joystream's types, installed."""
    done = subprocess.run([_SETUP], check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    with running_devnet(tmp_path_factory.mktemp("devnet")) as running:
        yield running
