"""What a fill brings next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import GROUP_SIZE
from joygrpc.distributor.demands import NEAR_GROUPS, Demand, NextRun, Purpose, Running, free_runs, next_run
from joygrpc.distributor.groups import GroupMap, GroupRun

GROUPS = 1000
URGENT, AHEAD, REST = Purpose.URGENT, Purpose.AHEAD, Purpose.REST


def made(*present: tuple[int, int]) -> GroupMap:
    return GroupMap(GROUPS * GROUP_SIZE, (GroupRun(first, count) for first, count in present))


def wish(first: int, count: int, ahead_end: int = 0, *, pace: int = 1, short: bool = False, at: float = 1.0) -> Demand:
    return Demand(GroupRun(first, count), ahead_end or first + count, pace, short, at)


@pytest.mark.parametrize(
    ("present", "running", "demands", "rest", "chosen"),
    [
        ([], [], [], None, None),
        # Just what is needed, and what the reader will come to soon.
        ([], [], [wish(500, 1)], None, (500, 1, URGENT)),
        ([], [], [wish(500, 1, 520)], None, (500, 20, URGENT)),
        ([(500, 1)], [], [wish(500, 2)], None, (501, 1, URGENT)),
        ([(510, 1)], [], [wish(500, 1, 520)], None, (500, 10, URGENT)),
        ([(500, 2)], [], [wish(500, 2)], None, None),
        # One stream for all of it, when all of it is wanted and the reader stays.
        ([], [], [wish(500, 2)], 0, (500, 500, URGENT)),
        ([], [], [wish(500, 2, short=True)], 0, (500, 2, URGENT)),
        # The one who is stopped longest comes first.
        ([], [], [wish(10, 1, at=2.0), wish(20, 1, at=1.0)], None, (20, 1, URGENT)),
        # What a stream will bring soon is waited for; what it will bring later is not.
        ([], [Running(0, 900)], [wish(NEAR_GROUPS - 1, 1)], None, None),
        ([], [Running(0, 900)], [wish(NEAR_GROUPS, 2)], None, (NEAR_GROUPS, 2, URGENT)),
        ([], [Running(0, 900)], [wish(400, 2)], None, (400, 2, URGENT)),
        ([], [Running(404, 900)], [wish(400, 2, 410)], None, (400, 4, URGENT)),
        # What a silent stream was to bring is brought by another for who is stopped there, and only then.
        ([], [Running(0, 900, silent=True)], [wish(0, 1, 4)], None, (0, 4, URGENT)),
        ([(0, 1)], [Running(1, 900, silent=True)], [wish(0, 1, 4)], None, None),
        # Reading ahead waits until it is worth while.
        ([(0, 8)], [], [wish(0, 4, 12, pace=8)], None, None),
        ([(0, 8)], [], [wish(4, 4, 16, pace=8)], None, (8, 8, AHEAD)),
        ([(0, 8)], [Running(8, 12)], [wish(4, 4, 20, pace=8)], None, (12, 8, AHEAD)),
        # The rest comes when nobody is stopped: first what follows, then the beginning.
        ([(500, 2)], [], [wish(500, 2)], 502, (502, 498, REST)),
        ([(500, 500)], [], [], 1000, (0, 500, REST)),
        ([(0, 1000)], [], [], 0, None),
        ([], [Running(500, 501)], [wish(500, 1)], 501, None),
    ],
)
def test_choice(
    present: list[tuple[int, int]],
    running: list[Running],
    demands: list[Demand],
    rest: int | None,
    chosen: tuple[int, int, Purpose] | None,
) -> None:
    expected = chosen and NextRun(GroupRun(chosen[0], chosen[1]), chosen[2])
    assert next_run(made(*present), running, demands, rest) == expected


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 100)), max_size=5), st.integers(0, 100))
def test_the_whole_object_is_reached_whatever_is_waited_for(waits: list[tuple[int, int]], after: int) -> None:
    groups = GroupMap(100 * GROUP_SIZE)
    demands = [wish(first, min(count, 100 - first)) for first, count in waits]
    rounds = 0
    while (chosen := next_run(groups, [], demands, after)) is not None:
        assert groups.missing_runs(chosen.run) == [chosen.run]
        groups.add(chosen.run.first, chosen.run.count)
        after = chosen.run.end
        rounds += 1
    assert groups.complete
    assert rounds <= 2 * len(waits) + 2


@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40)), max_size=5),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 40)), max_size=4),
    st.tuples(st.integers(0, 39), st.integers(0, 40)),
)
def test_free_groups_are_those_that_are_neither_here_nor_taken(
    present: list[tuple[int, int]], taken: list[tuple[int, int]], within: tuple[int, int]
) -> None:
    groups = GroupMap(40 * GROUP_SIZE)
    for first, count in present:
        groups.add(first, min(count, 40 - first))
    here = {group for run in groups.runs() for group in range(run.first, run.end)}
    gone = {group for first, count in taken for group in range(first, first + count)}
    first, count = within[0], min(within[1], 40 - within[0])
    free = free_runs(groups, GroupRun(first, count), [GroupRun(*run) for run in taken])
    found = [group for run in free for group in range(run.first, run.end)]
    assert found == sorted(set(range(first, first + count)) - here - gone)
