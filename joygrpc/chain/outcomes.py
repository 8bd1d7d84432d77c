"""What became of a transaction's calls, read from the events of its block."""

from collections.abc import Callable, Sequence
from typing import Literal

from joygrpc.chain.port import BatchMode, ChainEvent, ItemOutcome

DescribeError = Callable[[object], tuple[str, str]]
"""Name (`Pallet.Name`, or the kind of another dispatch error) and documentation of a decoded dispatch error."""

Refusal = Literal["stale", "resend", "known", "full", "refused"]

_OK = ItemOutcome(error=None)
_INTERRUPTED = ItemOutcome(error="Interrupted", interrupted=True)

INVALID_TRANSACTION = 1010
_UNKNOWN_VALIDITY = 1011
_TEMPORARILY_BANNED = 1012
_ALREADY_IMPORTED = 1013
_PRIORITY_TOO_LOW = 1014
_IMMEDIATELY_DROPPED = 1016


def item_outcomes(
    mode: BatchMode, count: int, events: Sequence[ChainEvent], describe: DescribeError
) -> tuple[ItemOutcome, ...]:
    """One outcome for each of `count` calls, from the events of their extrinsic in order."""
    failed = next((event for event in events if (event.pallet, event.name) == ("System", "ExtrinsicFailed")), None)
    if failed is not None:
        # Nothing of the transaction remains, whatever its calls did before.
        name, docs = describe(failed.fields.get("dispatch_error"))
        return (ItemOutcome(error=name, error_docs=docs),) * count
    if mode in ("single", "batch_all"):
        return (_OK,) * count
    items: list[ItemOutcome] = []
    for event in events:
        if event.pallet != "Utility":
            continue
        if event.name == "ItemCompleted":
            items.append(_OK)
        elif event.name in ("ItemFailed", "BatchInterrupted"):
            name, docs = describe(event.fields.get("error"))
            items.append(ItemOutcome(error=name, error_docs=docs))
    return tuple(items[:count]) + (_INTERRUPTED,) * (count - len(items))


def judge_refusal(code: int, message: str, data: str) -> Refusal:
    """What to do about the pool's refusal of a transaction.

    `stale`: somebody else used the nonce; read it again and sign anew. `resend`: era or runtime have moved on; sign anew. `known`: the pool has
    this very transaction. `full`: the pool has no room now, or has banned the transaction for a while. `refused`: for good.
    """
    text = f"{message} {data}".lower()
    if code == _PRIORITY_TOO_LOW:
        return "stale"
    if code == _ALREADY_IMPORTED:
        return "known"
    if code in (_TEMPORARILY_BANNED, _IMMEDIATELY_DROPPED):
        return "full"
    if code in (INVALID_TRANSACTION, _UNKNOWN_VALIDITY):
        if "outdated" in text or "stale" in text or "future" in text:
            return "stale"
        if "ancient birth" in text or "bad signature" in text or "bad proof" in text:
            return "resend"
    return "refused"
