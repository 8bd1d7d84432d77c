from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.distributor.playbacks import Playbacks

T0 = 1_700_000_000_000
S = 1000


def uses(playbacks: Playbacks, *reads: tuple[int, bool]) -> list[int]:
    """What reads of object 0, at seconds and with the first byte or without, count for."""
    return [playbacks.count(0, T0 + second * S, start=start) for second, start in reads]


def test_the_ranges_of_one_playback_are_one_use() -> None:
    ranges = [(0, True), (1, False), (1, True), *((second, False) for second in range(10, 3600, 20))]
    assert sum(uses(Playbacks(timedelta(seconds=60)), *ranges)) == 1


def test_each_window_in_which_playbacks_start_is_a_use() -> None:
    starts = [(0, True), (30, True), (59, True), (60, True), (119, True), (121, True)]
    assert uses(Playbacks(timedelta(seconds=60)), *starts) == [1, 0, 0, 1, 0, 1]


def test_what_is_resumed_after_a_rest_is_a_use() -> None:
    assert uses(Playbacks(timedelta(seconds=60)), (0, True), (59, False), (118, False), (178, False)) == [1, 0, 0, 1]


def test_without_a_window_every_read_is_a_use() -> None:
    assert uses(Playbacks(timedelta(0)), (0, True), (0, False), (0, True), (1, False)) == [1, 1, 1, 1]


def test_late_reports_count_by_their_time() -> None:
    playbacks = Playbacks(timedelta(seconds=60))
    assert playbacks.count(1, T0 + 90 * S, start=True) == 1
    assert playbacks.count(0, T0, start=True) == 1
    assert playbacks.count(0, T0 + 10 * S, start=True) in {0, 1}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.booleans()), max_size=80))
def test_as_a_memory_that_forgets_nothing(reads: list[tuple[int, int, bool]]) -> None:
    playbacks, counted, active, now = Playbacks(timedelta(seconds=60)), dict[int, int](), dict[int, int](), 0
    for object_id, pause, start in reads:
        now += pause
        expected = int(
            object_id not in counted or now - active[object_id] >= 60 or (start and now - counted[object_id] >= 60)
        )
        assert playbacks.count(object_id, T0 + now * S, start=start) == expected
        active[object_id] = now
        if expected:
            counted[object_id] = now
    assert len(playbacks) <= 4


def test_idle_objects_are_forgotten() -> None:
    playbacks = Playbacks(timedelta(seconds=60))
    for object_id in range(100):
        playbacks.count(object_id, T0 + object_id * S, start=True)
    assert len(playbacks) == 60
