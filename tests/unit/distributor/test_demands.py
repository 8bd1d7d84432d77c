"""What a fill brings next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import GROUP_SIZE
from joygrpc.distributor.demands import TURN_GROUPS, NextRun, choose_run, shall_turn
from joygrpc.distributor.groups import GroupMap, GroupRun

GROUPS = 1000


def made(*present: tuple[int, int]) -> GroupMap:
    return GroupMap(GROUPS * GROUP_SIZE, (GroupRun(first, count) for first, count in present))


@pytest.mark.parametrize(
    ("present", "waiting", "after", "run"),
    [
        ([], [], 0, (0, 1000)),
        ([], [], 400, (400, 600)),
        ([(400, 600)], [], 1000, (0, 400)),
        ([(0, 10), (20, 10)], [], 5, (10, 10)),
        ([], [(500, 2)], 0, (500, 500)),
        ([(500, 1)], [(500, 2)], 0, (501, 499)),
        ([(500, 2)], [(500, 2)], 0, (0, 500)),
        # Others wait elsewhere: the first gets just what it waits for.
        ([], [(0, 1), (500, 2)], 0, (0, 1)),
        ([], [(500, 2), (0, 1)], 0, (500, 2)),
        # What lies a little further in the same run is on the way.
        ([], [(500, 2), (550, 2)], 0, (500, 500)),
    ],
)
def test_choice(
    present: list[tuple[int, int]], waiting: list[tuple[int, int]], after: int, run: tuple[int, int]
) -> None:
    chosen = choose_run(made(*present), [GroupRun(*wait) for wait in waiting], after)
    assert chosen is not None
    assert chosen.run == GroupRun(*run)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 100)), max_size=5), st.integers(0, 100))
def test_the_whole_object_is_reached_whatever_is_waited_for(waits: list[tuple[int, int]], after: int) -> None:
    groups = GroupMap(100 * GROUP_SIZE)
    waiting = [GroupRun(first, min(count, 100 - first)) for first, count in waits]
    rounds = 0
    while (chosen := choose_run(groups, waiting, after)) is not None:
        assert groups.missing_runs(chosen.run) == [chosen.run]
        groups.add(chosen.run.first, chosen.run.count)
        after = chosen.run.end
        rounds += 1
    assert groups.complete
    assert rounds <= 2 * len(waiting) + 2


@pytest.mark.parametrize(
    ("demand", "reached", "waiting", "turn"),
    [
        (None, 10, [], False),
        (None, 10, [(12, 5)], False),
        (None, 10, [(500, 1)], True),
        ((0, 5), 3, [(500, 1)], False),
        ((0, 5), 5, [(500, 1)], True),
        ((0, 900), TURN_GROUPS - 1, [(900, 1)], False),
        ((0, 900), TURN_GROUPS, [(900, 1)], True),
        ((0, 900), TURN_GROUPS, [(TURN_GROUPS + 3, 1)], False),
    ],
)
def test_turning(demand: tuple[int, int] | None, reached: int, waiting: list[tuple[int, int]], turn: bool) -> None:
    current = NextRun(GroupRun(0, GROUPS), None if demand is None else GroupRun(*demand))
    groups = made((0, reached))
    assert shall_turn(current, reached, [GroupRun(*wait) for wait in waiting], groups) == turn
