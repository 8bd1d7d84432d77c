import pytest

from gateway import accesses
from gateway.accesses import AccessCounts
from gateway.ranges import ByteRange


def test_counts_are_gathered_by_object() -> None:
    now = 1000.0
    counts = AccessCounts(lambda: now)
    counts.record(7, ByteRange(0, 99))
    counts.record(7, ByteRange(50, 59))
    counts.record(8, ByteRange(5, 5))
    assert len(counts) == 2
    seven, eight = counts.take()
    assert (seven.object_id, seven.uses, seven.bytes, seven.last_access_at.seconds) == (7, 1, 110, 1000)
    assert (eight.object_id, eight.uses, eight.bytes) == (8, 0, 1)
    assert counts.take() == []


def test_what_could_not_be_reported_comes_again() -> None:
    counts = AccessCounts(lambda: 5.0)
    counts.record(7, ByteRange(0, 9))
    lost = counts.take()
    counts.record(7, ByteRange(0, 0))
    counts.put_back(lost)
    (seven,) = counts.take()
    assert (seven.uses, seven.bytes, seven.last_access_at.seconds) == (2, 11, 5)


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesses, "MAX_OBJECTS", 3)
    counts = AccessCounts()
    for object_id in range(5):
        counts.record(object_id, ByteRange(0, 0))
    counts.record(1, ByteRange(0, 0))
    assert [message.uses for message in counts.take()] == [1, 2, 1]
