"""A storage node keeps its promises however it dies."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from tests.faults.chaos import ChaosPlan, lane_config, operator, run_chaos
from tests.faults.crash_points import POINTS
from tests.faults.devnet_process import devnet_process, free_port
from tests.faults.forge import forge
from tests.faults.lane import Lane
from tests.faults.ledger import Ledger, draft
from tests.faults.supply import Supply
from tests.faults.uploading import Clients

KILLS = 66


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_by_nodes_that_are_killed_all_the_time(tmp_path: Path) -> None:
    report = await run_chaos(ChaosPlan(kills=KILLS, seed=1), tmp_path)
    print(json.dumps(report.figures(), indent=1))  # noqa: T201 - pytest shows it when the test fails
    assert report.violations == []
    assert report.kills >= 60
    assert set(POINTS) - set(report.deaths) == set()
    assert report.deaths["during start"]
    assert report.deaths["under load"]
    # The clients must have had something to lose.
    assert report.acknowledged > KILLS
    assert report.imported
    assert report.deleted


async def test_an_upload_is_answered_after_every_durable_step_in_its_order(tmp_path: Path) -> None:
    # SIGKILL loses nothing that was written; a power cut loses what was not synced. The order of the steps is what survives it.
    ledger, rng = Ledger(), random.Random(1)
    port, trace = free_port(), tmp_path / "trace"
    operators = [operator(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}")] * 3
    async with devnet_process(tmp_path / "devnet", operators) as devnet, forge() as smith:
        supply = Supply(devnet, ledger, rng)
        clients = Clients(0, ledger, supply, rng)
        lane = Lane(lane_config(0, tmp_path, devnet, port), smith, ledger, clients, rng, tmp_path / "log")
        try:
            await lane.begin(trace=trace)
            assert await lane.ready()
            assert lane.node is not None
            (piece,) = await supply.create([draft(rng, size=3 << 20)])
            assert await clients.upload(lane.node, piece) == "OK"
            steps = await asyncio.to_thread(trace.read_text)
        finally:
            await lane.end("the end")
    assert [step.split()[0] for step in steps.splitlines() if _is_about(step, piece.id)] == [
        "incoming-opened",
        *["torn-object-write"] * 3,
        "before-object-fsync",
        "after-object-fsync",
        "torn-tree-write",
        "before-tree-fsync",
        "after-tree-fsync",
        "before-tree-rename",
        "after-tree-rename",
        "before-object-rename",
        "after-object-rename",
        "before-directory-fsync",
        "after-directory-fsync",
        "before-entry-commit",
        "after-entry-commit",
    ]
    assert ledger.violations == []


def _is_about(step: str, object_id: int) -> bool:
    """Whether a line of the trace tells of the object: by its files, the directory that they go to, or the only entry that is made."""
    point, _, what = step.partition(" ")
    name = Path(what).name
    return (
        point.endswith("entry-commit")
        or name.split("-")[0].removesuffix(".tree") == str(object_id)
        or ("directory-fsync" in point and name == f"{object_id % 256:02x}")
    )
