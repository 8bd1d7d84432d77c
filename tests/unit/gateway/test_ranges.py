import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ranges import (
    MAX_SPECIFIERS,
    UNSATISFIABLE,
    ByteRange,
    Unsatisfiable,
    parse_range,
    reading_hint,
    select_range,
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-", ByteRange(0, 99)),
        ("bytes=10-19", ByteRange(10, 19)),
        ("bytes=99-", ByteRange(99, 99)),
        ("bytes=90-1000", ByteRange(90, 99)),
        ("bytes=0-99999999999999999999999999", ByteRange(0, 99)),
        ("bytes=-1", ByteRange(99, 99)),
        ("bytes=-100", ByteRange(0, 99)),
        ("bytes=-101", ByteRange(0, 99)),
        ("bytes=-99999999999999999999999999", ByteRange(0, 99)),
        ("bytes=007-010", ByteRange(7, 10)),
        ("Bytes=1-2", ByteRange(1, 2)),
        ("bytes= 1-2 ", ByteRange(1, 2)),
        ("bytes=,1-2,", ByteRange(1, 2)),
        ("bytes=1-2,\t,3-4", ByteRange(1, 4)),
        ("bytes=0-4,5-9", ByteRange(0, 9)),
        ("bytes=5-9,0-4", ByteRange(0, 9)),
        ("bytes=0-9,5-6", ByteRange(0, 9)),
        ("bytes=0-50,-60", ByteRange(0, 99)),
        ("bytes=0-4,200-", ByteRange(0, 4)),
        ("bytes=1" + "0" * 5000 + "-", UNSATISFIABLE),
        ("bytes=100-", UNSATISFIABLE),
        ("bytes=100-200", UNSATISFIABLE),
        ("bytes=-0", UNSATISFIABLE),
        ("bytes=100-,-0", UNSATISFIABLE),
        (None, None),
        ("", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes= , ", None),
        ("bytes=-", None),
        ("bytes=abc-def", None),
        ("bytes=5-1", None),
        ("bytes=5", None),
        ("bytes=1-2-3", None),
        ("bytes=+1-2", None),
        ("bytes=1 -2", None),
        ("bytes=1-2;3-4", None),
        ("bytes=0-1,x", None),
        ("bytes=0-1,5-4", None),
        ("bytes=\u0661-\u0662", None),
        ("items=0-5", None),
        ("garbage", None),
        ("bytes=0-1,3-4", None),
        ("bytes=0-1,50-60,99-", None),
        ("bytes=" + ",".join(["0-1"] * (MAX_SPECIFIERS + 1)), None),
    ],
)
def test_table(header: str | None, expected: ByteRange | Unsatisfiable | None) -> None:
    assert select_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0", "bytes=5-"])
def test_nothing_of_an_empty_object_can_be_had(header: str) -> None:
    assert select_range(header, 0) is UNSATISFIABLE


def test_content_range() -> None:
    found = ByteRange(3, 9)
    assert (found.length, found.content_range(10)) == (7, "bytes 3-9/10")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 0)),
        ("bytes=5-9", (5, 5)),
        ("bytes=5-", (5, 0)),
        ("bytes=-5", (0, 0)),
        ("bytes=1-2,8-9", (0, 0)),
        ("bytes=99999999999999999999-", (0, 0)),
        ("bytes=5-99999999999999999999", (5, 0)),
        ("nonsense", (0, 0)),
    ],
)
def test_reading_hint(header: str | None, expected: tuple[int, int]) -> None:
    assert reading_hint(header) == expected


specifiers = st.one_of(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    st.integers(0, 60).map("{}-".format),
    st.integers(0, 60).map("-{}".format),
)


def bytes_named(element: str, size: int) -> set[int]:
    first, _, last = element.partition("-")
    if not first:
        return set(range(max(0, size - int(last)), size))
    return set(range(int(first), min(size, int(last) + 1 if last else size)))


@given(st.lists(specifiers, min_size=1, max_size=5), st.integers(0, 50))
def test_the_selection_is_the_bytes_that_are_named(elements: list[str], size: int) -> None:
    named = set().union(*(bytes_named(element, size) for element in elements))
    found = select_range("bytes=" + ", ".join(elements), size)
    if not named:
        assert found is UNSATISFIABLE
    elif max(named) - min(named) + 1 == len(named):
        assert found == ByteRange(min(named), max(named))
    else:
        assert found is None


@given(st.text(max_size=40), st.integers(0, 2**64))
def test_no_header_breaks_it(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        found = select_range(header, size)
        reading_hint(header)
        if isinstance(found, ByteRange):
            assert 0 <= found.first <= found.last < size
        if parse_range(header) is None:
            assert found is None
