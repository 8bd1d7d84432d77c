from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.preconditions import (
    Conditions,
    Validators,
    Verdict,
    evaluate,
    http_date,
    parse_http_date,
    range_applies,
)

STORED = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
DATED = Validators('"tag"', STORED)
UNDATED = Validators('"tag"')
SAME, BEFORE, AFTER = (
    "Mon, 06 May 2024 07:08:09 GMT",
    "Mon, 06 May 2024 07:08:08 GMT",
    "Mon, 06 May 2024 07:08:10 GMT",
)
GO, SAME_VERSION, FAILED = Verdict.PROCEED, Verdict.NOT_MODIFIED, Verdict.FAILED


@pytest.mark.parametrize(
    ("headers", "dated", "undated"),
    [
        ({}, GO, GO),
        ({"If-Match": '"tag"'}, GO, GO),
        ({"If-Match": "*"}, GO, GO),
        ({"If-Match": '"a", "tag"'}, GO, GO),
        ({"If-Match": '"other"'}, FAILED, FAILED),
        ({"If-Match": 'W/"tag"'}, FAILED, FAILED),
        ({"If-Match": "tag"}, FAILED, FAILED),
        ({"If-None-Match": '"tag"'}, SAME_VERSION, SAME_VERSION),
        ({"If-None-Match": 'W/"tag"'}, SAME_VERSION, SAME_VERSION),
        ({"If-None-Match": "*"}, SAME_VERSION, SAME_VERSION),
        ({"If-None-Match": '"a",W/"b" , "tag"'}, SAME_VERSION, SAME_VERSION),
        ({"If-None-Match": '"a, tag"'}, GO, GO),
        ({"If-None-Match": '"other"'}, GO, GO),
        ({"If-None-Match": "tag"}, GO, GO),
        ({"If-None-Match": '"tag"', "Cache-Control": "max-age=0, no-cache"}, GO, GO),
        ({"If-None-Match": '"tag"', "Cache-Control": "no-cachet"}, SAME_VERSION, SAME_VERSION),
        ({"If-Modified-Since": SAME}, SAME_VERSION, GO),
        ({"If-Modified-Since": AFTER}, SAME_VERSION, GO),
        ({"If-Modified-Since": BEFORE}, GO, GO),
        ({"If-Modified-Since": "yesterday"}, GO, GO),
        ({"If-None-Match": '"other"', "If-Modified-Since": SAME}, GO, GO),
        ({"If-Unmodified-Since": SAME}, GO, GO),
        ({"If-Unmodified-Since": AFTER}, GO, GO),
        ({"If-Unmodified-Since": BEFORE}, FAILED, GO),
        ({"If-Unmodified-Since": "yesterday"}, GO, GO),
        ({"If-Match": '"tag"', "If-Unmodified-Since": BEFORE}, GO, GO),
        ({"If-Match": '"tag"', "If-None-Match": '"tag"'}, SAME_VERSION, SAME_VERSION),
        ({"If-Match": '"other"', "If-None-Match": '"tag"'}, FAILED, FAILED),
        ({"If-Unmodified-Since": BEFORE, "If-None-Match": '"tag"'}, FAILED, SAME_VERSION),
    ],
)
def test_table(headers: dict[str, str], dated: Verdict, undated: Verdict) -> None:
    conditions = Conditions.of(CIMultiDict(headers))
    assert evaluate(conditions, DATED) is dated
    assert evaluate(conditions, UNDATED) is undated


@pytest.mark.parametrize(
    ("value", "dated", "undated"),
    [
        (None, True, True),
        ('"tag"', True, True),
        ('W/"tag"', False, False),
        ('"other"', False, False),
        (SAME, True, False),
        (BEFORE, False, False),
        (AFTER, False, False),
        ("nonsense", False, False),
        ("", False, False),
    ],
)
def test_if_range(value: str | None, dated: bool, undated: bool) -> None:
    conditions = Conditions(if_range=value)
    assert range_applies(conditions, DATED) is dated
    assert range_applies(conditions, UNDATED) is undated


def test_headers_in_several_lines_are_one_list() -> None:
    headers = CIMultiDict([("If-None-Match", '"a"'), ("if-none-match", '"tag"')])
    assert evaluate(Conditions.of(headers), UNDATED) is SAME_VERSION


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_three_date_formats(text: str) -> None:
    assert parse_http_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "nonsense", "Mon, 99 Foo 2024", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_what_is_no_date(text: str) -> None:
    assert parse_http_date(text) is None


def test_last_modified_has_whole_seconds() -> None:
    assert DATED.last_modified_text == SAME
    assert UNDATED.last_modified_text is None


@given(st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_dates_survive(moment: datetime) -> None:
    assert parse_http_date(http_date(moment)) == moment.replace(microsecond=0)


@given(st.text(), st.text(), st.text(), st.text(), st.text())
def test_no_header_breaks_it(a: str, b: str, c: str, d: str, e: str) -> None:
    conditions = Conditions(a, b, c, d, e)
    evaluate(conditions, DATED)
    range_applies(conditions, DATED)
