import pytest

from joygrpc.chain.outcomes import item_outcomes, judge_refusal
from joygrpc.chain.port import BatchMode, ChainEvent, ItemOutcome


def event(pallet: str, name: str, **fields: object) -> ChainEvent:
    return ChainEvent(pallet, name, fields, 1)


def describe(error: object) -> tuple[str, str]:
    return f"Storage.{error}", "why"


OK = event("Utility", "ItemCompleted")
SUCCESS = event("System", "ExtrinsicSuccess")
GOOD = ItemOutcome(None)
BAD = ItemOutcome("Storage.E", "why")
CUT = ItemOutcome("Interrupted", interrupted=True)


@pytest.mark.parametrize(
    ("mode", "count", "events", "expected"),
    [
        ("single", 1, [SUCCESS], (GOOD,)),
        ("single", 1, [event("System", "ExtrinsicFailed", dispatch_error="E")], (BAD,)),
        ("force_batch", 3, [OK, event("Utility", "ItemFailed", error="E"), OK, SUCCESS], (GOOD, BAD, GOOD)),
        ("force_batch", 3, [OK, event("Storage", "VoucherChanged"), SUCCESS], (GOOD, CUT, CUT)),
        ("force_batch", 2, [OK, event("System", "ExtrinsicFailed", dispatch_error="E")], (BAD, BAD)),
        ("batch", 3, [OK, event("Utility", "BatchInterrupted", index=1, error="E"), SUCCESS], (GOOD, BAD, CUT)),
        ("batch_all", 2, [OK, OK, SUCCESS], (GOOD, GOOD)),
        ("batch_all", 2, [event("System", "ExtrinsicFailed", dispatch_error="E")], (BAD, BAD)),
        ("force_batch", 1, [OK, OK], (GOOD,)),
    ],
)
def test_one_outcome_for_each_call(
    mode: BatchMode, count: int, events: list[ChainEvent], expected: tuple[ItemOutcome, ...]
) -> None:
    assert item_outcomes(mode, count, events, describe) == expected


@pytest.mark.parametrize(
    ("code", "message", "data", "verdict"),
    [
        (1010, "Invalid Transaction", "Transaction is outdated", "stale"),
        (1010, "Invalid Transaction", "Transaction will be valid in the future", "stale"),
        (1014, "Priority is too low: (1 vs 1)", "", "stale"),
        (1010, "Invalid Transaction", "Transaction has an ancient birth block", "resend"),
        (1010, "Invalid Transaction", "Transaction has a bad signature", "resend"),
        (1013, "Transaction Already Imported", "", "known"),
        (1012, "Transaction is temporarily banned", "", "full"),
        (1016, "Immediately Dropped", "", "full"),
        (1010, "Invalid Transaction", "Inability to pay some fees (e.g. account balance too low)", "refused"),
        (-32601, "Method not found", "", "refused"),
    ],
)
def test_refusals_of_the_pool(code: int, message: str, data: str, verdict: str) -> None:
    assert judge_refusal(code, message, data) == verdict
