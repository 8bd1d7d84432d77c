"""What stops a node before it serves, and where it keeps what arrives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from joygrpc.config import ChainSettings, StorageNodeConfig
from joygrpc.storage.process import Exit, StartFailed, _Assembled, _incoming, _preflight


@dataclass
class KindOfChain:
    """As much of a chain as is asked first."""

    kind: str

    async def is_syncing(self) -> bool:
        return False

    async def chain_type(self) -> str:
        return self.kind

    async def worker(self, group: str, worker_id: int) -> None:
        return None


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("Live", Exit.NOT_A_DEVELOPMENT_CHAIN),
        ("Development", Exit.INVALID_WORKER),
        ("Local", Exit.INVALID_WORKER),
    ],
)
async def test_dev_is_for_development_chains_alone(tmp_path: Path, kind: str, code: Exit) -> None:
    config = StorageNodeConfig(worker=0, uploads=tmp_path, chain=ChainSettings(dev=True))
    nothing = cast("Any", None)
    assembled = _Assembled(nothing, cast("Any", KindOfChain(kind)), nothing, nothing, empty=True)
    with pytest.raises(StartFailed) as failed:
        await _preflight(config, assembled)
    assert failed.value.code is code


def test_arriving_bytes_lie_where_objects_can_be_renamed_from(tmp_path: Path) -> None:
    here = StorageNodeConfig(worker=0, uploads=tmp_path / "data", temp_folder=tmp_path / "temp")
    assert _incoming(here) == tmp_path / "temp"
    assert _incoming(here.model_copy(update={"temp_folder": None})) == tmp_path / "data" / "temp"
    elsewhere = Path("/dev/shm")
    if elsewhere.is_dir() and elsewhere.stat().st_dev != tmp_path.stat().st_dev:
        assert _incoming(here.model_copy(update={"temp_folder": elsewhere})) == tmp_path / "data" / "temp"
