"""How far ahead a reader is read for."""

from joygrpc.content import GROUP_SIZE
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.read_ahead import FIRST_GROUPS, ReadAhead, Trails

SIZE = 1000 * GROUP_SIZE


def test_a_seek_gets_its_groups_alone() -> None:
    demand = ReadAhead(500 * GROUP_SIZE + 7, 500 * GROUP_SIZE + 100, SIZE, 64).demand(5.0)
    assert (demand.needed, demand.ahead_end, demand.short, demand.moved_at) == (GroupRun(500, 1), 501, True, 5.0)


def test_an_open_range_begins_with_a_mebibyte() -> None:
    demand = ReadAhead(500 * GROUP_SIZE, SIZE, SIZE, 64).demand(5.0)
    assert (demand.needed, demand.ahead_end, demand.short) == (GroupRun(500, 4), 504, False)


def test_the_window_grows_with_what_was_read_up_to_its_bound() -> None:
    reading = ReadAhead(0, SIZE, SIZE, 64)
    windows = []
    for _ in range(100):
        windows.append(reading.window)
        reading.advance(4 * GROUP_SIZE)
    assert windows == sorted(windows)
    assert (windows[0], windows[4], windows[-1]) == (FIRST_GROUPS, 16, 64)
    demand = reading.demand(0.0)
    assert (demand.needed.first, demand.ahead_end, demand.pace) == (400, 464, 32)


def test_reading_ahead_ends_with_the_range_unless_requests_follow_each_other() -> None:
    alone = ReadAhead(0, 20 * GROUP_SIZE, SIZE, 64, in_sequence=30 * GROUP_SIZE)
    assert alone.demand(0.0).ahead_end == 20
    following = ReadAhead(20 * GROUP_SIZE, 24 * GROUP_SIZE, SIZE, 64, in_sequence=20 * GROUP_SIZE, continued=True)
    assert following.demand(0.0).ahead_end == 40
    at_the_end = ReadAhead(SIZE - 5, SIZE, SIZE, 64, in_sequence=99 * GROUP_SIZE, continued=True)
    assert at_the_end.demand(0.0).ahead_end == 1000


def test_an_empty_object_has_one_group_to_wait_for() -> None:
    assert ReadAhead(0, 0, 0, 64).demand(0.0).needed == GroupRun(0, 1)


def test_a_trail_is_followed_once_and_only_where_it_ended() -> None:
    trails = Trails()
    trails.leave(7, 1000, 600)
    assert trails.follow(7, 999) == 0
    assert trails.follow(8, 1000) == 0
    assert trails.follow(7, 1000) == 600
    assert trails.follow(7, 1000) == 0
