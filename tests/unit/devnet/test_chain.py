"""Blocks, transactions and finality, without a network."""

import hashlib
from typing import Any

import pytest

from joygrpc.devnet.administrator import Administrator
from joygrpc.devnet.chain.chain import Chain, ChainStalled
from joygrpc.devnet.chain.headers import blake2_256, hex0x
from joygrpc.devnet.chain.mempool import Status, TransactionRefused
from joygrpc.devnet.faults import DropRule, Faults, RejectRule
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ModuleError
from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.frame import ACCOUNT_INFO
from joygrpc.devnet.metadata.runtime import build_runtime

from .signing import account_of, ed25519_keypair, keypair, signed

ALICE, BOB = keypair("//Alice"), keypair("//Bob")
REMARK = ("System", "remark_with_event", {"remark": b"x"})
BAD = ("Storage", "delete_storage_bucket", {"storage_bucket_id": 0})


def new_chain(**options: Any) -> Chain:
    """A chain on which Alice and Bob have money, at block 1."""
    chain = Chain(build_runtime(Limits()), faults=options.pop("faults", Faults()), **options)

    def fund(admin: Administrator) -> None:
        for pair in (ALICE, BOB):
            admin.fund(account_of(pair))

    chain.perform(lambda ledger, calls: fund(Administrator(ledger, calls)))
    return chain


@pytest.fixture
def chain() -> Chain:
    return new_chain()


def outcomes(chain: Chain, index: int = 1) -> list[str]:
    return [event.name for event in chain.best.events if event.extrinsic_index == index]


class Watch(list[Status]):
    """The statuses that a submission's watcher was told."""

    def __init__(self, chain: Chain, raw: bytes) -> None:
        super().__init__()
        self.hash = chain.submit(raw, self.append)


class TestBlocks:
    def test_hashes_are_of_the_encoded_header(self, chain: Chain) -> None:
        block = chain.seal()
        header = block.header
        encoded = header.parent_hash + bytes((2 << 2,)) + header.state_root + header.extrinsics_root + b"\0"
        assert block.hash == hashlib.blake2b(encoded, digest_size=32).digest()
        assert header.parent_hash == chain.blocks.hash_of(1)

    def test_time_goes_forward(self, chain: Chain) -> None:
        times = [chain.seal().timestamp_ms for _ in range(5)]
        assert times == sorted(set(times))

    def test_the_first_extrinsic_sets_the_time(self, chain: Chain) -> None:
        block = chain.seal()
        now = chain.runtime.item("Timestamp", "Now")
        assert now.value.decode(chain.blocks.history.get(now.raw_key(), block.number) or b"") == block.timestamp_ms
        assert outcomes(chain, 0) == ["ExtrinsicSuccess"]

    def test_events_in_state_are_those_of_the_block(self, chain: Chain) -> None:
        chain.submit(signed(chain, ALICE, *REMARK))
        block = chain.seal()
        item = chain.runtime.item("System", "Events")
        records = item.value.decode(chain.blocks.history.get(item.raw_key(), block.number) or b"")
        assert [record["phase"] for record in records] == [
            {"ApplyExtrinsic": event.extrinsic_index} for event in block.events
        ]
        assert [record["event"] for record in records][-1] == {"System": {"ExtrinsicSuccess": block.events[-1].fields}}

    def test_an_action_that_fails_leaves_no_block(self, chain: Chain) -> None:
        def action(ledger: Any, calls: Any) -> None:
            Administrator(ledger, calls).fund(account_of(ALICE))
            Administrator(ledger, calls).dispatch(Origin.root(), *BAD[:2], **BAD[2])

        before = chain.best
        with pytest.raises(Exception, match="BadOrigin"):
            chain.perform(action)
        assert chain.best is before
        chain.seal()
        assert [event.name for event in chain.best.events] == ["ExtrinsicSuccess"]

    def test_state_is_known_at_each_block(self, chain: Chain) -> None:
        key = chain.runtime.item("System", "Account").raw_key(account_of(ALICE))
        for _ in range(3):
            chain.submit(signed(chain, ALICE, *REMARK))
            chain.seal()
        nonces = [ACCOUNT_INFO.decode(chain.blocks.history.get(key, number) or b"")["nonce"] for number in (1, 2, 3, 4)]
        assert nonces == [0, 1, 2, 3]

    def test_old_blocks_and_states_leave_the_window(self) -> None:
        chain = new_chain(depth=3)
        for _ in range(6):
            chain.seal()
        assert chain.blocks.block(chain.blocks.hash_of(1) or b"") is None
        assert not chain.blocks.history.covers(1)
        assert chain.blocks.block(chain.blocks.hash_of(5) or b"") is not None


class TestTransactions:
    def test_success_pays_the_fee_and_counts(self, chain: Chain) -> None:
        watch = Watch(chain, signed(chain, ALICE, *REMARK))
        block = chain.seal()
        assert outcomes(chain) == ["Withdraw", "Remarked", "TransactionFeePaid", "ExtrinsicSuccess"]
        assert watch == ["ready", {"inBlock": hex0x(block.hash)}, {"finalized": hex0x(block.hash)}]
        assert chain.next_nonce(account_of(ALICE)) == 1

    def test_failure_pays_and_counts_too(self, chain: Chain) -> None:
        chain.submit(signed(chain, ALICE, *BAD))
        chain.seal()
        assert outcomes(chain) == ["Withdraw", "TransactionFeePaid", "ExtrinsicFailed"]
        error = chain.best.events[-1].fields["dispatch_error"]
        assert error == {"Module": {"index": 33, "error": b"\x09\0\0\0"}}
        assert chain.next_nonce(account_of(ALICE)) == 1

    def test_ed25519_signatures_count(self, chain: Chain) -> None:
        pair = ed25519_keypair(7)
        chain.perform(lambda ledger, calls: Administrator(ledger, calls).fund(account_of(pair)))
        chain.submit(signed(chain, pair, *REMARK))
        chain.seal()
        assert outcomes(chain)[-1] == "ExtrinsicSuccess"

    def test_a_long_payload_is_signed_by_its_hash(self, chain: Chain) -> None:
        chain.submit(signed(chain, ALICE, "System", "remark", {"remark": b"x" * 300}))

    def test_each_senders_transactions_go_in_order_of_nonces(self, chain: Chain) -> None:
        late = Watch(chain, signed(chain, ALICE, *REMARK, nonce=1))
        other = Watch(chain, signed(chain, BOB, *REMARK))
        assert late == ["future"]
        chain.seal()
        assert [len(other), len(late)] == [3, 1]
        Watch(chain, signed(chain, ALICE, *REMARK, nonce=0))
        assert chain.next_nonce(account_of(ALICE)) == 2
        chain.seal()
        assert len(chain.best.extrinsics) == 3
        assert len(late) == 3

    @pytest.mark.parametrize(
        ("change", "code", "why"),
        [
            ({"nonce": 0}, 1010, "Transaction is outdated"),
            ({"genesis": bytes(32)}, 1010, "Transaction has a bad signature"),
            ({"tip": 10**20}, 1010, "Inability to pay some fees (e.g. account balance too low)"),
        ],
    )
    def test_refusals(self, chain: Chain, change: dict[str, Any], code: int, why: str) -> None:
        chain.submit(signed(chain, ALICE, *REMARK))
        chain.seal()
        with pytest.raises(TransactionRefused) as caught:
            chain.submit(signed(chain, ALICE, *REMARK, **change))
        assert (caught.value.code, caught.value.data) == (code, why)

    @pytest.mark.parametrize("raw", [b"", b"\x00", b"\x04\x84", bytes(200)])
    def test_garbage_is_refused(self, chain: Chain, raw: bytes) -> None:
        with pytest.raises(TransactionRefused) as caught:
            chain.submit(raw)
        assert caught.value.code == 1001

    def test_a_changed_byte_breaks_the_signature(self, chain: Chain) -> None:
        raw = bytearray(signed(chain, ALICE, *REMARK))
        raw[-1] ^= 1
        with pytest.raises(TransactionRefused, match="bad signature"):
            chain.submit(bytes(raw))

    def test_the_same_transaction_twice(self, chain: Chain) -> None:
        raw = signed(chain, ALICE, *REMARK)
        assert chain.submit(raw) == hex0x(blake2_256(raw))
        with pytest.raises(TransactionRefused) as caught:
            chain.submit(raw)
        assert caught.value.code == 1013

    def test_a_higher_tip_takes_the_place_of_a_rival(self, chain: Chain) -> None:
        first = Watch(chain, signed(chain, ALICE, *REMARK, nonce=0, tip=5))
        with pytest.raises(TransactionRefused) as caught:
            chain.submit(signed(chain, ALICE, *BAD, nonce=0, tip=5))
        assert caught.value.code == 1014
        second = Watch(chain, signed(chain, ALICE, *BAD, nonce=0, tip=6))
        assert first[-1] == {"usurped": second.hash}
        chain.seal()
        assert len(chain.best.extrinsics) == 2

    def test_one_that_turned_invalid_is_told_so(self, chain: Chain) -> None:
        """Its sender spends the money for its fee in the same block."""
        rest = chain.ledger.accounts[account_of(ALICE)].data.free - chain.runtime.limits.transaction_fee
        chain.submit(signed(chain, ALICE, "Balances", "transfer", {"dest": account_of(BOB), "value": rest}))
        broke = Watch(chain, signed(chain, ALICE, *REMARK, nonce=1))
        chain.seal()
        assert broke[-1] == "invalid"
        assert len(chain.mempool) == 0


class TestEras:
    # Period 4: the low four bits hold log2(period) - 1, the rest the phase.
    def era(self, phase: int) -> bytes:
        return (1 | phase << 4).to_bytes(2, "little")

    def test_a_mortal_transaction_covers_its_birth_block(self, chain: Chain) -> None:
        for _ in range(4):
            chain.seal()
        chain.submit(signed(chain, ALICE, *REMARK, era=(self.era(1), 5)))
        chain.seal()
        assert outcomes(chain)[-1] == "ExtrinsicSuccess"

    def test_it_dies(self, chain: Chain) -> None:
        raw = signed(chain, ALICE, *REMARK, era=(self.era(1), 1))
        for _ in range(4):
            chain.seal()
        with pytest.raises(TransactionRefused, match="bad signature"):
            chain.submit(raw)

    def test_it_cannot_be_born_in_the_future(self, chain: Chain) -> None:
        with pytest.raises(TransactionRefused, match="ancient birth block"):
            chain.submit(signed(chain, ALICE, *REMARK, era=(self.era(3), 0)))


class TestFinality:
    def test_it_stays_behind_by_the_lag(self) -> None:
        chain = new_chain(finality_lag=2)
        watch = Watch(chain, signed(chain, ALICE, *REMARK))
        final: list[int] = []
        chain.on_finalized.append(lambda block: final.append(block.number))
        included = chain.seal()
        assert watch[-1] == {"inBlock": hex0x(included.hash)}
        assert chain.has_unfinal_transactions
        chain.seal()
        chain.seal()
        assert watch[-1] == {"finalized": hex0x(included.hash)}
        assert not chain.has_unfinal_transactions
        assert final == [1, 2]

    def test_final_blocks_carry_events_and_hashes(self, chain: Chain) -> None:
        raw = signed(chain, ALICE, *REMARK)
        chain.submit(raw)
        chain.seal()
        block = chain.finalized_block(2)
        assert block is not None
        assert block.extrinsic_hashes[1] == hex0x(blake2_256(raw))
        assert any(event.name == "Remarked" and event.extrinsic_index == 1 for event in block.events)
        assert chain.finalized_block(3) is None


class TestFaults:
    def test_a_stalled_chain_makes_no_blocks(self) -> None:
        faults = Faults()
        chain = new_chain(faults=faults)
        faults.stalled = True
        with pytest.raises(ChainStalled):
            chain.seal()
        with pytest.raises(ChainStalled):
            chain.perform(lambda *_: None)

    def test_calls_fail_as_told_and_as_often(self) -> None:
        faults = Faults(reject=[RejectRule("Storage", "UploadingBlocked", "System.remark_with_event", 2)])
        chain = new_chain(faults=faults)
        ends = []
        for _ in range(3):
            chain.submit(signed(chain, ALICE, *REMARK))
            chain.seal()
            ends.append(chain.best.events[-1])
        assert [event.name for event in ends] == ["ExtrinsicFailed", "ExtrinsicFailed", "ExtrinsicSuccess"]
        assert ends[0].fields["dispatch_error"] == {"Module": {"index": 27, "error": b"\x14\0\0\0"}}

    def test_items_of_batches_fail_too(self) -> None:
        faults = Faults(reject=[RejectRule("Storage", "UploadingBlocked", "System.remark_with_event", None)])
        chain = new_chain(faults=faults)
        calls = [{"System": {"remark_with_event": {"remark": b""}}}, {"System": {"remark": {"remark": b""}}}]
        chain.submit(signed(chain, ALICE, "Utility", "force_batch", {"calls": calls}))
        chain.seal()
        assert outcomes(chain)[1:4] == ["ItemFailed", "ItemCompleted", "BatchCompletedWithErrors"]

    def test_a_rule_for_all_calls_fails_whole_transactions_and_spares_administrators(self) -> None:
        faults = Faults()
        chain = new_chain(faults=faults)
        faults.reject.append(RejectRule("System", "CallFiltered"))
        chain.perform(lambda ledger, calls: Administrator(ledger, calls).create_member(account_of(BOB)))
        calls = [{"System": {"remark": {"remark": b""}}}]
        chain.submit(signed(chain, ALICE, "Utility", "force_batch", {"calls": calls}))
        chain.seal()
        assert outcomes(chain)[-1] == "ExtrinsicFailed"
        assert faults.reject == []

    @pytest.mark.parametrize(("notify", "told"), [(True, ["ready", "dropped"]), (False, ["ready"])])
    def test_transactions_vanish(self, notify: bool, told: list[str]) -> None:
        chain = new_chain(faults=Faults(drop=[DropRule("System.remark_with_event", 1, notify)]))
        watch = Watch(chain, signed(chain, ALICE, *REMARK))
        chain.seal()
        assert watch == told
        assert len(chain.best.extrinsics) == 1
        # The nonce is free again, and the rule used up.
        chain.submit(signed(chain, ALICE, *REMARK))
        chain.seal()
        assert len(chain.best.extrinsics) == 2


def test_a_rule_that_breaks_does_not_stop_the_chain(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain.ledger.storage_group, "lead", None)
    chain.submit(signed(chain, ALICE, *BAD))
    chain.seal()
    assert chain.best.events[-1].fields["dispatch_error"] == "Other"


def test_module_errors_have_names_in_the_metadata() -> None:
    with pytest.raises(KeyError):
        build_runtime(Limits()).error_index("Storage", "NoSuchError")
    assert str(ModuleError("Storage", "UploadingBlocked")) == "Storage.UploadingBlocked"
