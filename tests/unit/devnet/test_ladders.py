"""Each call of the storage pallet: all its refusals in order, then its event."""

from typing import Any

import pytest

from joygrpc.devnet.events import EVENT_FIELDS
from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime

from .distribution_ladders import DISTRIBUTION_LADDERS
from .ladders import Ladder
from .storage_ladders import STORAGE_LADDERS
from .worlds import (
    DISTRIBUTION_LEAD,
    DISTRIBUTION_WORKERS,
    OWNER,
    STORAGE_LEAD,
    STORAGE_WORKERS,
    STRANGER,
    World,
)

LADDERS = STORAGE_LADDERS | DISTRIBUTION_LADDERS
SIGNERS = {
    "storage lead": STORAGE_LEAD,
    "distribution lead": DISTRIBUTION_LEAD,
    "storage worker": STORAGE_WORKERS[0],
    "distribution worker": DISTRIBUTION_WORKERS[0],
    "transactor": STRANGER,
}


def prepared(ladder: Ladder) -> World:
    world = World(ladder.limits)
    ladder.prepare(world)
    return world


def refused_callers(world: World, ladder: Ladder) -> list[tuple[str | None, dict[str, Any], str]]:
    """Who may not, what they change in the arguments, and what they are told; first in the order of checks first."""
    refused: list[tuple[str | None, dict[str, Any], str]] = [(None, {}, "BadOrigin")]
    if ladder.caller == "transactor":
        return refused
    kind, _, role = ladder.caller.partition(" ")
    group = f"{kind.capitalize()}WorkingGroup"
    if role == "lead":
        worker = STORAGE_WORKERS[0] if kind == "storage" else DISTRIBUTION_WORKERS[0]
        return [*refused, *((who, {}, f"{group}.IsNotLeadAccount") for who in (OWNER, worker))]
    return [
        *refused,
        (OWNER, {"worker_id": 99}, f"{group}.WorkerDoesNotExist"),
        (OWNER, {}, f"{group}.SignerIsNotWorkerRoleAccount"),
        (SIGNERS[f"{kind} lead"], {}, f"{group}.SignerIsNotWorkerRoleAccount"),
    ]


@pytest.mark.parametrize("name", LADDERS)
def test_the_caller_is_judged_first(name: str) -> None:
    ladder = LADDERS[name]
    world = prepared(ladder)
    for signer, change, error in refused_callers(world, ladder):
        assert world.refusal(signer, "Storage", name, **{**ladder.arguments, **change}) == error
    if ladder.caller.endswith("lead"):
        group = world.ledger.storage_group if ladder.caller == "storage lead" else world.ledger.distribution_group
        group.lead.value = None
        for signer in (OWNER, SIGNERS[ladder.caller]):
            refused = world.refusal(signer, "Storage", name, **ladder.arguments)
            assert refused == f"{group.pallet}.CurrentLeadNotSet"


@pytest.mark.parametrize("name", LADDERS)
def test_checks_come_in_order_and_then_the_event(name: str) -> None:
    ladder = LADDERS[name]
    world, arguments = prepared(ladder), dict(ladder.arguments)
    signer = SIGNERS[ladder.caller]
    for error, repair in ladder.rungs:
        assert world.refusal(signer, "Storage", name, **arguments) == f"Storage.{error}"
        arguments |= repair(world) or {}
    *vouchers, event = world.call(signer, "Storage", name, **arguments)
    event_name, values = ladder.event
    assert (event.name, list(event.fields.values())) == (event_name, values)
    assert {other.name for other in vouchers} <= {"VoucherChanged"}


def test_every_call_has_a_ladder() -> None:
    calls = build_runtime(Limits()).pallets["Storage"].calls
    assert calls is not None
    assert set(LADDERS) == set(calls.by_name)


def test_every_event_is_seen_here_or_comes_from_bags() -> None:
    of_bags = {
        "DataObjectsUploaded",
        "DataObjectsMoved",
        "DataObjectsDeleted",
        "DataObjectsUpdated",
        "DynamicBagCreated",
        "DynamicBagDeleted",
        "VoucherChanged",
    }
    assert {ladder.event[0] for ladder in LADDERS.values()} | of_bags == set(EVENT_FIELDS["Storage"])


def test_every_error_of_the_pallet_is_seen_here_or_comes_from_bags() -> None:
    """What is left is what the chain declares and never raises."""
    seen = {error for ladder in LADDERS.values() for error, _ in ladder.rungs}
    of_bags = {
        "ArithmeticError",
        "CallDisabled",
        "CannotDeleteNonEmptyDynamicBag",
        "DataObjectBlacklisted",
        "DataObjectIdCollectionIsEmpty",
        "DataObjectStateBloatBondChanged",
        "DataSizeFeeChanged",
        "DistributionBucketsViolatesDynamicBagCreationPolicy",
        "DynamicBagExists",
        "EmptyContentId",
        "InsufficientBalance",
        "InsufficientTreasuryBalance",
        "InvalidStateBloatBondSourceAccount",
        "MaxDataObjectSizeExceeded",
        "NoObjectsOnUpload",
        "SourceAndDestinationBagsAreEqual",
        "StorageBucketsNumberViolatesDynamicBagCreationPolicy",
        "UploadingBlocked",
        "ZeroObjectSize",
    }
    errors = build_runtime(Limits()).pallets["Storage"].errors
    assert errors is not None
    assert seen | of_bags == set(errors.by_name)
    assert not seen & of_bags
