"""A reference node's data directory under a real node, and what its operator is told: keys, funds, readers that stop."""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from joygrpc.config import ChainSettings, KeySettings, StorageLimits
from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset
from joygrpc.pb.joystream.content.v1 import content_pb2 as content
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from tests.integration.devnet_thread import devnet_in_thread
from tests.integration.storage_program import RunningNode, running_node
from tests.integration.test_storage_node import (
    MIB,
    Created,
    Ground,
    free_port,
    noise,
    operator_metadata,
    read,
    stored,
    through_mesh,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PENDING = content.OBJECT_STATE_PENDING


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ports = (free_port(), free_port(), free_port())
    preset = DevPreset(storage=tuple(operator_metadata(port) for port in ports))
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, preset=preset)) as devnet:
        yield Ground(devnet, ports, tmp_path_factory.mktemp("takeover"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accepted(ground: Ground) -> AsyncIterator[list[Created]]:
    """Objects that the chain has accepted: a node took them in and is gone."""
    objects = [await ground.create(noise(size, seed=size)) for size in (1000, 20 * MIB + 5, 3000)]
    async with ground.running(0, folder="source") as node:
        for new in objects:
            await through_mesh(node, new.start(), *(new.data[at : at + MIB] for at in range(0, len(new.data), MIB)))
        for new in objects:
            await until(node, new.id, stored)
    yield objects


async def status_of(node: RunningNode) -> pb.GetStatusResponse:
    return await node.mesh.GetStatus(pb.GetStatusRequest())


async def test_a_reference_nodes_directory_is_taken_over_and_given_back(
    ground: Ground, accepted: list[Created]
) -> None:
    root = ground.folder / "reference"
    pending = root / "pending"
    pending.mkdir(parents=True)
    small, large, rotten = accepted
    (root / str(small.id)).write_bytes(small.data)
    (root / str(large.id)).write_bytes(large.data)
    (root / str(rotten.id)).write_bytes(bytes(len(rotten.data)))
    (root / "007").write_bytes(b"junk")
    answered = await ground.create(noise(5000, seed=77))
    (pending / str(answered.id)).write_bytes(answered.data)
    inode = (root / str(large.id)).stat().st_ino

    # Nobody else has the rotten one, so that it stays away.
    async with ground.running(0, folder="reference") as node:
        await node.run_chore("takeover")
        for good in (small, large, answered):
            assert await read(node, good.id) == good.data
        await node.run_chore("trees")
        for each in (small, large, answered):
            await until(node, each.id, stored)
        with pytest.raises(grpc.aio.AioRpcError):
            await read(node, rotten.id)
        status = await status_of(node)
        assert (status.takeover.taken, status.takeover.set_aside, status.takeover.waiting) == (4, 1, 0)
        assert (status.unverified_count, status.quarantined_count) == (0, 1)
    assert (root / "set-aside" / "007").read_bytes() == b"junk"
    assert next(root.glob(f"objects/*/{large.id}")).stat().st_ino == inode

    export = [sys.executable, "-m", "joygrpc", "storage", "util", "export-flat", "-d", str(root)]
    done = await asyncio.to_thread(subprocess.run, export, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for good in (small, large, answered):
        assert (root / str(good.id)).read_bytes() == good.data
    assert (root / "set-aside" / str(rotten.id)).exists()

    async with ground.running(0, folder="reference") as node:
        await node.run_chore("takeover")
        assert await read(node, large.id) == large.data
        refused = await asyncio.to_thread(subprocess.run, export, capture_output=True, text=True, timeout=60)
        assert refused.returncode == 102
        assert "another process owns the data directory" in refused.stderr


async def test_without_the_transactors_key_what_was_answered_stays_pending_and_the_status_says_so(
    ground: Ground,
) -> None:
    root = ground.folder / "keyless"
    (root / "pending").mkdir(parents=True)
    answered = await ground.create(noise(100, seed=78))
    (root / "pending" / str(answered.id)).write_bytes(answered.data)
    chain = ChainSettings(url=ground.devnet.addresses.chain, keys=(KeySettings(suri="//Nobody"),))
    config = ground.config(0, folder="keyless").model_copy(update={"chain": chain})
    async with running_node(config, ground.folder / "keyless.log") as node:
        await node.run_chore("takeover")
        await node.run_chore("trees")
        await node.run_chore("acceptance")
        found = (await node.mesh.GetObject(pb.GetObjectRequest(object_id=answered.id))).object
        assert found.state == PENDING
        (bucket,) = (await status_of(node)).acceptance
        assert (bucket.bucket_id, bucket.key_missing, bool(bucket.transactor)) == (0, True, True)
    async with ground.running(0, folder="keyless") as node:
        await until(node, answered.id, stored)
        (bucket,) = (await status_of(node)).acceptance
        assert not bucket.key_missing
        assert int(bucket.balance) > int(bucket.balance_needed) > 0


async def test_a_reader_who_stops_holds_no_file(ground: Ground) -> None:
    new = await ground.create(random.Random(9).randbytes(48 * MIB))
    limits = StorageLimits(free_disk_reserve_bytes=0, read_stall_timeout_s=0.5)
    async with ground.running(0, folder="readers", limits=limits) as node:
        await through_mesh(node, new.start(), *(new.data[at : at + MIB] for at in range(0, len(new.data), MIB)))
        call = node.mesh.ReadObject(pb.ReadObjectRequest(object_id=new.id))
        await call.read()

        def open_files() -> int:
            folder = Path(f"/proc/{node.process.pid}/fd")
            return sum(str(path.resolve()).endswith(f"/{new.id}") for path in folder.iterdir())

        assert open_files() == 1
        async with asyncio.timeout(10):
            while open_files():  # noqa: ASYNC110 - only the kernel knows
                await asyncio.sleep(0.05)
        call.cancel()
        assert await read(node, new.id) == new.data


async def test_dev_is_for_development_chains(ground: Ground) -> None:
    chain = ChainSettings(url=ground.devnet.addresses.chain, dev=True)
    config = ground.config(0, folder="dev").model_copy(update={"chain": chain})
    async with running_node(config, ground.folder / "dev.log") as node:
        assert (await status_of(node)).acceptance[0].key_missing
