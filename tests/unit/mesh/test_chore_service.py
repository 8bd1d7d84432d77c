"""`ChoreService` over a real server: listing, triggering, pausing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest

from joygrpc.chores import Chore, ChoreRegistry
from joygrpc.mesh import ChannelPool, MeshError, MeshServer, error_of
from joygrpc.mesh.chores import chore_service
from joygrpc.pb.joystream.operator.v1 import operator_pb2 as pb
from joygrpc.pb.joystream.operator.v1 import operator_pb2_grpc as rpc


class Work:
    def __init__(self) -> None:
        self.runs = 0
        self.broken = False

    async def __call__(self) -> None:
        self.runs += 1
        if self.broken:
            raise ConnectionError


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def chore(work: Work) -> Chore:
    return Chore("work", every=timedelta(hours=1), run=work, at_start=False)


@pytest.fixture
async def stub(chore: Chore) -> AsyncIterator[rpc.ChoreServiceStub]:
    async with (
        MeshServer("127.0.0.1:0", [chore_service(ChoreRegistry(chore))], grace=timedelta(0)) as server,
        ChannelPool() as pool,
        asyncio.TaskGroup() as tasks,
    ):
        serving = tasks.create_task(chore.serve())
        yield rpc.ChoreServiceStub(pool.channel(f"127.0.0.1:{server.port}"))
        serving.cancel()


async def refused(call: object) -> MeshError:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call  # type: ignore[misc]
    return error_of(failure.value)


async def test_chores_are_listed(stub: rpc.ChoreServiceStub) -> None:
    (listed,) = (await stub.ListChores(pb.ListChoresRequest())).chores
    assert (listed.name, listed.interval.seconds, listed.paused, listed.runs) == ("work", 3600, False, 0)
    assert not listed.HasField("last_run_at")


async def test_a_trigger_answers_after_the_run(stub: rpc.ChoreServiceStub, work: Work) -> None:
    chore = (await stub.TriggerChore(pb.TriggerChoreRequest(name="work"))).chore
    assert (work.runs, chore.runs, chore.last_error) == (1, 1, "")
    assert chore.HasField("last_run_at")


async def test_a_failed_run_is_an_answer(stub: rpc.ChoreServiceStub, work: Work) -> None:
    work.broken = True
    assert (await stub.TriggerChore(pb.TriggerChoreRequest(name="work"))).chore.last_error == "ConnectionError"


async def test_pause_and_resume(stub: rpc.ChoreServiceStub, chore: Chore) -> None:
    await stub.PauseChore(pb.PauseChoreRequest(name="work"))
    assert chore.paused
    await stub.ResumeChore(pb.ResumeChoreRequest(name="work"))
    assert not chore.paused


async def test_unknown_names(stub: rpc.ChoreServiceStub) -> None:
    for call in (
        stub.TriggerChore(pb.TriggerChoreRequest(name="nap")),
        stub.PauseChore(pb.PauseChoreRequest(name="nap")),
        stub.ResumeChore(pb.ResumeChoreRequest(name="nap")),
    ):
        error = await refused(call)
        assert (error.reason, error.message) == ("CHORE_NOT_FOUND", "No chore is named nap")
