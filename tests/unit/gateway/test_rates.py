import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rates import LEAST_PIECE, Pace, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    rate = Rate(2, 3, clock)
    assert [rate.take() for _ in range(4)] == pytest.approx([0, 0, 0, 0.5])
    clock.now += 0.5
    assert rate.take() == 0
    assert rate.take() == pytest.approx(0.5), "what was refused is not counted"
    clock.now += 100
    assert [rate.take() for _ in range(4)] == pytest.approx([0, 0, 0, 0.5]), "a long pause saves no more than the burst"


def test_debts_are_paid_by_waiting() -> None:
    clock = Clock()
    rate = Rate(100, 100, clock)
    assert rate.owe(100) == 0
    assert rate.owe(50) == pytest.approx(0.5)
    assert rate.owe(50) == pytest.approx(1.0)
    clock.now += 1
    assert rate.owe(10) == pytest.approx(0.1)


@given(st.floats(0.5, 50), st.integers(1, 20), st.lists(st.floats(0, 3), max_size=60))
def test_never_more_than_rate_and_burst(per_s: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    rate = Rate(per_s, burst, clock)
    begin, taken = clock.now, 0
    for pause in pauses:
        clock.now += pause
        taken += rate.take() == 0
        assert taken <= burst + per_s * (clock.now - begin) + 1e-6


async def test_a_pace_is_as_slow_as_its_slowest_rate() -> None:
    clock = Clock()
    pace = Pace([Rate(10**9, 10**9, clock), Rate(10**6, 10**6, clock)])
    assert pace.piece == 10**5
    assert Pace([Rate(10, 10, clock)]).piece == LEAST_PIECE
    await pace.spend(10)
