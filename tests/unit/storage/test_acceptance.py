"""The acceptance queue against every answer of the chain: nothing is forgotten before it is final, nothing is deleted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from joygrpc.chain import ChainHead, ChainUnavailable, ItemOutcome, SignerLocked, SubmitOutcome, TransactionRefused
from joygrpc.content import BagId
from joygrpc.directory import DirectoryObject
from joygrpc.storage.acceptance import AcceptanceService, AcceptFailed
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from tests.unit.storage.conftest import BAG, BUCKET, TRANSACTOR, WORKER, MemoryChain, MemoryDirectory, active_bucket

GOOD = ItemOutcome(None)
BAD = ItemOutcome("Storage.DataObjectBlacklisted")


def included(*items: ItemOutcome) -> SubmitOutcome:
    return SubmitOutcome("included", "0x", ChainHead(1, "0x1"), items)


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
    for object_id in (1, 2):
        chain.add_object(object_id, 1, "gW", accepted=True)
    assert await service.settle([1, 2, 77])
    await service.run_once()
    assert [await state(index, i) for i in (1, 2)] == [ObjectState.PENDING] * 2
    chain.finalized = ChainHead(1, "0x1")
    await service.run_once()
    assert [await state(index, i) for i in (1, 2)] == [ObjectState.STORED] * 2
    assert len(chain.submitted) == 1
    assert not await service.settle([1, 2])


async def test_what_the_chain_has_accepted_is_not_sent_again(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, directory: MemoryDirectory
) -> None:
    await queue(index, chain, 1, 2)
    for object_id in (1, 2):
        chain.add_object(object_id, 1, "gW", accepted=True)
    # What the query node says is not what is final.
    make_final(directory, 1)
    await service.run_once()
    assert chain.submitted == []
    assert await state(index, 1) is ObjectState.PENDING
    chain.finalized = chain.best
    await service.run_once()
    assert [await state(index, i) for i in (1, 2)] == [ObjectState.STORED] * 2


async def test_an_acceptance_on_a_fork_that_was_given_up_is_sent_again(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.outcomes = [SubmitOutcome("included", "0x", ChainHead(1, "0xfork"), (GOOD,)), included(GOOD)]
    await service.run_once()
    chain.finalized = ChainHead(5, "0x5")
    assert await state(index, 1) is ObjectState.PENDING
    await service.run_once()
    assert len(chain.submitted) == 2
    assert await state(index, 1) is ObjectState.STORED


async def test_an_acceptance_seen_on_a_fork_is_looked_for_again(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.add_object(1, 1, "gW", accepted=True)
    chain.best = ChainHead(3, "0xfork")
    await service.run_once()
    chain.best = chain.finalized = ChainHead(4, "0x4")
    await service.run_once()
    assert await state(index, 1) is ObjectState.PENDING
    await service.run_once()
    assert await state(index, 1) is ObjectState.STORED
    assert chain.submitted == []


async def test_an_account_that_cannot_pay_is_told_of_and_nothing_is_sent(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    chain.balance = 9
    await service.run_once()
    assert chain.submitted == []
    (funds,) = service.funds.funds
    assert (funds.bucket_id, funds.balance, funds.needed, funds.low, funds.payable) == (BUCKET, 9, 210, True, False)
    assert await state(index, 1) is ObjectState.PENDING
    chain.balance = 10_000
    chain.outcomes = [included(GOOD)]
    await index.retry_now([1])
    await service.run_once()
    # It was not the object's fault: it does not go alone.
    assert (await index.pending(now=datetime.now(UTC)))[0].attempts == 0
    assert not service.funds.funds[0].low


async def test_a_bucket_that_is_refused_pauses_ever_longer(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    pauses = []
    for _ in range(3):
        chain.outcomes = [TransactionRefused("banned")]
        await service.run_once()
        retry_at = await index.next_retry()
        assert retry_at is not None
        pauses.append(round((retry_at - datetime.now(UTC)).total_seconds()))
        await index.retry_now([1])
    assert pauses == [12, 24, 48]


async def test_without_the_transactors_key_objects_stay_pending(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, buckets: OwnBuckets
) -> None:
    await queue(index, chain, 1)
    chain.buckets[BUCKET] = active_bucket(transactor="5Other")
    await buckets.refresh()
    assert buckets.locked == {BUCKET: "5Other"}
    await service.run_once()
    assert chain.submitted == []
    assert await state(index, 1) is ObjectState.PENDING
    chain.buckets[BUCKET] = active_bucket()
    await buckets.refresh()
    await service.keys_changed()
    chain.outcomes = [included(GOOD)]
    await service.run_once()
    assert len(chain.submitted) == 1


async def test_an_object_that_moved_to_another_bag_is_reported_there(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain, directory: MemoryDirectory
) -> None:
    other = BagId.channel(2)
    await queue(index, chain, 1)
    chain.objects.clear()
    chain.add_object(1, 1, "gW", bag=other)
    directory.objects[1] = DirectoryObject(1, 1, "gW", other, accepted=False)
    await service.run_once()
    chain.outcomes = [included(GOOD)]
    await service.run_once()
    ((calls, _, _),) = chain.submitted
    assert calls[0].args["bag_id"] == other.to_scale()


async def test_a_deletion_that_the_chain_does_not_know_of_is_not_believed(
    service: AcceptanceService, index: ObjectIndex, chain: MemoryChain
) -> None:
    await queue(index, chain, 1)
    await service.deleted([1])
    assert await state(index, 1) is ObjectState.PENDING


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
    if answer.status == "unknown":
        # It may be in the next block.
        await service.run_once()
        assert len(chain.submitted) == 1
        await index.retry_now([1])
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
