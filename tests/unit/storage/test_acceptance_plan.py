"""Grouping objects into transactions, and reading outcomes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from joygrpc.chain import ItemOutcome, SubmitOutcome
from joygrpc.content import BagId
from joygrpc.storage.acceptance_plan import (
    LONGEST_PAUSE,
    AcceptBatch,
    AcceptItem,
    Waiting,
    choose_bucket,
    judge,
    plan_batches,
    setback,
    setbacks,
)

NOW = datetime(2024, 5, 1, tzinfo=UTC)
ONE, TWO = BagId.channel(1), BagId.channel(2)


def waiting(object_id: int, bag: BagId = ONE, bucket: int = 0, attempts: int = 0) -> Waiting:
    return Waiting(object_id, bag, bucket, attempts)


def outcome(*items: ItemOutcome, status: str = "included") -> SubmitOutcome:
    return SubmitOutcome(status, "0x00", items=items)  # type: ignore[arg-type]


GOOD = ItemOutcome(None)
BAD = ItemOutcome("Storage.DataObjectDoesntExist", "Data object doesn't exist")


def test_objects_are_grouped_by_bucket_then_bag() -> None:
    batches = plan_batches([waiting(3, TWO), waiting(2), waiting(9, ONE, bucket=1), waiting(1)], 20)
    assert batches == [
        AcceptBatch(0, (AcceptItem(ONE, (waiting(1), waiting(2))), AcceptItem(TWO, (waiting(3, TWO),)))),
        AcceptBatch(1, (AcceptItem(ONE, (waiting(9, ONE, bucket=1),)),)),
    ]


def test_what_failed_before_gets_a_call_of_its_own() -> None:
    (batch,) = plan_batches([waiting(1), waiting(2, attempts=1), waiting(3)], 20)
    assert [item.object_ids for item in batch.items] == [(1, 3), (2,)]


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2)),
        unique_by=lambda t: t[0],
    ),
    st.integers(1, 20),
)
def test_every_object_is_in_one_batch_of_its_bucket_and_none_is_too_large(
    objects: list[tuple[int, int, int, int]], size: int
) -> None:
    all_waiting = [waiting(number, BagId.channel(bag), bucket, attempts) for number, bag, bucket, attempts in objects]
    batches = plan_batches(all_waiting, size)
    assert sorted(i for batch in batches for i in batch.object_ids) == sorted(each.object_id for each in all_waiting)
    for batch in batches:
        assert 1 <= len(batch.object_ids) <= size
        for item in batch.items:
            assert {(each.bucket_id, each.bag_id) for each in item.objects} == {(batch.bucket_id, item.bag_id)}
            assert list(item.object_ids) == sorted(item.object_ids)
            assert len(item.objects) == 1 or not any(each.alone for each in item.objects)


def test_the_named_bucket_is_used_while_it_can() -> None:
    assert choose_bucket(2, {1, 2}, {1: "a", 2: "b"}) == 2
    assert choose_bucket(3, {1, 2}, {1: "a", 2: "b"}) == 1
    assert choose_bucket(2, {2}, {1: "a"}) is None
    assert choose_bucket(None, {5, 4}, {4: "a", 5: "b"}) == 4


def test_an_outcome_is_read_item_by_item() -> None:
    (batch,) = plan_batches(
        [waiting(1), waiting(2), waiting(3, TWO), waiting(4, BagId.channel(3)), waiting(5, BagId.channel(4))], 20
    )
    interrupted = ItemOutcome("Interrupted", interrupted=True)
    verdict = judge(batch, outcome(BAD, GOOD, BAD, interrupted))
    text = "DataObjectDoesntExist (Data object doesn't exist)"
    assert verdict.accepted == (3,)
    assert verdict.split == ((waiting(1), text), (waiting(2), text))
    assert verdict.failed == ((waiting(4, BagId.channel(3)), text),)
    assert verdict.unsettled == (5,)


def test_without_a_clear_outcome_the_chain_is_asked() -> None:
    (batch,) = plan_batches([waiting(1), waiting(2)], 20)
    for unclear in (outcome(status="dropped"), outcome(status="unknown"), outcome(status="included")):
        assert judge(batch, unclear).unsettled == (1, 2)


def test_company_is_split_at_once_and_the_lonely_wait_longer_each_time() -> None:
    (batch,) = plan_batches([waiting(1), waiting(2), waiting(3, TWO, attempts=2)], 20)
    remembered = {each.object_id: each for each in setbacks(judge(batch, outcome(BAD, BAD)), NOW)}
    assert (remembered[1].attempts, remembered[1].retry_at) == (1, NOW)
    assert (remembered[3].attempts, remembered[3].retry_at) == (3, NOW + timedelta(seconds=48))
    assert setback(1, 0, "x", NOW).retry_at == NOW + timedelta(seconds=12)
    assert setback(1, 1000, "x", NOW).retry_at == NOW + LONGEST_PAUSE
