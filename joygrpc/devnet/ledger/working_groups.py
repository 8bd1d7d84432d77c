"""Working groups: leads and workers, and what they may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, Literal

from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ensure, found
from joygrpc.devnet.ledger.ledger import Ledger, WorkingGroup
from joygrpc.devnet.ledger.records import Account, Worker

GroupName = Literal["StorageWorkingGroup", "DistributionWorkingGroup"]


def working_group(ledger: Ledger, name: str) -> WorkingGroup:
    """The group of that pallet; KeyError for another."""
    return {"StorageWorkingGroup": ledger.storage_group, "DistributionWorkingGroup": ledger.distribution_group}[name]


def ensure_lead(group: WorkingGroup, origin: Origin) -> None:
    """The caller signs with the role account of the group's lead."""
    signer = origin.signer()
    lead = found(group.lead.value, group.pallet, "CurrentLeadNotSet")
    ensure(signer == group.workers[lead].role_account_id, group.pallet, "IsNotLeadAccount")


def ensure_worker(group: WorkingGroup, origin: Origin, worker_id: int) -> Worker:
    """The worker, if the caller signs with its role account."""
    signer = origin.signer()
    worker = found(group.workers.get(worker_id), group.pallet, "WorkerDoesNotExist")
    ensure(signer == worker.role_account_id, group.pallet, "SignerIsNotWorkerRoleAccount")
    return worker


def hire(ledger: Ledger, group: WorkingGroup, member_id: int, role_account: Account, *, lead: bool = False) -> int:
    """A new worker, as if an opening had been filled; with `lead`, also the group's lead.

    On the real chain this takes openings, applications and stakes.
    """
    found(ledger.members.get(member_id), group.pallet, "InvalidMemberOrigin")
    ensure(group.active_workers.value < ledger.limits.max_workers, group.pallet, "MaxActiveWorkerNumberExceeded")
    ensure(not lead or group.lead.value is None, group.pallet, "CannotHireLeaderWhenLeaderExists")
    worker_id = group.next_worker_id.take()
    group.workers[worker_id] = Worker(
        member_id, role_account, role_account, role_account, created_at=ledger.block_number
    )
    group.active_workers.value += 1
    # Openings and applications are not kept here; they are numbered like the workers they would have led to.
    ledger.emit(group.pallet, "OpeningFilled", worker_id, {worker_id: worker_id}, [worker_id])
    if lead:
        group.lead.value = worker_id
        ledger.emit(group.pallet, "LeaderSet", worker_id)
    return worker_id


def _remove(group: WorkingGroup, worker_id: int) -> None:
    del group.workers[worker_id]
    group.active_workers.value -= 1


def _update_role_account(
    ledger: Ledger, group: WorkingGroup, origin: Origin, *, worker_id: int, new_role_account_id: Account
) -> None:
    signer = origin.signer()
    worker = found(group.workers.get(worker_id), group.pallet, "WorkerDoesNotExist")
    member = found(ledger.members.get(worker.member_id), group.pallet, "InvalidMemberOrigin")
    ensure(signer == member.controller_account, group.pallet, "InvalidMemberOrigin")
    group.workers[worker_id] = replace(worker, role_account_id=new_role_account_id)
    ledger.emit(group.pallet, "WorkerRoleAccountUpdated", worker_id, new_role_account_id)


def _leave_role(
    ledger: Ledger, group: WorkingGroup, origin: Origin, *, worker_id: int, rationale: bytes | None
) -> None:
    worker = ensure_worker(group, origin, worker_id)
    ensure(worker.started_leaving_at is None, group.pallet, "WorkerIsLeaving")
    ledger.emit(group.pallet, "WorkerStartedLeaving", worker_id, rationale)
    if group.lead.value == worker_id:
        group.lead.value = None
        ledger.emit(group.pallet, "LeaderUnset")
    # No stakes, so no unstaking period to wait for.
    _remove(group, worker_id)
    ledger.emit(group.pallet, "WorkerExited", worker_id)


def _terminate_role(
    ledger: Ledger,
    group: WorkingGroup,
    origin: Origin,
    *,
    worker_id: int,
    penalty: int | None,
    rationale: bytes | None,
) -> None:
    is_lead = group.lead.value == worker_id
    if is_lead:
        origin.require_root()
    else:
        ensure_lead(group, origin)
    found(group.workers.get(worker_id), group.pallet, "WorkerDoesNotExist")
    _remove(group, worker_id)
    if is_lead:
        group.lead.value = None
        ledger.emit(group.pallet, "LeaderUnset")
    ledger.emit(group.pallet, "TerminatedLeader" if is_lead else "TerminatedWorker", worker_id, penalty, rationale)


def _set_budget(ledger: Ledger, group: WorkingGroup, origin: Origin, *, new_budget: int) -> None:
    origin.require_root()
    group.budget.value = new_budget
    ledger.emit(group.pallet, "BudgetSet", new_budget)


def _lead_remark(ledger: Ledger, group: WorkingGroup, origin: Origin, *, msg: bytes) -> None:
    ensure_lead(group, origin)
    ledger.emit(group.pallet, "LeadRemarked", msg)


def _worker_remark(ledger: Ledger, group: WorkingGroup, origin: Origin, *, worker_id: int, msg: bytes) -> None:
    ensure_worker(group, origin, worker_id)
    ledger.emit(group.pallet, "WorkerRemarked", worker_id, msg)


GROUP_CALLS: Final[Mapping[str, Callable[..., None]]] = {
    "update_role_account": _update_role_account,
    "leave_role": _leave_role,
    "terminate_role": _terminate_role,
    "set_budget": _set_budget,
    "lead_remark": _lead_remark,
    "worker_remark": _worker_remark,
}
"""Calls of either group, which come after ledger, group and origin."""
