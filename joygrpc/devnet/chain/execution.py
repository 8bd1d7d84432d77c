"""What happens inside a block: fees, nonces, calls, and the events that tell of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import structlog

from joygrpc.devnet.chain.extrinsics import Extrinsic, SignatureFields
from joygrpc.devnet.chain.mempool import TransactionRefused
from joygrpc.devnet.faults import DropRule, Faults, RejectRule
from joygrpc.devnet.ledger.balances import free_balance, withdraw
from joygrpc.devnet.ledger.calls import Call, Origin
from joygrpc.devnet.ledger.dispatch import Dispatcher
from joygrpc.devnet.ledger.failures import DispatchFailure, ModuleError
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.metadata.runtime import Runtime

log = structlog.get_logger(__name__)

_MANDATORY: Final = {"weight": {"ref_time": 0, "proof_size": 0}, "class": "Mandatory", "pays_fee": "Yes"}
DISPATCH_INFO: Final = {"weight": {"ref_time": 100_000_000, "proof_size": 0}, "class": "Normal", "pays_fee": "Yes"}


class Execution:
    """Applies extrinsics to a ledger, faults included."""

    def __init__(self, ledger: Ledger, runtime: Runtime, faults: Faults) -> None:
        self.ledger = ledger
        self.dispatcher = Dispatcher(ledger, runtime, self._injected)
        self._faults = faults

    def nonce(self, account: str) -> int:
        """The nonce that the account's next transaction in a block must have."""
        info = self.ledger.accounts.get(account)
        return info.nonce if info else 0

    def ensure_payable(self, signed: SignatureFields) -> None:
        """Refuse a sender who cannot pay fee and tip."""
        if free_balance(self.ledger, signed.signer) < self.ledger.limits.transaction_fee + signed.tip:
            raise TransactionRefused.invalid("Inability to pay some fees (e.g. account balance too low)")

    def apply(self, extrinsic: Extrinsic, signed: SignatureFields) -> None:
        """Carry out a transaction that was found valid; a failed call still pays and still counts."""
        ledger = self.ledger
        info = ledger.accounts[signed.signer]
        ledger.accounts[signed.signer] = replace(info, nonce=info.nonce + 1)
        fee = ledger.limits.transaction_fee + signed.tip
        withdraw(ledger, signed.signer, fee)
        failure = self._attempt(Origin.signed(signed.signer), extrinsic.call)
        ledger.emit("TransactionPayment", "TransactionFeePaid", signed.signer, fee, signed.tip)
        if failure is None:
            ledger.emit("System", "ExtrinsicSuccess", DISPATCH_INFO)
        else:
            ledger.emit("System", "ExtrinsicFailed", self.dispatcher.error_value(failure), DISPATCH_INFO)

    def apply_inherent(self) -> None:
        """Tell of the block's own extrinsic, which sets its time."""
        self.ledger.emit("System", "ExtrinsicSuccess", _MANDATORY)

    def drops(self, call: Call) -> DropRule | None:
        """The rule that lets a transaction with this call vanish, used up by one."""
        for rule in self._faults.drop:
            if rule.call is None or rule.call in _names(call):
                _use_up(self._faults.drop, rule)
                return rule
        return None

    def _attempt(self, origin: Origin, call: Call) -> DispatchFailure | None:
        try:
            self.dispatcher.execute(origin, call)
        except DispatchFailure as failure:
            return failure
        except Exception:
            # A rule that breaks on odd input must not stop the chain; execute() has undone what it did.
            log.exception("devnet.call_broke", call=str(call))
            return DispatchFailure(f"{call} broke")
        return None

    def _injected(self, call: Call) -> DispatchFailure | None:
        for rule in self._faults.reject:
            # A rule for every call means every transaction: a batch fails as a whole, its items are not counted.
            if rule.call is None or rule.call == str(call):
                _use_up(self._faults.reject, rule)
                return ModuleError(rule.pallet, rule.error)
        return None


def _names(call: Call) -> set[str]:
    """The call's name and those inside, when it is a batch."""
    names = {str(call)}
    if call.pallet == "Utility":
        for item in call.arguments.get("calls", ()):
            names |= _names(Call.from_scale(item))
    return names


def _use_up(rules: list[Any], rule: RejectRule | DropRule) -> None:
    if rule.remaining is None:
        return
    rule.remaining -= 1
    if rule.remaining <= 0:
        rules.remove(rule)
