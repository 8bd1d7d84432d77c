"""The devnet_* methods that let the devnet misbehave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from joygrpc.devnet.faults import DropRule, Faults, QueryNodeError, RejectRule
from joygrpc.devnet.metadata.runtime import Runtime
from joygrpc.devnet.rpc.errors import invalid_params
from joygrpc.devnet.rpc.node_methods import Method

T = TypeVar("T")
_QUERY_NODE_ERRORS: Final[tuple[QueryNodeError, ...]] = ("none", "http_500", "graphql_error", "null_data", "hang")


class FaultMethods:
    """Reads and changes the faults; `wake` has the block producer look again after a stall."""

    def __init__(self, faults: Faults, runtime: Runtime, wake: Callable[[], None]) -> None:
        self._faults = faults
        self._runtime = runtime
        self._wake = wake

    def methods(self) -> dict[str, Method]:
        """The methods by name."""
        return {"devnet_faults": self.faults, "devnet_setFault": self.set_fault}

    def faults(self) -> dict[str, object]:
        """The faults in force."""
        faults = self._faults
        return {
            "stalled": faults.stalled,
            "reject": [
                {"pallet": rule.pallet, "error": rule.error, "call": rule.call, "remaining": rule.remaining}
                for rule in faults.reject
            ],
            "drop": [{"call": rule.call, "remaining": rule.remaining, "notify": rule.notify} for rule in faults.drop],
            "query_node_lag_blocks": faults.query_node_lag_blocks,
            "query_node_error": faults.query_node_error,
            "chain_delay_ms": faults.chain_delay_ms,
        }

    def set_fault(
        self,
        stalled: bool | None = None,
        reject: Mapping[str, Any] | None = None,
        drop: Mapping[str, Any] | None = None,
        query_node_lag_blocks: int | None = None,
        query_node_error: str | None = None,
        chain_delay_ms: int | None = None,
        clear: bool = False,
    ) -> dict[str, object]:
        """Change faults: what is not given stays, `clear` first ends all; answers those in force.

        `stalled`: no blocks; `query_node_lag_blocks`: final blocks that the query node hides; `query_node_error`: what
        it answers with (none, http_500, graphql_error, null_data, hang); `chain_delay_ms`: how late the chain answers.
        `reject` adds a rule {pallet, error, call?, remaining?}, `drop` one {call?, remaining?, notify?};
        remaining null means for ever, 1 unless given.
        """
        faults = self._faults
        if query_node_error is not None and query_node_error not in _QUERY_NODE_ERRORS:
            raise invalid_params(f"query_node_error is one of {list(_QUERY_NODE_ERRORS)}")
        for name, number in (("query_node_lag_blocks", query_node_lag_blocks), ("chain_delay_ms", chain_delay_ms)):
            if number is not None and number < 0:
                raise invalid_params(f"{name} is not negative")
        reject_rule = None if reject is None else self._reject_rule(reject)
        drop_rule = None if drop is None else _rule(DropRule, drop)
        if clear:
            _clear(faults)
        if stalled is not None:
            faults.stalled = stalled
        if reject_rule is not None:
            faults.reject.append(reject_rule)
        if drop_rule is not None:
            faults.drop.append(drop_rule)
        if query_node_lag_blocks is not None:
            faults.query_node_lag_blocks = query_node_lag_blocks
        if query_node_error is not None:
            faults.query_node_error = query_node_error
        if chain_delay_ms is not None:
            faults.chain_delay_ms = chain_delay_ms
        if not faults.stalled:
            self._wake()
        return self.faults()

    def _reject_rule(self, content: Mapping[str, Any]) -> RejectRule:
        rule = _rule(RejectRule, content)
        try:
            self._runtime.error_index(rule.pallet, rule.error)
        except KeyError as error:
            raise invalid_params(f"no error {rule.pallet}.{rule.error}") from error
        return rule


def _clear(faults: Faults) -> None:
    faults.stalled = False
    faults.reject.clear()
    faults.drop.clear()
    faults.query_node_lag_blocks = 0
    faults.query_node_error = "none"
    faults.chain_delay_ms = 0


def _rule(kind: Callable[..., T], content: Mapping[str, Any]) -> T:
    try:
        return kind(**content)
    except TypeError as error:
        raise invalid_params(str(error)) from error
