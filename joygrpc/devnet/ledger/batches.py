"""Several calls in one: the utility pallet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from joygrpc.devnet.ledger.calls import Call, Origin
from joygrpc.devnet.ledger.failures import DispatchFailure, ModuleError
from joygrpc.devnet.ledger.ledger import Ledger


class Executor(Protocol):
    """What carries single calls out, each all or nothing."""

    ledger: Ledger

    def execute(self, origin: Origin, call: Call) -> None:
        """Carry out a call; raises DispatchFailure."""

    def error_value(self, failure: DispatchFailure) -> Any:
        """The failure as events carry it."""


def _items(executor: Executor, calls: Sequence[Mapping[str, Any]]) -> list[Call]:
    if len(calls) > executor.ledger.limits.max_batched_calls:
        raise ModuleError("Utility", "TooManyCalls")
    return [Call.from_scale(item) for item in calls]


def _batch(executor: Executor, origin: Origin, *, calls: Sequence[Mapping[str, Any]]) -> None:
    """Stops at the first failure, keeps what came before, and counts as a success."""
    for index, call in enumerate(_items(executor, calls)):
        try:
            executor.execute(origin, call)
        except DispatchFailure as failure:
            executor.ledger.emit("Utility", "BatchInterrupted", index, executor.error_value(failure))
            return
        executor.ledger.emit("Utility", "ItemCompleted")
    executor.ledger.emit("Utility", "BatchCompleted")


def _batch_all(executor: Executor, origin: Origin, *, calls: Sequence[Mapping[str, Any]]) -> None:
    """Fails with the first failure, and nothing is kept."""
    for call in _items(executor, calls):
        executor.execute(origin, call)
        executor.ledger.emit("Utility", "ItemCompleted")
    executor.ledger.emit("Utility", "BatchCompleted")


def _force_batch(executor: Executor, origin: Origin, *, calls: Sequence[Mapping[str, Any]]) -> None:
    """Goes on after failures; each item reports its own outcome."""
    failed = False
    for call in _items(executor, calls):
        try:
            executor.execute(origin, call)
        except DispatchFailure as failure:
            failed = True
            executor.ledger.emit("Utility", "ItemFailed", executor.error_value(failure))
        else:
            executor.ledger.emit("Utility", "ItemCompleted")
    executor.ledger.emit("Utility", "BatchCompletedWithErrors" if failed else "BatchCompleted")


def _with_weight(executor: Executor, origin: Origin, *, call: Mapping[str, Any], weight: Mapping[str, int]) -> None:
    """Root's way to run a call at another price; weights mean nothing here."""
    origin.require_root()
    executor.execute(origin, Call.from_scale(call))


BATCH_CALLS: Final[Mapping[str, Callable[..., None]]] = {
    "batch": _batch,
    "batch_all": _batch_all,
    "force_batch": _force_batch,
    "with_weight": _with_weight,
}
"""Calls of the utility pallet, which come after executor and origin."""
