"""Blocks that another author's take the place of."""

from pathlib import Path

import pytest

from joygrpc.devnet.administrator import Administrator
from joygrpc.devnet.chain.archive import Archive
from joygrpc.devnet.chain.chain import Chain, ChainStalled, NotForkable
from joygrpc.devnet.chain.headers import Block, hex0x
from joygrpc.devnet.chain.mempool import Status
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.frame import ACCOUNT_INFO
from joygrpc.devnet.metadata.runtime import build_runtime

from .signing import account_of, keypair, signed

ALICE, BOB = keypair("//Alice"), keypair("//Bob")
REMARK = ("System", "remark_with_event", {"remark": b"x"})


def fund(chain: Chain) -> None:
    for pair in (ALICE, BOB):
        chain.perform(lambda ledger, calls, pair=pair: Administrator(ledger, calls).fund(account_of(pair)))


@pytest.fixture
def chain() -> Chain:
    """Alice and Bob have money; nothing after that is final for the next three blocks."""
    chain = Chain(build_runtime(Limits()), faults=Faults(), finality_lag=3)
    fund(chain)
    for _ in range(3):
        chain.seal()
    return chain


def nonce_at(chain: Chain, block: Block) -> int:
    state = chain.blocks.state(block)
    assert state is not None
    value = state.get(chain.runtime.item("System", "Account").raw_key(account_of(ALICE)))
    return int(ACCOUNT_INFO.decode(value or b"")["nonce"])


def rows(chain: Chain) -> dict[str, dict[object, object]]:
    return {f"{table.pallet}.{table.item}": dict(table.items()) for table in chain.ledger.tables()}


def test_another_block_takes_the_place_of_the_best(chain: Chain) -> None:
    old, heads = chain.seal(), []
    chain.on_block.append(heads.append)
    new = chain.fork()
    assert heads == [new]
    assert (new.number, new.header.parent_hash) == (old.number, old.header.parent_hash)
    assert new.hash != old.hash
    assert (chain.best, chain.blocks.hash_of(new.number)) == (new, new.hash)


def test_its_transactions_are_told_and_come_again(chain: Chain) -> None:
    told: list[Status] = []
    chain.submit(signed(chain, ALICE, *REMARK), told.append)
    old = chain.seal()
    new = chain.fork()
    for _ in range(3):
        chain.seal()
    assert told == [
        "ready",
        {"inBlock": hex0x(old.hash)},
        {"retracted": hex0x(old.hash)},
        {"inBlock": hex0x(new.hash)},
        {"finalized": hex0x(new.hash)},
    ]
    assert chain.next_nonce(account_of(ALICE)) == 1


def test_or_they_wait_for_the_block_after(chain: Chain) -> None:
    woken: list[None] = []
    chain.submit(signed(chain, ALICE, *REMARK))
    chain.seal()
    chain.on_transaction.append(lambda: woken.append(None))
    assert len(chain.fork(again=False).extrinsics) == 1
    assert (woken, chain.has_ready_transactions) == ([None], True)
    assert len(chain.seal().extrinsics) == 2


def test_one_that_was_born_on_what_is_left_dies(chain: Chain) -> None:
    told: list[Status] = []
    birth = chain.seal().number
    period_16 = (3 | birth % 16 << 4).to_bytes(2, "little")
    chain.submit(signed(chain, ALICE, *REMARK, era=(period_16, birth)), told.append)
    chain.seal()
    chain.fork(2)
    assert told[-1] == "invalid"
    assert chain.next_nonce(account_of(ALICE)) == 0


def test_the_state_goes_back_but_what_was_left_can_still_be_read(chain: Chain) -> None:
    before = rows(chain)
    chain.submit(signed(chain, ALICE, *REMARK))
    first = chain.seal()
    chain.perform(lambda ledger, calls: Administrator(ledger, calls).create_member(account_of(BOB)))
    second = chain.best
    fresh = chain.fork(2, again=False)
    assert rows(chain) == before
    assert [nonce_at(chain, block) for block in (first, second, fresh)] == [1, 1, 0]
    assert chain.blocks.block(first.hash) is first
    members = chain.runtime.item("Members", "MembershipById").base_key
    state = [chain.blocks.state(block) for block in (first, second, fresh)]
    assert [len(found.page(members, None, b"")) for found in state if found is not None] == [0, 1, 0]


def test_watchers_of_storage_hear_of_keys_that_went_back(chain: Chain) -> None:
    key = chain.runtime.item("System", "Account").raw_key(account_of(ALICE))
    chain.submit(signed(chain, ALICE, *REMARK))
    chain.seal()
    assert key in chain.fork(again=False).changed_keys


def test_final_blocks_stay(chain: Chain) -> None:
    with pytest.raises(NotForkable, match="3 blocks are not final"):
        chain.fork(4)
    assert chain.fork(3).number == chain.blocks.finalized_number + 3
    with pytest.raises(NotForkable):
        Chain(build_runtime(Limits()), faults=Faults()).fork()


def test_a_stalled_chain_does_not_fork(chain: Chain) -> None:
    chain.faults.stalled = True
    with pytest.raises(ChainStalled):
        chain.fork()


def test_what_was_left_is_forgotten_in_the_end() -> None:
    chain = Chain(build_runtime(Limits()), faults=Faults(), finality_lag=1, depth=3)
    chain.seal()
    old = chain.seal()
    chain.fork()
    for _ in range(5):
        chain.seal()
    assert chain.blocks.block(old.hash) is None


def test_the_archive_follows(tmp_path: Path) -> None:
    runtime = build_runtime(Limits())
    archive = Archive(tmp_path / "chain.sqlite", runtime)
    chain = Chain(runtime, faults=Faults(), archive=archive, finality_lag=3)
    fund(chain)
    chain.submit(signed(chain, ALICE, *REMARK))
    old = chain.seal()
    new = chain.fork(again=False)
    kept = rows(chain)
    archive.close()

    archive = Archive(tmp_path / "chain.sqlite", runtime)
    chain = Chain(runtime, faults=Faults(), archive=archive)
    assert chain.best.hash == new.hash
    assert chain.blocks.block(old.hash) is None
    assert rows(chain) == kept
    assert nonce_at(chain, new) == 0
    archive.close()


def test_fixed_times_make_the_same_blocks_each_time() -> None:
    def grow() -> list[str]:
        chain = Chain(build_runtime(Limits()), faults=Faults(), finality_lag=2, fixed_step_ms=6000)
        fund(chain)
        chain.seal()
        left = chain.seal()
        replaced = chain.fork()
        assert left.hash != replaced.hash
        assert chain.seal().timestamp_ms == replaced.timestamp_ms + 6000
        return [hex0x(chain.blocks.hash_of(number) or b"") for number in range(len(chain.blocks))]

    assert grow() == grow()
