"""Whether transactor accounts can pay for what waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from joygrpc.storage.metrics import TRANSACTOR_BALANCE, TRANSACTOR_LOW, TRANSACTOR_NEEDED

log = structlog.get_logger(__name__)

_SPARE_TRANSACTIONS = 20
"""An account that can pay for fewer more than these is low."""
_REMIND_S = 3600.0


@dataclass(frozen=True, slots=True)
class Funds:
    """What an account has and needs, in the chain's smallest unit. `needed` pays for everything that waits and a few transactions more."""

    bucket_id: int
    account: str
    balance: int
    needed: int
    payable: bool
    """Whether the next transaction can be paid."""

    @property
    def low(self) -> bool:
        """Whether the operator should send something."""
        return self.balance < self.needed


def judge_funds(bucket_id: int, account: str, balance: int, fee: int, transactions: int) -> Funds:
    """What a balance means for `transactions` that wait and cost `fee` each."""
    return Funds(bucket_id, account, balance, fee * (transactions + _SPARE_TRANSACTIONS), payable=balance > fee)


class FundsWatch:
    """The last judgement on each bucket's account; warns when one becomes low, and once an hour while it is."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._funds: dict[int, Funds] = {}
        self._told_at: dict[int, float] = {}

    @property
    def funds(self) -> list[Funds]:
        """By bucket."""
        return [self._funds[bucket_id] for bucket_id in sorted(self._funds)]

    def note(self, funds: Funds) -> None:
        """Takes a judgement in."""
        bucket = str(funds.bucket_id)
        self._funds[funds.bucket_id] = funds
        TRANSACTOR_BALANCE.labels(bucket).set(funds.balance)
        TRANSACTOR_NEEDED.labels(bucket).set(funds.needed)
        TRANSACTOR_LOW.labels(bucket).set(funds.low)
        if not funds.low:
            self._told_at.pop(funds.bucket_id, None)
            return
        told_at = self._told_at.get(funds.bucket_id)
        if told_at is None or self._now() - told_at >= _REMIND_S:
            self._told_at[funds.bucket_id] = self._now()
            log.warning(
                "transactor account is low",
                bucket=funds.bucket_id,
                account=funds.account,
                balance=funds.balance,
                needed=funds.needed,
                missing=funds.needed - funds.balance,
                can_pay_next=funds.payable,
            )
