"""Presence maps against a plain set of groups."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import GROUP_SIZE
from joygrpc.distributor.groups import GroupMap, GroupRun, groups_of_range

SIZES = st.integers(0, 40 * GROUP_SIZE)


@st.composite
def maps(draw: st.DrawFn) -> tuple[GroupMap, set[int]]:
    groups = GroupMap(draw(SIZES))
    present: set[int] = set()
    for first in draw(st.lists(st.integers(0, groups.count - 1), max_size=12)):
        count = draw(st.integers(1, groups.count - first))
        groups.add(first, count)
        present.update(range(first, first + count))
    return groups, present


@given(maps())
def test_runs_are_the_present_groups_sorted_and_apart(made: tuple[GroupMap, set[int]]) -> None:
    groups, present = made
    runs = list(groups.runs())
    assert {group for run in runs for group in range(run.first, run.end)} == present
    assert all(left.end < right.first for left, right in itertools.pairwise(runs))
    assert groups.complete == (present == set(range(groups.count)))


@given(maps(), st.data())
def test_missing_runs_are_the_rest_of_a_range(made: tuple[GroupMap, set[int]], data: st.DataObject) -> None:
    groups, present = made
    first = data.draw(st.integers(0, groups.count - 1))
    within = GroupRun(first, data.draw(st.integers(1, groups.count - first)))
    missing = {group for run in groups.missing_runs(within) for group in range(run.first, run.end)}
    assert missing == set(range(within.first, within.end)) - present
    assert groups.holds(within) == (not missing)


@given(maps())
def test_bytes_are_counted_once(made: tuple[GroupMap, set[int]]) -> None:
    groups, present = made
    assert groups.present_bytes == sum(groups.bytes_in(GroupRun(group, 1)) for group in present)


@given(maps(), st.data())
def test_readable_end_is_where_the_first_gap_begins(made: tuple[GroupMap, set[int]], data: st.DataObject) -> None:
    groups, present = made
    offset = data.draw(st.integers(0, groups.size))
    end = offset
    while end < groups.size and end // GROUP_SIZE in present:
        end = min((end // GROUP_SIZE + 1) * GROUP_SIZE, groups.size)
    assert groups.readable_end(offset) == end


@given(maps())
def test_the_compact_form_gives_the_map_back(made: tuple[GroupMap, set[int]]) -> None:
    groups, _ = made
    assert GroupMap.from_bytes(groups.size, groups.to_bytes()) == groups


@pytest.mark.parametrize("damaged", [b"1234567", b"\0\0\0\0\0\0\0\0", b"\xff" * 8])
def test_a_damaged_compact_form_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"groups|bytes a run"):
        GroupMap.from_bytes(10 * GROUP_SIZE, damaged)


@pytest.mark.parametrize(
    ("offset", "length", "size", "run"),
    [
        (0, 0, 0, GroupRun(0, 1)),
        (0, 0, 10, GroupRun(0, 0)),
        (0, 10, 10, GroupRun(0, 1)),
        (GROUP_SIZE - 1, 2, 5 * GROUP_SIZE, GroupRun(0, 2)),
        (GROUP_SIZE, GROUP_SIZE, 5 * GROUP_SIZE, GroupRun(1, 1)),
        (0, 99 * GROUP_SIZE, 5 * GROUP_SIZE, GroupRun(0, 5)),
    ],
)
def test_groups_of_a_range(offset: int, length: int, size: int, run: GroupRun) -> None:
    assert groups_of_range(offset, length, size) == run
