"""The chain client against a devnet: a real WebSocket, real SCALE, real signatures, a real child process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
import sr25519

from joygrpc.chain import (
    BlockPruned,
    Call,
    CallInvalid,
    ChainConfig,
    ChainTimeouts,
    ChainUnavailable,
    FinalizedBlock,
    KeyInvalid,
    KeySource,
    SignerLocked,
    SubstrateChain,
    TransactionRefused,
)
from joygrpc.chain.calls import (
    AssetFees,
    NewObject,
    accept_pending_data_objects,
    create_channel_of_member,
    update_channel_of_member,
)
from joygrpc.chain.events import ObjectsAccepted, ObjectsCreated, storage_facts_of
from joygrpc.chain.ss58 import decode_account
from joygrpc.content import BagId
from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset
from tests.integration.devnet_thread import Devnet, devnet_in_thread

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKER, OWNER = "//testing//worker//Storage//0", "//Charlie"
BAG = BagId.channel(1)
CID = "gW" + "z" * 44
OBJECT = {"size": 5, "ipfs_content_id": CID}


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    config = DevnetConfig(
        chain_port=0, query_node_port=0, block_time_ms=0, preset=DevPreset(storage=(b"",), distributors=(b"",))
    )
    with devnet_in_thread(config) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(devnet: Devnet) -> AsyncIterator[SubstrateChain]:
    timeouts = ChainTimeouts(submit=timedelta(seconds=20), call=timedelta(seconds=20))
    config = ChainConfig(devnet.addresses.chain, KeySource(suris=(WORKER, OWNER)), timeouts)
    async with SubstrateChain(config) as running:
        yield running


async def new_objects(devnet: Devnet, count: int) -> list[int]:
    made: list[int] = await devnet.call("devnet_createObjects", bag=str(BAG), objects=[OBJECT] * count)
    return made


async def test_facts_of_the_chain(chain: SubstrateChain, devnet: Devnet) -> None:
    properties = await chain.properties()
    assert (properties.ss58_prefix, properties.token_symbol, properties.token_decimals) == (126, "JOY", 10)
    assert properties.spec_name == "joystream-node"
    assert await chain.max_data_object_size() == 60 * 2**30
    assert not await chain.is_syncing()
    best, final = await chain.best_head(), await chain.finalized_head()
    assert best.number >= final.number
    assert await chain.block_hash(final.number) == final.block_hash
    assert await chain.block_hash(best.number + 1000) is None
    worker, owner = chain.signers()
    assert await chain.free_balance(owner) > 0
    assert await chain.free_balance("0x" + "77" * 32) == 0
    assert await chain.member_controller(2) == owner
    assert await chain.member_controller(999) is None
    hired = await chain.worker("storage", 0)
    assert hired is not None
    assert (hired.member_id, hired.role_account) == (3, worker)
    lead = await chain.lead("distribution")
    assert lead is not None
    assert lead.group == "distribution"
    assert await chain.worker("storage", 99) is None


async def test_storage_entries(chain: SubstrateChain, devnet: Devnet) -> None:
    first, second = await new_objects(devnet, 2)
    found = await chain.data_objects([(BAG, second), (BAG, 10**6), (BAG, first), (BagId.council(), first)])
    assert [None if o is None else (o.object_id, o.size, o.multihash, o.accepted) for o in found] == [
        (second, 5, CID, False),
        None,
        (first, 5, CID, False),
        None,
    ]
    assert await chain.data_objects([]) == []
    bag = await chain.bag(BAG)
    assert bag is not None
    assert (bag.stored_by, bag.distributed_by) == (frozenset({0}), frozenset({"0:0"}))
    assert await chain.bag(BagId.channel(10**6)) is None
    council = await chain.bag(BagId.council())
    assert council is not None
    assert council.objects_number == 0
    bucket = await chain.storage_bucket(0)
    assert bucket is not None
    assert (bucket.operator_status, bucket.worker_id, bucket.transactor) == ("active", 0, chain.signers()[0])
    assert await chain.storage_bucket(10**6) is None


async def test_whole_maps(chain: SubstrateChain, devnet: Devnet) -> None:
    made: list[str] = [(await devnet.call("devnet_createChannel", member=2))["bag"] for _ in range(3)]
    bags = {str(bag.bag_id): bag for bag in await chain.bags()}
    assert {str(BAG), *made} <= set(bags)
    assert bags[str(BAG)] == await chain.bag(BAG)
    assert await chain.storage_buckets() == [await chain.storage_bucket(0)]
    # A key of two parts.
    (entry,) = await chain.storage_entries("Storage", "DistributionBucketByFamilyIdById")
    assert entry[0] == (0, 0)
    assert await chain.storage_entries("Storage", "Blacklist") == []
    for unknown in (("Storage", "Nothing"), ("Nothing", "Nothing")):
        with pytest.raises(CallInvalid):
            await chain.storage_entries(*unknown)


async def test_what_would_be_signed(chain: SubstrateChain) -> None:
    call = Call("System", "remark", {"remark": "0x0102"})
    single = await chain.encoded_call([call])
    assert single.endswith("080102")
    batch = await chain.encoded_call([call, call], "force_batch")
    assert batch.endswith(single[2:] * 2)
    with pytest.raises(CallInvalid):
        await chain.encoded_call([Call("System", "nothing", {})])


async def test_the_kind_of_chain(chain: SubstrateChain) -> None:
    assert await chain.chain_type() == "Development"


async def test_values_and_constants_by_name(chain: SubstrateChain) -> None:
    assert isinstance(await chain.storage_value("Storage", "NextDataObjectId"), int)
    assert await chain.storage_value("Storage", "UploadingBlocked") is False
    assert await chain.constant("Storage", "MaxDataObjectSize") == 60 * 2**30
    for unknown in (("Storage", "Nothing"), ("Nothing", "Nothing")):
        with pytest.raises(CallInvalid):
            await chain.storage_value(*unknown)
        with pytest.raises(CallInvalid):
            await chain.constant(*unknown)
    assert await chain.storage_value("Storage", "UploadingBlocked") is False


async def test_a_transaction_and_its_events(chain: SubstrateChain) -> None:
    fees = await fees_of(chain)
    call = update_channel_of_member(2, 1, fees, add=[NewObject(7, CID)], storage_buckets_num=1)
    outcome = await chain.submit([call], chain.signers()[1])
    assert outcome.status == "included"
    assert outcome.block is not None
    assert [item.error for item in outcome.items] == [None]
    (created,) = storage_facts_of(outcome.events)
    assert isinstance(created, ObjectsCreated)
    found = await chain.data_object(BAG, created.objects[0].object_id)
    assert found is not None
    assert (found.size, found.accepted) == (7, False)


async def test_a_channel_with_its_bag(chain: SubstrateChain) -> None:
    fees = await fees_of(chain)
    bond = await chain.storage_value("Content", "ChannelStateBloatBondValue")
    assert isinstance(bond, int)
    call = create_channel_of_member(2, [NewObject(9, CID)], [0], ["0:0"], bond, fees)
    outcome = await chain.submit([call], chain.signers()[1], wait_for="finalized")
    assert (outcome.status, [item.error for item in outcome.items]) == ("finalized", [None])


async def fees_of(chain: SubstrateChain) -> AssetFees:
    per_megabyte = await chain.storage_value("Storage", "DataObjectPerMegabyteFee")
    bloat_bond = await chain.storage_value("Storage", "DataObjectStateBloatBondValue")
    assert isinstance(per_megabyte, int)
    assert isinstance(bloat_bond, int)
    return AssetFees(per_megabyte, bloat_bond)


async def test_a_module_error_has_the_pallets_name_for_it(chain: SubstrateChain) -> None:
    outcome = await chain.submit([accept_pending_data_objects(0, 0, BAG, [10**6])], chain.signers()[0])
    assert outcome.status == "included"
    assert [item.error for item in outcome.items] == ["Storage.DataObjectDoesntExist"]


async def test_each_call_of_a_batch_has_its_outcome(chain: SubstrateChain, devnet: Devnet) -> None:
    first, second = await new_objects(devnet, 2)
    calls = [accept_pending_data_objects(0, 0, BAG, [i]) for i in (first, 10**6, second)]
    forced = await chain.submit(calls, chain.signers()[0], "force_batch", "finalized")
    assert [item.error for item in forced.items] == [None, "Storage.DataObjectDoesntExist", None]
    cut = await chain.submit(calls, chain.signers()[0], "batch")
    assert [item.error for item in cut.items] == [None, "Storage.DataObjectDoesntExist", "Interrupted"]
    undone = await chain.submit(calls, chain.signers()[0], "batch_all")
    assert [item.error for item in undone.items] == ["Storage.DataObjectDoesntExist"] * 3
    found = await chain.data_objects([(BAG, first), (BAG, second)])
    assert [o is not None and o.accepted for o in found] == [True, True]


async def test_fees(chain: SubstrateChain) -> None:
    call = accept_pending_data_objects(0, 0, BAG, [0])
    assert await chain.estimate_fee([call], chain.signers()[0]) > 0
    with pytest.raises(SignerLocked):
        await chain.estimate_fee([call], "j4W7rVcUCxi2crhhjRq46fNDRbVHTjJrz6bKxZwehEMQxZeSf")


async def test_many_transactions_at_once_get_a_nonce_each(chain: SubstrateChain, devnet: Devnet) -> None:
    ids = await new_objects(devnet, 6)
    call_of = [accept_pending_data_objects(0, 0, BAG, [i]) for i in ids]
    outcomes = await asyncio.gather(*(chain.submit([call], chain.signers()[0]) for call in call_of))
    assert [[item.error for item in outcome.items] for outcome in outcomes] == [[None]] * 6


async def test_a_key_that_others_use_too(chain: SubstrateChain, devnet: Devnet) -> None:
    async with SubstrateChain(ChainConfig(devnet.addresses.chain, KeySource(suris=(WORKER,)))) as other:
        (first, second) = await new_objects(devnet, 2)
        for round_number in range(2):
            for client in (chain, other):
                outcome = await client.submit(
                    [accept_pending_data_objects(0, 0, BAG, [(first, second)[round_number]])], client.signers()[0]
                )
                assert [item.error for item in outcome.items] == [None]


async def test_a_dropped_transaction_is_said_to_be_dropped(chain: SubstrateChain, devnet: Devnet) -> None:
    (created,) = await new_objects(devnet, 1)
    await devnet.call("devnet_setFault", drop={"notify": True})
    call = accept_pending_data_objects(0, 0, BAG, [created])
    assert (await chain.submit([call], chain.signers()[0])).status == "dropped"
    assert (await chain.submit([call], chain.signers()[0])).status == "included"


async def test_waiting_for_a_block_holds_up_no_query(chain: SubstrateChain, devnet: Devnet) -> None:
    (created,) = await new_objects(devnet, 1)
    await devnet.call("devnet_setFault", stalled=True)
    try:
        waiting = asyncio.create_task(
            chain.submit([accept_pending_data_objects(0, 0, BAG, [created])], chain.signers()[0])
        )
        for _ in range(5):
            found = await chain.data_object(BAG, created)
            assert found is not None
            assert not found.accepted
        assert not waiting.done()
    finally:
        await devnet.call("devnet_setFault", clear=True)
    assert (await waiting).status == "included"


async def test_the_wait_ends_with_an_unknown_outcome(devnet: Devnet) -> None:
    timeouts = ChainTimeouts(submit=timedelta(seconds=1))
    config = ChainConfig(devnet.addresses.chain, KeySource(suris=(WORKER,)), timeouts)
    async with SubstrateChain(config) as chain:
        (created,) = await new_objects(devnet, 1)
        await devnet.call("devnet_setFault", stalled=True)
        try:
            call = accept_pending_data_objects(0, 0, BAG, [created])
            outcome = await chain.submit([call], chain.signers()[0])
        finally:
            await devnet.call("devnet_setFault", clear=True)
        assert (outcome.status, outcome.items) == ("unknown", ())
        assert outcome.extrinsic_hash.startswith("0x")


async def test_refusals_before_anything_is_sent(chain: SubstrateChain) -> None:
    with pytest.raises(SignerLocked):
        await chain.submit(
            [accept_pending_data_objects(0, 0, BAG, [1])], "j4W7rVcUCxi2crhhjRq46fNDRbVHTjJrz6bKxZwehEMQxZeSf"
        )
    with pytest.raises(SignerLocked):
        await chain.submit([accept_pending_data_objects(0, 0, BAG, [1])], "nobody")
    for wrong in (
        Call("Storage", "no_such_call", {}),
        Call("Storage", "accept_pending_data_objects", {"worker_id": 1}),
    ):
        with pytest.raises(CallInvalid):
            await chain.submit([wrong], chain.signers()[0])
    with pytest.raises(ValueError, match="one call"):
        await chain.submit([], chain.signers()[0])


async def test_an_account_that_cannot_pay_is_refused(devnet: Devnet) -> None:
    config = ChainConfig(devnet.addresses.chain, KeySource(suris=("//Nobody",)))
    async with SubstrateChain(config) as chain:
        with pytest.raises(TransactionRefused):
            await chain.submit([accept_pending_data_objects(0, 0, BAG, [1])], chain.signers()[0])


@pytest.mark.parametrize("key_type", ["ed25519"])
async def test_other_kinds_of_keys_sign_transactions(devnet: Devnet, key_type: str) -> None:
    config = ChainConfig(devnet.addresses.chain, KeySource(suris=("//Someone",), key_type=key_type))  # type: ignore[arg-type]
    async with SubstrateChain(config) as chain:
        (account,) = chain.signers()
        await devnet.call("devnet_fund", account=account)
        outcome = await chain.submit([accept_pending_data_objects(0, 0, BAG, [1])], account)
        assert [item.error for item in outcome.items] == ["Storage.InvalidTransactorAccount"]


async def test_raw_signatures(chain: SubstrateChain) -> None:
    signer = chain.signers()[0]
    assert sr25519.verify(await chain.sign_bytes(signer, b"token"), b"token", decode_account(signer))
    with pytest.raises(SignerLocked):
        await chain.sign_bytes("j4W7rVcUCxi2crhhjRq46fNDRbVHTjJrz6bKxZwehEMQxZeSf", b"token")


async def test_finalized_blocks_come_without_a_gap(chain: SubstrateChain, devnet: Devnet) -> None:
    start = (await chain.finalized_head()).number
    await devnet.seal(3)
    (created,) = await new_objects(devnet, 1)
    seen: list[FinalizedBlock] = []
    async for block in chain.finalized_blocks(start):
        seen.append(block)
        if len(seen) == 4:
            await chain.submit([accept_pending_data_objects(0, 0, BAG, [created])], chain.signers()[0])
        if any(isinstance(fact, ObjectsAccepted) for fact in storage_facts_of(block.events)):
            break
    numbers = [block.head.number for block in seen]
    assert numbers == list(range(start + 1, start + 1 + len(seen)))
    assert [await chain.block_hash(number) for number in numbers] == [block.head.block_hash for block in seen]


async def test_following_from_now_on(chain: SubstrateChain, devnet: Devnet) -> None:
    blocks = chain.finalized_blocks(None)
    following = asyncio.ensure_future(anext(blocks))
    head = await chain.finalized_head()
    while not following.done():
        await devnet.seal()
        await asyncio.wait([following], timeout=0.2)
    assert (await following).head.number > head.number
    await blocks.aclose()


async def test_blocks_of_another_chain_are_noticed(chain: SubstrateChain) -> None:
    config = ChainConfig(chain._config.url, poll_interval=timedelta(milliseconds=10))
    async with SubstrateChain(config) as impatient:
        with pytest.raises(BlockPruned):
            await anext(impatient.finalized_blocks(10**6))


async def test_a_worker_that_dies_is_replaced(chain: SubstrateChain) -> None:
    blocks = chain.finalized_blocks(0)
    assert (await anext(blocks)).head.number == 1
    before = chain.worker_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert (await chain.best_head()).number > 0
    assert chain.worker_pid != before
    assert (await anext(blocks)).head.number == 2
    assert len(chain.signers()) == 2
    await blocks.aclose()


async def test_a_worker_that_dies_with_a_transaction_leaves_its_outcome_unknown(
    chain: SubstrateChain, devnet: Devnet
) -> None:
    (created,) = await new_objects(devnet, 1)
    await devnet.call("devnet_setFault", stalled=True)
    try:
        call = accept_pending_data_objects(0, 0, BAG, [created])
        waiting = asyncio.create_task(chain.submit([call], chain.signers()[0]))
        while not await devnet.call("author_pendingExtrinsics"):
            assert not waiting.done()
        assert chain.worker_pid is not None
        os.kill(chain.worker_pid, signal.SIGKILL)
        assert (await waiting).status == "unknown"
    finally:
        await devnet.call("devnet_setFault", clear=True)


async def test_without_a_chain_calls_fail_in_bounded_time_and_keys_still_sign() -> None:
    timeouts = ChainTimeouts(call=timedelta(seconds=5))
    async with SubstrateChain(ChainConfig("ws://127.0.0.1:1", KeySource(suris=(WORKER,)), timeouts)) as chain:
        with pytest.raises(ChainUnavailable):
            await chain.best_head()
        with pytest.raises(ChainUnavailable):
            await chain.submit([accept_pending_data_objects(0, 0, BAG, [1])], chain.signers()[0])
        assert len(await chain.sign_bytes(chain.signers()[0], b"data")) == 64


async def test_a_chain_that_comes_back_is_used_again() -> None:
    config = DevnetConfig(chain_port=0, query_node_port=0, block_time_ms=0)
    with devnet_in_thread(config) as first:
        address = first.addresses.chain
        chain = SubstrateChain(ChainConfig(address, poll_interval=timedelta(milliseconds=100)))
        await chain.__aenter__()
        assert (await chain.best_head()).number == 0
    try:
        with pytest.raises(ChainUnavailable):
            await chain.best_head()
        again = DevnetConfig(chain_port=int(address.rpartition(":")[2]), query_node_port=0, block_time_ms=0)
        with devnet_in_thread(again) as second:
            await second.seal(3)
            async for block in chain.finalized_blocks(0):
                if block.head.number == 3:
                    break
    finally:
        await chain.__aexit__(None, None, None)


async def test_a_bad_key_is_told_at_the_start() -> None:
    with pytest.raises(KeyInvalid, match=r"no\. 1"):
        async with SubstrateChain(ChainConfig("ws://127.0.0.1:1", KeySource(suris=("not a phrase",)))):
            pass


async def test_the_child_ends_with_the_context() -> None:
    async with SubstrateChain(ChainConfig("ws://127.0.0.1:1")) as chain:
        pid = chain.worker_pid
        assert pid is not None
        child = psutil.Process(pid)
        assert not any("Alice" in part for part in child.cmdline())
    assert not psutil.pid_exists(pid)


async def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import asyncio\n"
        "from joygrpc.chain import ChainConfig, SubstrateChain\n"
        "async def main():\n"
        "    async with SubstrateChain(ChainConfig('ws://127.0.0.1:1')) as chain:\n"
        "        print(chain.worker_pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.wait()
    gone, _ = psutil.wait_procs([child], timeout=10)
    assert gone == [child]
