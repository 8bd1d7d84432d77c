"""A node with very many objects: how soon it serves, how fast it answers, and how much memory it takes."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from tests.integration.devnet_thread import Devnet, devnet_in_thread
from tests.integration.storage_program import RunningNode, node_config, running_node

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.timeout(900)]

OBJECTS = int(os.environ.get("JOYGRPC_SCALE_OBJECTS", "200000"))
FIRST = 10_000_000
SCRIPT = Path(__file__).parents[2] / "scripts" / "make_index"
START_WITHIN_S = 10
ANSWER_WITHIN_S = 0.05
MEMORY_BYTES = 500 << 20
MIB = 1 << 20


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, preset=DevPreset())) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Path(os.environ.get("JOYGRPC_SCALE_FOLDER", str(tmp_path_factory.mktemp("scale"))))
    if not (made / ".joygrpc").exists():
        subprocess.run(
            [sys.executable, SCRIPT, str(made), "--objects", str(OBJECTS), "--first", str(FIRST)], check=True
        )
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(devnet: Devnet, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningNode]:
    config = node_config(0, folder, devnet.addresses.chain, devnet.addresses.query_node)
    started = time.monotonic()
    async with running_node(config, tmp_path_factory.mktemp("log") / "node.log") as running:
        took = time.monotonic() - started
        log.info("%s", f"{OBJECTS} objects: ready after {took:.1f} s")
        assert took < START_WITHIN_S
        yield running


def resident(node: RunningNode) -> int:
    return int(psutil.Process(node.process.pid).memory_info().rss)


async def answer_times(node: RunningNode, count: int = 50) -> list[float]:
    """Seconds of `/state/data` and `/status` each, ascending."""
    times = []
    for _ in range(count):
        for call in (
            node.local.GetDataStats(pb.GetDataStatsRequest()),
            node.local.GetStatus(pb.GetStatusRequest()),
        ):
            started = time.perf_counter()
            await call
            times.append(time.perf_counter() - started)
        await asyncio.sleep(0.02)
    return sorted(times)


async def test_it_answers_at_once_while_its_chores_run(node: RunningNode) -> None:
    stats = await node.local.GetDataStats(pb.GetDataStatsRequest())
    assert stats.object_count == OBJECTS
    # Chores walk all entries and files in these seconds.
    times = await answer_times(node)
    middle, slowest = times[len(times) // 2], times[-1]
    log.info("%s", f"status and stats: median {middle * 1000:.1f} ms, slowest {slowest * 1000:.1f} ms")
    assert middle < ANSWER_WITHIN_S
    assert times[int(len(times) * 0.95)] < ANSWER_WITHIN_S


async def test_all_ids_are_listed_in_constant_memory(node: RunningNode) -> None:
    before = resident(node)
    peak, count, last = before, 0, -1
    started = time.monotonic()
    async for page in node.local.ListObjects(pb.ListObjectsRequest()):
        assert page.object_ids[0] > last
        last = page.object_ids[-1]
        count += len(page.object_ids)
        peak = max(peak, resident(node))
    log.info(
        "%s", f"{count} ids in {time.monotonic() - started:.1f} s, memory {before / MIB:.0f} -> {peak / MIB:.0f} MiB"
    )
    assert count == OBJECTS
    assert peak - before < 50 * MIB


async def test_one_bag_is_listed_without_a_walk(node: RunningNode) -> None:
    started = time.monotonic()
    pages = node.local.ListObjects(pb.ListObjectsRequest(bag_id="dynamic:channel:7"))
    found = [object_id async for page in pages for object_id in page.object_ids]
    assert found == list(range(FIRST + (7 - FIRST) % 20_000, FIRST + OBJECTS, 20_000))
    assert time.monotonic() - started < 1


async def test_memory_stays_small_through_all_walks(node: RunningNode) -> None:
    for chore in ("reconcile", "sync", "takeover", "trees"):
        started = time.monotonic()
        ended = await node.run_chore(chore)
        assert not ended.last_error
        log.info("%s", f"{chore}: {time.monotonic() - started:.1f} s, memory {resident(node) / MIB:.0f} MiB")
        assert resident(node) < MEMORY_BYTES
    assert (await node.local.GetDataStats(pb.GetDataStatsRequest())).object_count == OBJECTS
