"""The working-group pallet, of which the chain has one instance per group."""

from __future__ import annotations

from typing import Final, Literal

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.declarations import Constant, Pallet, StorageItem, call, event
from joygrpc.devnet.metadata.shared_types import ACCOUNT_ID
from joygrpc.devnet.scale import BYTES, U32, U64, U128, BTreeMap, BTreeSet, Enum, Option, Struct, Type, Variant, names

Group = Literal["StorageWorkingGroup", "DistributionWorkingGroup"]
# (pallet index, storage prefix)
_INSTANCES: Final[dict[Group, tuple[int, str]]] = {
    "StorageWorkingGroup": (33, "Instance2WorkingGroup"),
    "DistributionWorkingGroup": (40, "Instance9WorkingGroup"),
}

WORKER: Final = Struct(
    "pallet_working_group::types::GroupWorker",
    {
        "member_id": U64,
        "role_account_id": ACCOUNT_ID,
        "staking_account_id": ACCOUNT_ID,
        "reward_account_id": ACCOUNT_ID,
        "started_leaving_at": Option(U32),
        "job_unstaking_period": U32,
        "reward_per_block": Option(U128),
        "missed_reward": Option(U128),
        "created_at": U32,
    },
    {"AccountId": ACCOUNT_ID, "MemberId": U64, "BlockNumber": U32, "Balance": U128},
)


def working_group_pallet(group: Group, limits: Limits) -> Pallet:
    """One instance of the working-group pallet."""
    index, prefix = _INSTANCES[group]
    rationale, penalty = Option(BYTES), Option(U128)

    def declared(number: int, name: str, *types: Type) -> Variant:
        return event(group, number, name, *types)

    return Pallet(
        group,
        index,
        prefix,
        storage=(
            StorageItem(prefix, "ActiveWorkerCount", U32),
            StorageItem(prefix, "NextWorkerId", U64),
            StorageItem(prefix, "WorkerById", WORKER, keys=(U64,), modifier="Optional"),
            StorageItem(prefix, "CurrentLead", U64, modifier="Optional"),
            StorageItem(prefix, "Budget", U128),
        ),
        constants=(Constant("MaxWorkerNumberLimit", U32, limits.max_workers),),
        calls=Enum(
            "pallet_working_group::Call",
            (
                call(3, "update_role_account", worker_id=U64, new_role_account_id=ACCOUNT_ID),
                call(4, "leave_role", worker_id=U64, rationale=rationale),
                call(5, "terminate_role", worker_id=U64, penalty=penalty, rationale=rationale),
                call(11, "set_budget", new_budget=U128),
                call(18, "lead_remark", msg=BYTES),
                call(19, "worker_remark", worker_id=U64, msg=BYTES),
            ),
            {"T": None, "I": None},
        ),
        events=Enum(
            "pallet_working_group::RawEvent",
            (
                declared(2, "OpeningFilled", U64, BTreeMap(U64, U64), BTreeSet(U64)),
                declared(3, "LeaderSet", U64),
                declared(4, "WorkerRoleAccountUpdated", U64, ACCOUNT_ID),
                declared(5, "LeaderUnset"),
                declared(6, "WorkerExited", U64),
                declared(7, "WorkerStartedLeaving", U64, rationale),
                declared(8, "TerminatedWorker", U64, penalty, rationale),
                declared(9, "TerminatedLeader", U64, penalty, rationale),
                declared(15, "BudgetSet", U128),
                declared(24, "LeadRemarked", BYTES),
                declared(25, "WorkerRemarked", U64, BYTES),
            ),
        ),
        errors=Enum("pallet_working_group::errors::Error", names(*_ERRORS), {"T": None, "I": None}),
    )


_ERRORS: Final = (
    "ArithmeticError",
    "StakeBalanceCannotBeZero",
    "OpeningDoesNotExist",
    "CannotHireMultipleLeaders",
    "WorkerApplicationDoesNotExist",
    "MaxActiveWorkerNumberExceeded",
    "SuccessfulWorkerApplicationDoesNotExist",
    "CannotHireLeaderWhenLeaderExists",
    "IsNotLeadAccount",
    "CurrentLeadNotSet",
    "WorkerDoesNotExist",
    "InvalidMemberOrigin",
    "SignerIsNotWorkerRoleAccount",
    "BelowMinimumStakes",
    "InsufficientBalanceToCoverStake",
    "ApplicationStakeDoesntMatchOpening",
    "OriginIsNotApplicant",
    "WorkerIsLeaving",
    "CannotRewardWithZero",
    "InvalidStakingAccountForMember",
    "ConflictStakesOnAccount",
    "WorkerHasNoReward",
    "UnstakingPeriodLessThanMinimum",
    "CannotSpendZero",
    "InsufficientBudgetForSpending",
    "NoApplicationsProvided",
    "CannotDecreaseStakeDeltaGreaterThanStake",
    "ApplicationsNotForOpening",
    "WorkerStorageValueTooLong",
    "InsufficientTokensForFunding",
    "ZeroTokensFunding",
    "InsufficientBalanceForTransfer",
)
