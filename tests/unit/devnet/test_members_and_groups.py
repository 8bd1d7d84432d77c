"""Members, working groups, money and batches."""

from typing import Any, ClassVar

import pytest

from joygrpc.devnet.accounts import dev_account
from joygrpc.devnet.ledger.balances import covers, free_balance
from joygrpc.devnet.limits import Limits

from .worlds import OWNER, STORAGE_LEAD, STORAGE_WORKERS, STRANGER, World, names

NEW = dev_account("//new")


class TestMembers:
    def buy(self, **change: Any) -> dict[str, Any]:
        plain = {
            "root_account": STRANGER,
            "controller_account": STRANGER,
            "handle": b"stranger",
            "metadata": b"",
            "referrer_id": None,
        }
        return {"params": plain | change}

    def test_membership_is_bought(self, world: World) -> None:
        before = free_balance(world.ledger, STRANGER)
        events = world.call(STRANGER, "Members", "buy_membership", **self.buy())
        assert names(events) == ["Balances.Withdraw", "Members.MembershipBought"]
        assert before - free_balance(world.ledger, STRANGER) == world.ledger.membership_price.value
        member = world.ledger.members[1]
        assert (member.controller_account, world.ledger.member_by_handle[member.handle_hash]) == (STRANGER, 1)

    @pytest.mark.parametrize(
        ("signer", "change", "error"),
        [
            (None, {}, "BadOrigin"),
            (NEW, {}, "Members.NotEnoughBalanceToBuyMembership"),
            (STRANGER, {"handle": None}, "Members.HandleMustBeProvidedDuringRegistration"),
            (STRANGER, {"handle": b"owner"}, "Members.HandleAlreadyRegistered"),
            (STRANGER, {"referrer_id": 9}, "Members.ReferrerIsNotMember"),
        ],
    )
    def test_refusals(self, world: World, signer: str | None, change: dict[str, Any], error: str) -> None:
        assert world.refusal(signer, "Members", "buy_membership", **self.buy(**change)) == error

    def test_the_controller_changes_the_handle_and_frees_the_old_one(self, world: World) -> None:
        arguments = {"member_id": 0, "handle": b"renamed", "metadata": None}
        assert world.refusal(STRANGER, "Members", "update_profile", **arguments) == "Members.ControllerAccountRequired"
        world.call(OWNER, "Members", "update_profile", **arguments)
        world.call(STRANGER, "Members", "buy_membership", **self.buy(handle=b"owner"))

    def test_the_root_account_changes_accounts(self, world: World) -> None:
        arguments = {"member_id": 0, "new_root_account": None, "new_controller_account": NEW}
        assert world.refusal(STRANGER, "Members", "update_accounts", **arguments) == "Members.RootAccountRequired"
        world.call(OWNER, "Members", "update_accounts", **arguments)
        member = world.ledger.members[0]
        assert (member.root_account, member.controller_account) == (OWNER, NEW)

    def test_a_remark_can_carry_money(self, world: World) -> None:
        world.call(OWNER, "Members", "member_remark", member_id=0, msg=b"hi", payment=(STRANGER, 5))
        refused = world.refusal(OWNER, "Members", "member_remark", member_id=0, msg=b"hi", payment=(STRANGER, 10**30))
        assert refused == "Members.InsufficientBalanceToCoverPayment"


class TestWorkingGroups:
    GROUP = "StorageWorkingGroup"

    def test_the_members_controller_moves_the_role(self, world: World) -> None:
        arguments = {"worker_id": 0, "new_role_account_id": NEW}
        refused = world.refusal(STORAGE_WORKERS[0], self.GROUP, "update_role_account", **arguments)
        assert refused == f"{self.GROUP}.InvalidMemberOrigin"
        world.call(OWNER, self.GROUP, "update_role_account", **arguments)
        assert world.ledger.storage_group.workers[0].role_account_id == NEW

    def test_a_worker_leaves(self, world: World) -> None:
        events = world.call(STORAGE_WORKERS[0], self.GROUP, "leave_role", worker_id=0, rationale=None)
        assert [event.name for event in events] == ["WorkerStartedLeaving", "WorkerExited"]
        assert 0 not in world.ledger.storage_group.workers

    def test_a_lead_leaves_its_office_too(self, world: World) -> None:
        lead = world.ledger.storage_group.lead.value
        world.call(STORAGE_LEAD, self.GROUP, "leave_role", worker_id=lead, rationale=None)
        assert world.ledger.storage_group.lead.value is None

    def test_only_root_ends_a_lead(self, world: World) -> None:
        arguments = {
            "worker_id": world.ledger.storage_group.lead.value,
            "penalty": None,
            "rationale": b"why",
        }
        assert world.refusal(STORAGE_LEAD, self.GROUP, "terminate_role", **arguments) == "BadOrigin"
        events = world.call(None, self.GROUP, "terminate_role", **arguments)
        assert [event.name for event in events] == ["LeaderUnset", "TerminatedLeader"]

    def test_remarks(self, world: World) -> None:
        assert world.call(STORAGE_LEAD, self.GROUP, "lead_remark", msg=b"x")[0].fields == {"message": b"x"}
        (event,) = world.call(STORAGE_WORKERS[1], self.GROUP, "worker_remark", worker_id=1, msg=b"x")
        assert event.fields == {"worker_id": 1, "message": b"x"}

    def test_there_are_only_so_many_workers(self) -> None:
        with pytest.raises(Exception, match="MaxActiveWorkerNumberExceeded"):
            World(Limits(max_workers=3))


class TestBalances:
    def test_a_transfer_makes_an_account(self, world: World) -> None:
        events = world.call(OWNER, "Balances", "transfer", dest=NEW, value=10**10)
        assert names(events) == ["System.NewAccount", "Balances.Endowed", "Balances.Transfer"]
        assert free_balance(world.ledger, NEW) == 10**10

    def test_refusals(self, world: World) -> None:
        have = free_balance(world.ledger, OWNER)
        for name, dest, value, error in (
            ("transfer", STRANGER, have + 1, "InsufficientBalance"),
            ("transfer", NEW, 1, "ExistentialDeposit"),
            ("transfer_keep_alive", STRANGER, have, "KeepAlive"),
        ):
            assert world.refusal(OWNER, "Balances", name, dest=dest, value=value) == f"Balances.{error}"

    def test_dust_is_lost_with_the_account(self, world: World) -> None:
        issuance, have = world.ledger.total_issuance.value, free_balance(world.ledger, OWNER)
        events = world.call(OWNER, "Balances", "transfer", dest=STRANGER, value=have - 7)
        assert names(events)[-2:] == ["System.KilledAccount", "Balances.DustLost"]
        assert world.ledger.total_issuance.value == issuance - 7

    def test_everything_at_once(self, world: World) -> None:
        world.call(OWNER, "Balances", "transfer_all", dest=STRANGER, keep_alive=True)
        assert free_balance(world.ledger, OWNER) == world.limits.existential_deposit

    def test_root_alone_sets_balances(self, world: World) -> None:
        arguments = {"who": NEW, "new_free": 10**12, "new_reserved": 5}
        assert world.refusal(OWNER, "Balances", "set_balance", **arguments) == "BadOrigin"
        world.call(None, "Balances", "set_balance", **arguments)
        assert world.ledger.accounts[NEW].data.reserved == 5

    def test_paying_must_leave_the_existential_deposit(self, world: World) -> None:
        world.call(None, "Balances", "set_balance", who=NEW, new_free=10**9, new_reserved=0)
        deposit = world.limits.existential_deposit
        assert covers(world.ledger, NEW, 10**9 - deposit)
        assert not covers(world.ledger, NEW, 10**9 - deposit + 1)
        assert covers(world.ledger, dev_account("//nobody"), 0)


class TestBatches:
    GOOD: ClassVar = {"System": {"remark_with_event": {"remark": b"x"}}}
    BAD: ClassVar = {"Storage": {"delete_storage_bucket": {"storage_bucket_id": 9}}}

    def run(self, world: World, kind: str, *calls: dict[str, Any]) -> list[str]:
        return [event.name for event in world.call(STORAGE_LEAD, "Utility", kind, calls=list(calls))]

    def test_batch_stops_at_the_first_failure_and_keeps_the_rest(self, world: World) -> None:
        assert self.run(world, "batch", self.GOOD, self.GOOD) == ["Remarked", "ItemCompleted"] * 2 + ["BatchCompleted"]
        assert self.run(world, "batch", self.GOOD, self.BAD, self.GOOD) == [
            "Remarked",
            "ItemCompleted",
            "BatchInterrupted",
        ]

    def test_batch_all_keeps_nothing(self, world: World) -> None:
        refused = world.refusal(STORAGE_LEAD, "Utility", "batch_all", calls=[self.GOOD, self.BAD])
        assert refused == "Storage.StorageBucketDoesntExist"

    def test_force_batch_goes_on(self, world: World) -> None:
        events = world.call(STORAGE_LEAD, "Utility", "force_batch", calls=[self.BAD, self.GOOD])
        assert [event.name for event in events] == [
            "ItemFailed",
            "Remarked",
            "ItemCompleted",
            "BatchCompletedWithErrors",
        ]
        assert events[0].fields["error"] == {"Module": {"index": 27, "error": b"\x03\0\0\0"}}

    def test_batches_nest(self, world: World) -> None:
        inner = {"Utility": {"force_batch": {"calls": [self.BAD]}}}
        assert self.run(world, "batch", inner) == [
            "ItemFailed",
            "BatchCompletedWithErrors",
            "ItemCompleted",
            "BatchCompleted",
        ]

    def test_batches_have_a_size(self) -> None:
        world = World(Limits(max_batched_calls=1))
        refused = world.refusal(STORAGE_LEAD, "Utility", "batch", calls=[self.GOOD, self.GOOD])
        assert refused == "Utility.TooManyCalls"

    def test_a_call_without_a_rule_says_so(self, world: World) -> None:
        refused = world.refusal(STORAGE_LEAD, "Utility", "as_derivative", index=1, call=self.GOOD)
        assert refused == "System.CallFiltered"
