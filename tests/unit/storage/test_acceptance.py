"""The acceptance queue against every answer of the chain: nothing is forgotten before it is final, nothing is deleted."""

import asyncio
from datetime import timedelta

import pytest

from joygrpc.chain import ChainHead, ChainUnavailable, ItemOutcome, SignerLocked, SubmitOutcome, TransactionRefused
from joygrpc.directory import DirectoryObject
from joygrpc.storage.acceptance import AcceptanceService, AcceptFailed
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from tests.unit.storage.conftest import BAG, BUCKET, TRANSACTOR, WORKER, MemoryChain, MemoryDirectory

GOOD = ItemOutcome(None)
BAD = ItemOutcome("Storage.DataObjectBlacklisted")


def included(*items: ItemOutcome) -> SubmitOutcome:
    return SubmitOutcome("included", "0x", ChainHead(1, "0x"), items)


@pytest.fixture
def service(
    index: ObjectIndex, chain: MemoryChain, directory: MemoryDirectory, buckets: OwnBuckets
) -> AcceptanceService:
    return AcceptanceService(
        index=index,
        chain=chain,
        directory=directory,
        buckets=buckets,
        worker_id=WORKER,
        max_batch_size=20,  # type: ignore[arg-type]
    )


async def queue(index: ObjectIndex, chain: MemoryChain, *object_ids: int) -> None:
    for object_id in object_ids:
        chain.add_object(object_id, 1, "gW")
        await index.put(KeptObject(object_id, 1, "gW", ObjectState.PENDING, str(BAG), BUCKET))


def make_final(directory: MemoryDirectory, *object_ids: int, accepted: bool = True) -> None:
    for object_id in object_ids:
        directory.objects[object_id] = DirectoryObject(object_id, 1, "gW", BAG, accepted)


async def state(index: ObjectIndex, object_id: int) -> ObjectState:
    kept = await index.get(object_id)
    assert kept is not None
    return kept.state


async def test_objects_go_in_one_transaction_and_are_stored_once_that_is_final(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, directory: MemoryDirectory
) -> None:
    await queue(index, chain, 1, 2)
    chain.outcomes = [included(GOOD)]
    await service.run_once()
    ((calls, signer, mode),) = chain.submitted
    assert (signer, mode) == (TRANSACTOR, "force_batch")
    assert [(call.pallet, call.function, call.args["data_objects"]) for call in calls] == [
        ("Storage", "accept_pending_data_objects", [1, 2])
    ]
    assert await state(index, 1) is ObjectState.PENDING
    await service.settle([1, 2, 77])
    assert [await state(index, i) for i in (1, 2)] == [ObjectState.STORED] * 2


async def test_what_the_chain_has_accepted_is_not_sent_again(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, directory: MemoryDirectory
) -> None:
    await queue(index, chain, 1, 2)
    for object_id in (1, 2):
        chain.add_object(object_id, 1, "gW", accepted=True)
    make_final(directory, 1)
    make_final(directory, 2, accepted=False)
    await service.run_once()
    assert chain.submitted == []
    assert await state(index, 1) is ObjectState.STORED
    assert await state(index, 2) is ObjectState.PENDING


async def test_a_bad_object_is_split_off_and_waits(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1, 2, 3)
    chain.outcomes = [included(BAD), included(GOOD, BAD, GOOD)]
    await service.run_once()
    assert [[call.args["data_objects"] for call in calls] for calls, _, _ in chain.submitted] == [
        [[1, 2, 3]],
        [[1], [2], [3]],
    ]
    chain.add_object(1, 1, "gW", accepted=True)
    chain.add_object(3, 1, "gW", accepted=True)
    await service.run_once()
    assert len(chain.submitted) == 2
    assert await index.next_retry() is not None


@pytest.mark.parametrize("answer", [SubmitOutcome("unknown", ""), SubmitOutcome("dropped", "")])
async def test_an_unclear_outcome_is_asked_about_and_sent_again(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, answer: SubmitOutcome
) -> None:
    await queue(index, chain, 1)
    chain.outcomes = [answer, included(GOOD)]
    await service.run_once()
    assert await state(index, 1) is ObjectState.PENDING
    await service.run_once()
    assert len(chain.submitted) == 2


@pytest.mark.parametrize("error", [SignerLocked(), TransactionRefused("no money")])
async def test_a_refused_transaction_is_tried_again_later(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, error: Exception
) -> None:
    await queue(index, chain, 1)
    chain.outcomes = [error]
    await service.run_once()
    await service.run_once()
    assert len(chain.submitted) == 1
    assert await state(index, 1) is ObjectState.PENDING


async def test_without_the_chain_everything_waits(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.away = True
    with pytest.raises(ChainUnavailable):
        await service.run_once()
    chain.away = False
    chain.outcomes = [ChainUnavailable(), included(GOOD)]
    with pytest.raises(ChainUnavailable):
        await service.run_once()
    await service.run_once()
    assert len(chain.submitted) == 2


async def test_an_object_that_is_not_on_chain_waits_until_its_deletion_is_final(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.objects.clear()
    await service.run_once()
    assert chain.submitted == []
    assert await state(index, 1) is ObjectState.PENDING
    await service.deleted([1])
    assert await state(index, 1) is ObjectState.QUARANTINED


async def test_an_object_that_no_bucket_of_ours_holds_waits(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.bags.clear()
    await service.run_once()
    assert chain.submitted == []
    assert await state(index, 1) is ObjectState.PENDING
    assert await index.next_retry() is not None


async def test_an_upload_may_wait_for_its_block(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    assert not await service.wait_included(1, timedelta(0))
    chain.outcomes = [included(GOOD)]
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(service.wait_included(1, timedelta(seconds=10)))
        await asyncio.sleep(0)
        tasks.create_task(service.run_once())
    assert waiting.result()
    chain.add_object(1, 1, "gW", accepted=True)
    assert await service.wait_included(1, timedelta(seconds=10))


async def test_an_upload_that_waits_is_told_of_a_failure(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.outcomes = [included(BAD)]
    waiting = asyncio.create_task(service.wait_included(1, timedelta(seconds=10)))
    await asyncio.sleep(0)
    await service.run_once()
    with pytest.raises(AcceptFailed, match=r"^Extrinsic execution error: DataObjectBlacklisted$"):
        await waiting
    assert await state(index, 1) is ObjectState.PENDING
