"""Housekeeping of storage nodes on a devnet: what goes, what never goes, how it comes back, and the commands for it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from joygrpc.config import CleanupSettings, QueryNodeSettings, ScrubSettings
from joygrpc.content import GROUP_SIZE, multihash_of_bytes
from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset
from joygrpc.mesh import error_of
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as operator
from joygrpc.pb.joystream.storage.v1 import admin_pb2 as admin
from joygrpc.pb.joystream.storage.v1 import admin_pb2_grpc as admin_rpc
from joygrpc.pb.joystream.storage.v1 import maintenance_pb2 as maintenance
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from tests.integration.devnet_thread import devnet_in_thread
from tests.integration.storage_program import RunningNode, running_node
from tests.integration.test_storage_node import (
    WITHIN_S,
    Created,
    Ground,
    free_port,
    noise,
    operator_metadata,
    read,
    stored,
    through_mesh,
    until,
    until_true,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODES = 3
CLEANUP = CleanupSettings(
    enabled=True, interval_s=3600, new_object_s=0, quarantine_s=1, quarantine_interval_s=3600, proof_timeout_s=5
)
SERVER_ERROR = 105


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    ports = tuple(free_port() for _ in range(NODES))
    preset = DevPreset(storage=tuple(operator_metadata(port) for port in ports))
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, preset=preset)) as devnet:
        yield Ground(devnet, ports, tmp_path_factory.mktemp("cleanup"))


@asynccontextmanager
async def running(ground: Ground, worker: int) -> AsyncIterator[RunningNode]:
    config = ground.config(worker, cleanup=CLEANUP, scrub=ScrubSettings(interval_s=3600))
    config = config.model_copy(update={"query_node": QueryNodeSettings(url=config.query_node.url, timeout_s=2)})
    async with running_node(config, ground.folder / f"node-{worker}.log") as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(ground: Ground) -> AsyncIterator[list[RunningNode]]:
    """Nodes of the workers 0 and 1; that of worker 2 is started where it is wanted."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running(ground, worker)) for worker in range(2)]


@dataclass(frozen=True)
class Channel:
    """A bag of its own for one test."""

    ground: Ground
    bag: str

    async def upload(self, node: RunningNode, data: bytes) -> Created:
        bucket = int(node.addresses["worker"])
        text = multihash_of_bytes(data)
        entry = {"size": len(data), "ipfs_content_id": text}
        (object_id,) = await self.ground.devnet.call("devnet_createObjects", bag=self.bag, objects=[entry])
        new = Created(object_id, data, text)
        await through_mesh(node, new.start(bag_id=self.bag, storage_bucket_id=bucket), data)
        return new

    async def bind(self, **changes: Sequence[int]) -> None:
        await self.ground.devnet.call("devnet_bindBag", bag=self.bag, **changes)


async def new_channel(ground: Ground, *buckets: int) -> Channel:
    """A channel whose bag is in these buckets; the chain's policy asks for all of them at first."""
    everywhere = range(NODES)
    made = await ground.devnet.call("devnet_createChannel", member=2, storage_buckets=list(everywhere))
    channel = Channel(ground, made["bag"])
    await channel.bind(remove_storage=[bucket for bucket in everywhere if bucket not in buckets])
    return channel


def service(node: RunningNode) -> admin_rpc.StorageAdminServiceAsyncStub:
    return admin_rpc.StorageAdminServiceStub(node.channels.channel(node.addresses["admin_grpc"]))


async def plan(node: RunningNode) -> dict[int, maintenance.CleanupPlanItem]:
    parts = service(node).PlanCleanup(admin.PlanCleanupRequest())
    return {item.object_id: item async for part in parts for item in part.items}


async def until_planned(node: RunningNode, object_id: int, verdict: int) -> maintenance.CleanupPlanItem:
    """The object's place in the plan, once the node's picture leads to the verdict."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            item = (await plan(node)).get(object_id)
            if item is not None and item.verdict == verdict:
                return item
            await asyncio.sleep(0.05)


async def cleaned(node: RunningNode) -> maintenance.CleanupReport:
    return (await service(node).RunCleanup(admin.RunCleanupRequest())).report


async def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    error = error_of(failure.value)
    return error.reason, error.message


async def is_served(node: RunningNode, object_id: int) -> bool:
    try:
        await node.mesh.GetObject(pb.GetObjectRequest(object_id=object_id))
    except grpc.aio.AioRpcError as error:
        if error_of(error).reason == "OBJECT_NOT_FOUND":
            return False
        raise
    return True


async def command(node: RunningNode, *words: str, exit_code: int = 0, form: str = "json") -> Any:
    """What `joygrpc storage node …` prints about the node of a data directory."""
    data = Path(node.addresses["socket"]).parent.parent
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "joygrpc", "storage", "node", *words, "--data", str(data), "--output", form,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, problems = await process.communicate()
    assert process.returncode == exit_code, (out, problems)
    if not out:
        return problems.decode()
    return json.loads(out) if form == "json" else out.decode()


async def test_a_deleted_object_is_set_aside_restored_and_at_last_purged(
    ground: Ground, nodes: list[RunningNode]
) -> None:
    node = nodes[0]
    channel = await new_channel(ground, 0)
    new, other = await channel.upload(node, noise(2 * GROUP_SIZE, 1)), await channel.upload(node, noise(1000, 2))
    await until(node, new.id, stored)
    await until(node, other.id, stored)
    await ground.devnet.call("devnet_deleteObjects", bag=channel.bag, objects=[new.id])
    await until_planned(node, new.id, maintenance.CLEANUP_VERDICT_DELETED)
    assert await is_served(node, new.id)

    shown = await command(node, "cleanup", "plan")
    assert [(row["id"], row["action"], row["verdict"]) for row in shown] == [(str(new.id), "quarantine", "deleted")]
    assert "1 objects (512.0 KiB) would go into quarantine, 0 stay" in await command(
        node, "cleanup", "run", "--dry-run", form="table"
    )
    assert await is_served(node, new.id)
    report = await command(node, "cleanup", "run")
    assert (report["quarantined"], report["verdicts"]) == (1, {"deleted": 1})
    assert not await is_served(node, new.id)
    assert await is_served(node, other.id)
    status = await node.mesh.GetStatus(pb.GetStatusRequest())
    assert (status.cleanup_enabled, status.quarantined_count, status.last_cleanup.quarantined) == (True, 1, 1)
    assert (status.cleanup_max_lag_blocks, status.cleanup_min_replicas) == (100, 2)

    (held,) = await command(node, "quarantine", "list")
    assert (held["id"], held["reason"], held["bag"]) == (str(new.id), "not_owed", channel.bag)
    assert await command(node, "quarantine", "list", "--reason", "rotten") == []
    await command(node, "quarantine", "restore", str(new.id))
    assert await read(node, new.id) == new.data
    (outcome,) = await command(node, "quarantine", "restore", str(new.id), exit_code=SERVER_ERROR)
    assert outcome["outcome"] == "NOT_QUARANTINED"

    assert (await cleaned(node)).quarantined == 1
    file = ground.folder / "0" / "objects" / f"{new.id % 256:02x}" / str(new.id)
    assert file.exists()
    async with asyncio.timeout(WITHIN_S):
        while file.exists():
            assert (await node.run_chore("quarantine")).last_error == ""
    assert await command(node, "quarantine", "list") == []
    assert await is_served(node, other.id)


async def test_a_moved_object_stays_until_two_other_operators_prove_to_have_it(
    ground: Ground, nodes: list[RunningNode]
) -> None:
    node, peer = nodes
    channel = await new_channel(ground, 0, 1)
    new = await channel.upload(node, noise(5 * GROUP_SIZE + 7, 3))
    small = await channel.upload(node, noise(100, 4))
    for one in (new, small):
        await until(peer, one.id, stored)
    # A second bucket of the peer's operator, at the same node: not a second replica.
    second = await ground.devnet.call(
        "devnet_createStorageBucket", worker=1, metadata="0x" + operator_metadata(ground.ports[1]).hex()
    )
    await channel.bind(add_storage=[2, second], remove_storage=[0])
    for one in (new, small):
        item = await until_planned(node, one.id, maintenance.CLEANUP_VERDICT_FEW_REPLICAS)
        assert (item.replicas, item.replicas_needed) == (1, 2)
    assert (await cleaned(node)).quarantined == 0

    async with running(ground, 2) as third:
        for one in (new, small):
            await until(third, one.id, stored)
            item = await until_planned(node, one.id, maintenance.CLEANUP_VERDICT_MOVED)
            assert (item.replicas, item.bag_id) == (2, channel.bag)
        await _nothing_goes_while_the_picture_is_in_doubt(ground, node, [new, small])
        assert (await cleaned(node)).quarantined == 2
        for one in (new, small):
            assert not await is_served(node, one.id)
            assert await read(third, one.id) == await read(peer, one.id) == one.data
        # The bag comes back, and its objects with it.
        await channel.bind(add_storage=[0])
        async with asyncio.timeout(WITHIN_S):
            while not (await is_served(node, new.id) and await is_served(node, small.id)):
                await node.run_chore("quarantine")
        assert await read(node, new.id) == new.data


async def _nothing_goes_while_the_picture_is_in_doubt(
    ground: Ground, node: RunningNode, ready_to_go: list[Created]
) -> None:
    before = (await node.mesh.GetDataStats(pb.GetDataStatsRequest())).object_count
    for fault, reasons in (
        ({"query_node_error": "http_500"}, {"QUERY_NODE_UNAVAILABLE"}),
        ({"query_node_error": "graphql_error"}, {"QUERY_NODE_UNAVAILABLE"}),
        ({"query_node_error": "null_data"}, {"QUERY_NODE_UNAVAILABLE", "QUERY_NODE_MALFORMED"}),
        ({"query_node_error": "hang"}, {"QUERY_NODE_UNAVAILABLE"}),
        ({"query_node_lag_blocks": 150}, {"CLEANUP_HELD"}),
    ):
        await ground.devnet.call("devnet_setFault", **fault)
        try:
            if "query_node_lag_blocks" in fault:
                await ground.devnet.seal(150)
            reason, message = await refusal(service(node).RunCleanup(admin.RunCleanupRequest()))
            assert reason in reasons, message
            assert (await node.run_chore("cleanup")).last_error in reasons
            status = await node.mesh.GetStatus(pb.GetStatusRequest())
            assert status.last_cleanup.hindrance
            stream = service(node).PlanCleanup(admin.PlanCleanupRequest())
            assert (await refusal(stream.read()))[0] in reasons
        finally:
            await ground.devnet.call("devnet_setFault", clear=True)
        assert all([await is_served(node, one.id) for one in ready_to_go])
        assert (await node.mesh.GetDataStats(pb.GetDataStatsRequest())).object_count == before
    # What the faults left behind ends too: the probe's error, and a snapshot that failed meanwhile.
    for one in ready_to_go:
        await _until_clear(node, one.id)


async def _until_clear(node: RunningNode, object_id: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                if (await plan(node))[object_id].verdict == maintenance.CLEANUP_VERDICT_MOVED:
                    return
            except grpc.aio.AioRpcError as error:
                if error_of(error).reason not in ("CLEANUP_HELD", "QUERY_NODE_UNAVAILABLE"):
                    raise
            await node.run_chore("directory-probe")


async def test_a_node_whose_picture_is_not_confirmed_moves_nothing_out(ground: Ground) -> None:
    channel = await new_channel(ground, 2)
    async with running(ground, 2) as node:
        new = await channel.upload(node, noise(1000, 5))
        await until(node, new.id, stored)
    await ground.devnet.call("devnet_setFault", query_node_error="http_500")
    try:
        async with running(ground, 2) as node:
            await ground.devnet.call("devnet_deleteObjects", bag=channel.bag, objects=[new.id])
            # The old picture is brought up by the chain's blocks alone.
            assert await is_served(node, new.id)
            assert (await refusal(service(node).RunCleanup(admin.RunCleanupRequest())))[0] == "QUERY_NODE_UNAVAILABLE"
            assert await is_served(node, new.id)
            status = await node.mesh.GetStatus(pb.GetStatusRequest())
            assert (status.directory.complete, status.last_cleanup.hindrance) == (False, "QUERY_NODE_UNAVAILABLE")
            await ground.devnet.call("devnet_setFault", clear=True)
            async with asyncio.timeout(WITHIN_S):
                while (await node.run_chore("directory-refresh")).last_error:
                    pass
                await node.run_chore("directory-probe")
            await until_planned(node, new.id, maintenance.CLEANUP_VERDICT_DELETED)
    finally:
        await ground.devnet.call("devnet_setFault", clear=True)


async def test_a_rotten_file_is_found_set_aside_and_fetched_from_the_peer(
    ground: Ground, nodes: list[RunningNode]
) -> None:
    node, peer = nodes
    channel = await new_channel(ground, 0, 1)
    new = await channel.upload(node, noise(3 * GROUP_SIZE, 6))
    await until(node, new.id, stored)
    await until(peer, new.id, stored)
    file = ground.folder / "0" / "objects" / f"{new.id % 256:02x}" / str(new.id)
    assert (await command(node, "scrub", str(new.id)))["outcome"] == "sound"

    _rot(file)
    assert (await command(node, "scrub", str(new.id), exit_code=SERVER_ERROR))["outcome"] == "rotten"
    await until(node, new.id, stored)
    assert await read(node, new.id) == new.data
    assert file.read_bytes() == new.data

    _rot(file)
    progress = await command(node, "scrub")
    assert progress["enabled"]
    assert progress["objects_due"] >= 1
    await node.run_chore("scrub")
    await until_true(lambda: file.read_bytes() == new.data)
    await until(node, new.id, stored)
    status = await node.mesh.GetStatus(pb.GetStatusRequest())
    assert (status.scrub.objects_due, status.scrub.objects_rotten) == (0, 2)
    assert status.scrub.objects_checked >= 3


def _rot(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(GROUP_SIZE + 5)
        opened.write(b"rotten")


async def test_chores_by_command(nodes: list[RunningNode]) -> None:
    node = nodes[0]
    names = {chore["name"] for chore in await command(node, "chores", "list")}
    assert {"cleanup", "quarantine", "scrub", "sync", "acceptance", "directory-refresh"} <= names
    assert "scrub is paused" in await command(node, "chores", "pause", "scrub", form="table")
    listed = (await node.chores.ListChores(operator.ListChoresRequest())).chores
    assert [chore.paused for chore in listed if chore.name == "scrub"] == [True]
    await command(node, "chores", "resume", "scrub")
    (ran,) = await command(node, "chores", "trigger", "scrub")
    assert ran["last_error"] == ""
    problem = await command(node, "chores", "trigger", "nothing", exit_code=SERVER_ERROR)
    assert "No chore is named nothing (CHORE_NOT_FOUND)" in problem


async def test_purging_by_command_takes_what_it_is_told(ground: Ground, nodes: list[RunningNode]) -> None:
    node = nodes[0]
    channel = await new_channel(ground, 0)
    new = await channel.upload(node, noise(1000, 7))
    await until(node, new.id, stored)
    (outcome,) = await command(node, "quarantine", "purge", str(new.id), "--yes", exit_code=SERVER_ERROR)
    assert outcome["outcome"] == "NOT_QUARANTINED"
    await ground.devnet.call("devnet_deleteObjects", bag=channel.bag, objects=[new.id])
    await until_planned(node, new.id, maintenance.CLEANUP_VERDICT_DELETED)
    await cleaned(node)
    outcomes = await command(node, "quarantine", "purge", "--all", "--yes")
    assert [(one["id"], one["outcome"]) for one in outcomes] == [(str(new.id), "purged")]
    assert not (ground.folder / "0" / "objects" / f"{new.id % 256:02x}" / str(new.id)).exists()


async def test_a_node_is_drained_by_command(ground: Ground) -> None:
    async with running(ground, 2) as node:
        assert (await command(node, "drain"))["outcome"] == "draining"
        async with asyncio.timeout(WITHIN_S):
            assert await node.process.wait() == 0
        problem = await command(node, "chores", "list", exit_code=102)
        assert "no storage node runs on" in problem
