"""How a call's checks are told: each in the order in which the chain makes them.

A ladder begins where all checks would fail that can fail together. Each rung names the error of the first, then repairs its
cause, so that the next one shows; at the end the call passes with its event. Who may call comes before all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from joygrpc.devnet.limits import Limits

from .worlds import DISTRIBUTION_LEAD, STATIC_BAG, STORAGE_LEAD, World

Caller = Literal["storage lead", "distribution lead", "storage worker", "distribution worker", "transactor"]
Repair = Callable[[World], Mapping[str, Any] | None]
"""Changes the world, or gives arguments to change."""


@dataclass(frozen=True)
class Ladder:
    """One call; workers are worker 0, whose account also is the transactor's unless a repair says otherwise."""

    caller: Caller
    arguments: Mapping[str, Any]
    event: tuple[str, list[Any]]
    rungs: tuple[tuple[str, Repair], ...] = ()
    limits: Limits = field(default_factory=Limits)
    prepare: Repair = lambda _: None


def give(**arguments: Any) -> Repair:
    """Repairs by other arguments."""
    return lambda _: arguments


def do(*actions: Callable[[World], Any]) -> Repair:
    """Repairs by changing the world."""

    def repair(world: World) -> None:
        for action in actions:
            action(world)

    return repair


def lead(name: str, **arguments: Any) -> Callable[[World], Any]:
    return lambda world: world.call(STORAGE_LEAD, "Storage", name, **arguments)


def delivery_lead(name: str, **arguments: Any) -> Callable[[World], Any]:
    return lambda world: world.call(DISTRIBUTION_LEAD, "Storage", name, **arguments)


def bucket(worker: int | None = None, **options: Any) -> Callable[[World], Any]:
    return lambda world: world.storage_bucket(worker, **options)


def family(world: World) -> None:
    world.admin.create_family()


def delivering(world: World) -> None:
    world.distribution_bucket()


def invite(worker: int) -> Callable[[World], Any]:
    return lead("invite_storage_bucket_operator", storage_bucket_id=0, operator_id=worker)


def invite_delivery(worker: int) -> Callable[[World], Any]:
    return delivery_lead("invite_distribution_bucket_operator", bucket_id="0:0", operator_worker_id=worker)


def bound(*buckets: int) -> Callable[[World], Any]:
    return lambda world: world.admin.bind_bag(STATIC_BAG, add_storage=list(buckets))


def unbound(*buckets: int) -> Callable[[World], Any]:
    return lambda world: world.admin.bind_bag(STATIC_BAG, remove_storage=list(buckets))


def delivered(*indices: int) -> Callable[[World], Any]:
    return lambda world: world.admin.bind_bag(STATIC_BAG, add_distribution=[f"0:{index}" for index in indices])


def objects(*sizes: int) -> Callable[[World], Any]:
    return lambda world: world.objects(STATIC_BAG, *sizes)


def deleted(*object_ids: int) -> Callable[[World], Any]:
    return lambda world: world.admin.delete_objects(STATIC_BAG, object_ids)


def operator_removed(world: World) -> None:
    world.admin.lead_storage("remove_storage_bucket_operator", storage_bucket_id=0)


def call_off(world: World) -> None:
    world.admin.lead_storage("cancel_storage_bucket_operator_invite", storage_bucket_id=0)
