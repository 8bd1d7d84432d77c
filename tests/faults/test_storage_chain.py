"""A storage node whose chain is away, slow, silent, or refuses: nothing that was acknowledged is lost, and acceptance goes on afterwards."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.ground import Ground, eventually, storage_ground
from tests.faults.weather import ACCEPT_CALL, ACCEPT_ERRORS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with storage_ground(tmp_path_factory.mktemp("chain")) as ground:
        yield ground


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _fair_weather(ground: Ground) -> AsyncIterator[None]:
    yield
    ground.chain.delay_s, ground.chain.silent = 0, False
    await ground.devnet.set_fault(clear=True)


async def _pool(ground: Ground) -> list[str]:
    return await ground.devnet.call("author_pendingExtrinsics")


@pytest.mark.parametrize("block", ["while the node is dead", "when the node is back"])
async def test_killed_while_its_transaction_waits_for_a_block(ground: Ground, block: str) -> None:
    pieces = await ground.pieces(3)
    await ground.devnet.set_fault(stalled=True)
    await ground.upload(pieces)
    await eventually(lambda: _pool(ground))
    await ground.lane.end("during accept")
    if block == "while the node is dead":
        await ground.devnet.set_fault(stalled=False)
        await eventually(lambda: _accepted(ground, pieces[0].id))
    await ground.start()
    if block == "when the node is back":
        assert await ground.states(pieces) == {"pending"}
        await ground.devnet.set_fault(stalled=False)
    await ground.until_accepted(pieces)
    await ground.check()


async def _accepted(ground: Ground, object_id: int) -> bool:
    return bool(await ground.devnet.accepted([object_id]))


async def test_a_chain_that_makes_no_blocks(ground: Ground) -> None:
    pieces = await ground.pieces(4)
    await ground.devnet.set_fault(stalled=True)
    await ground.upload(pieces)
    await ground.check()
    assert await ground.states(pieces) == {"pending"}
    await ground.devnet.set_fault(stalled=False)
    await ground.until_accepted(pieces)


async def test_a_chain_that_dies_and_comes_back(ground: Ground) -> None:
    before, during = await ground.pieces(2), await ground.pieces(1)
    await ground.devnet.set_fault(stalled=True)
    await ground.upload(before)
    await ground.devnet.kill()
    # The transactions in its pool die with it.
    assert await ground.clients.upload(ground.node, during[0]) == "CHAIN_UNAVAILABLE"
    await ground.until_status(lambda status: bool(status.last_error), "directory-probe")
    await ground.restart()
    await ground.check()
    status = await ground.status()
    assert not status.complete
    assert await ground.states(before) == {"pending"}
    await ground.devnet.start()
    await ground.until_accepted(before)
    await ground.until_status(lambda status: not status.last_error and status.complete, "directory-probe", "buckets")
    await ground.upload(during)
    await ground.until_accepted(during)
    await ground.check()


async def test_a_line_to_the_chain_that_is_cut_again_and_again(ground: Ground) -> None:
    pieces = await ground.pieces(6)
    before = ground.chain.connections
    for piece in pieces:
        await ground.upload([piece])
        ground.chain.cut()
    await ground.until_accepted(pieces)
    assert ground.chain.connections > before
    await ground.check()


async def test_a_slow_line_to_the_chain(ground: Ground) -> None:
    pieces = await ground.pieces(2)
    ground.chain.delay_s = 0.02
    await ground.upload(pieces)
    await ground.until_accepted(pieces)
    await ground.check()


async def test_a_chain_that_takes_connections_and_says_nothing(ground: Ground) -> None:
    accepted, refused = await ground.pieces(2), await ground.pieces(1)
    await ground.devnet.set_fault(stalled=True)
    await ground.upload(accepted)
    await eventually(lambda: _pool(ground))
    ground.chain.silent = True
    assert await ground.clients.upload(ground.node, refused[0]) == "CHAIN_UNAVAILABLE"
    await ground.check()
    await ground.devnet.set_fault(stalled=False)
    ground.chain.silent = False
    ground.chain.cut()
    await ground.until_accepted(accepted)
    await ground.upload(refused)
    await ground.until_accepted(refused)


async def test_transactions_that_the_pool_drops_are_sent_again(ground: Ground) -> None:
    pieces = await ground.pieces(2)
    await ground.devnet.set_fault(drop={"call": "Utility.force_batch", "remaining": 3, "notify": True})
    await ground.upload(pieces)
    await ground.until_accepted(pieces)
    assert (await ground.devnet.call("devnet_faults"))["drop"] == []
    await ground.check()


async def test_a_transaction_that_vanishes_is_sent_again_by_the_next_life(ground: Ground) -> None:
    pieces = await ground.pieces(2)
    await ground.devnet.set_fault(drop={"call": "Utility.force_batch", "remaining": 1, "notify": False})
    await ground.upload(pieces[:1])
    await eventually(lambda: _all_used(ground, "drop"))
    await ground.upload(pieces[1:])
    await ground.restart()
    await ground.until_accepted(pieces)
    await ground.check()


async def _all_used(ground: Ground, kind: str) -> bool:
    return not (await ground.devnet.call("devnet_faults"))[kind]


async def test_what_the_chain_refuses_is_kept_and_accepted_later_whatever_the_error(ground: Ground) -> None:
    failed = 'joygrpc_storage_acceptances_total{outcome="failed"}'
    pieces = await ground.pieces(len(ACCEPT_ERRORS))
    before = await ground.metric(failed)
    for error, piece in zip(ACCEPT_ERRORS, pieces, strict=True):
        await ground.devnet.set_fault(reject={"pallet": "Storage", "error": error, "call": ACCEPT_CALL})
        await ground.upload([piece])
        await eventually(lambda: _all_used(ground, "reject"))
    assert await ground.metric(failed) >= before + len(ACCEPT_ERRORS) - 1
    await ground.restart()
    await ground.check()
    await ground.until_accepted(pieces)
    await ground.check()
