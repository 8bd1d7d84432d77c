"""From a call to the function that carries it out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from joygrpc.devnet.events import Event
from joygrpc.devnet.ledger import (
    balances,
    channels,
    distribution_lead,
    distribution_operator,
    members,
    storage_lead,
    storage_operator,
)
from joygrpc.devnet.ledger.batches import BATCH_CALLS
from joygrpc.devnet.ledger.calls import Call, Origin
from joygrpc.devnet.ledger.failures import BadOrigin, DispatchFailure, ModuleError
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.working_groups import GROUP_CALLS, working_group
from joygrpc.devnet.metadata.runtime import Runtime

Handler = Callable[..., None]
Interceptor = Callable[[Call], DispatchFailure | None]
"""Asked before each call, those inside batches too: the failure to raise instead of the call, or None."""

_PALLET_CALLS: Final[tuple[tuple[str, ModuleType, tuple[str, ...]], ...]] = (
    (
        "Balances",
        balances,
        ("transfer", "transfer_keep_alive", "transfer_all", "force_transfer", "set_balance"),
    ),
    (
        "Members",
        members,
        (
            "buy_membership",
            "create_member",
            "update_profile",
            "update_accounts",
            "set_membership_price",
            "member_remark",
        ),
    ),
    ("Content", channels, ("create_channel", "update_channel", "delete_channel", "channel_owner_remark")),
)
_STORAGE_MODULES: Final = (storage_lead, storage_operator, distribution_lead, distribution_operator)


def _system_remark(ledger: Ledger, origin: Origin, *, remark: bytes) -> None:
    """Leaves no trace but its extrinsic."""


def _system_remark_with_event(ledger: Ledger, origin: Origin, *, remark: bytes) -> None:
    digest = hashlib.blake2b(remark, digest_size=32).hexdigest()
    ledger.emit("System", "Remarked", origin.signer(), "0x" + digest)


def _handlers(runtime: Runtime) -> dict[tuple[str, str], Handler]:
    handlers: dict[tuple[str, str], Handler] = {
        ("System", "remark"): _system_remark,
        ("System", "remark_with_event"): _system_remark_with_event,
    }
    for pallet, module, call_names in _PALLET_CALLS:
        handlers |= {(pallet, name): getattr(module, name) for name in call_names}
    storage_calls = runtime.pallets["Storage"].calls
    for name in storage_calls.by_name if storage_calls else ():
        module = next(module for module in _STORAGE_MODULES if name in vars(module))
        handlers["Storage", name] = getattr(module, name)
    return handlers


class Dispatcher:
    """Carries calls out on a ledger; each is all or nothing."""

    def __init__(self, ledger: Ledger, runtime: Runtime, intercept: Interceptor | None = None) -> None:
        self.ledger = ledger
        self.runtime = runtime
        self._intercept = intercept
        self._handlers = _handlers(runtime)

    def dispatch(self, origin: Origin, call: Call) -> tuple[Event, ...]:
        """Carry out a call and give its events; on DispatchFailure nothing has changed."""
        self.ledger.take_events()
        self.execute(origin, call)
        return self.ledger.take_events()

    def execute(self, origin: Origin, call: Call) -> None:
        """Carry out a call; its events stay in the ledger. Raises DispatchFailure, then nothing has changed."""
        with self.ledger.attempt():
            if self._intercept is not None and (failure := self._intercept(call)) is not None:
                raise failure
            self._handler(call)(self.ledger, origin, **call.arguments)

    def error_value(self, failure: DispatchFailure) -> Any:
        """The failure as a `DispatchError` value."""
        match failure:
            case ModuleError(pallet=pallet, name=name):
                pallet_index, error_index = self.runtime.error_index(pallet, name)
                return {"Module": {"index": pallet_index, "error": bytes((error_index, 0, 0, 0))}}
            case BadOrigin():
                return "BadOrigin"
        return "Other"

    def _handler(self, call: Call) -> Handler:
        handler = self._handlers.get((call.pallet, call.name))
        if handler is not None:
            return handler
        if call.pallet in ("StorageWorkingGroup", "DistributionWorkingGroup") and call.name in GROUP_CALLS:
            group = working_group(self.ledger, call.pallet)
            group_call = GROUP_CALLS[call.name]
            return lambda ledger, origin, **arguments: group_call(ledger, group, origin, **arguments)
        if call.pallet == "Utility" and call.name in BATCH_CALLS:
            batch_call = BATCH_CALLS[call.name]
            return lambda _, origin, **arguments: batch_call(self, origin, **arguments)
        # Declared in the metadata, with no rule here.
        raise ModuleError("System", "CallFiltered")
