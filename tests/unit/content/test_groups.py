import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import GROUP_SIZE, group_count, group_range, group_span


@pytest.mark.parametrize(
    ("size", "count"),
    [(0, 1), (1, 1), (GROUP_SIZE, 1), (GROUP_SIZE + 1, 2), (2 * GROUP_SIZE, 2), (2**30, 4096)],
)
def test_group_count(size: int, count: int) -> None:
    assert group_count(size) == count


@pytest.mark.parametrize(
    ("offset", "limit", "size", "groups"),
    [
        (0, 0, 0, range(1)),
        (0, 5, 0, range(1)),
        (0, 1, 1, range(1)),
        (0, 0, 10, range(0)),
        (10, 5, 10, range(0)),
        (0, GROUP_SIZE, 3 * GROUP_SIZE, range(1)),
        (0, GROUP_SIZE + 1, 3 * GROUP_SIZE, range(2)),
        (GROUP_SIZE - 1, 2, 3 * GROUP_SIZE, range(2)),
        (GROUP_SIZE, 1, 3 * GROUP_SIZE, range(1, 2)),
        (GROUP_SIZE, 2**63, 2 * GROUP_SIZE + 1, range(1, 3)),
    ],
)
def test_group_range(offset: int, limit: int, size: int, groups: range) -> None:
    assert group_range(offset, limit, size) == groups


@given(st.data())
def test_the_groups_of_a_range_are_exactly_those_that_hold_its_bytes(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 20 * GROUP_SIZE))
    offset = data.draw(st.integers(0, size))
    limit = data.draw(st.integers(0, size))
    stop = min(offset + limit, size)
    holding = [
        index
        for index in range(group_count(size))
        if max(group_span(index, size)[0], offset) < min(group_span(index, size)[1], stop)
    ]
    assert list(group_range(offset, limit, size)) == holding


@given(st.integers(0, 20 * GROUP_SIZE))
def test_spans_cover_the_object(size: int) -> None:
    spans = [group_span(index, size) for index in range(group_count(size))]
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(left[1] == right[0] for left, right in itertools.pairwise(spans))


@pytest.mark.parametrize(("offset", "limit", "size"), [(-1, 1, 10), (11, 1, 10), (0, -1, 10), (0, 0, -1)])
def test_ranges_outside_the_object_are_refused(offset: int, limit: int, size: int) -> None:
    with pytest.raises(ValueError, match="range"):
        group_range(offset, limit, size)


def test_negative_sizes_and_groups_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 bytes"):
        group_count(-1)
    for index in (-1, 2):
        with pytest.raises(IndexError):
            group_span(index, GROUP_SIZE + 1)
