from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from gateway.answers import Answer, ObjectRequest, Provenance, decide
from gateway.facts import CacheState, DataSource, ObjectFacts
from gateway.ranges import ByteRange

FACTS = ObjectFacts(7, 100, "gWabc", "video/mp4", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
HIT = Provenance(CacheState.HIT, DataSource.LOCAL)
MISS = Provenance(CacheState.MISS, DataSource.EXTERNAL)


def asked(method: str = "GET", **headers: str) -> ObjectRequest:
    return ObjectRequest.of(method, CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}))


def test_whole() -> None:
    answer = decide(asked(), FACTS)
    assert (answer.status, answer.part, answer.refusal) == (200, ByteRange(0, 99), "")
    assert answer.headers == {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": '"gWabc"',
        "Accept-Ranges": "bytes",
        "Last-Modified": "Mon, 06 May 2024 07:08:09 GMT",
        "Content-Type": "video/mp4",
        "Content-Length": "100",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox",
        "Content-Disposition": "inline",
    }


def test_distributors_tell_of_their_cache_and_of_no_date() -> None:
    hit, miss = decide(asked(), FACTS, HIT).headers, decide(asked(), FACTS, MISS).headers
    assert (hit["X-Cache"], hit["X-Data-Source"]) == ("hit", "local")
    assert (miss["X-Cache"], miss["X-Data-Source"]) == ("miss", "external")
    assert hit["Cache-Control"] == "public, max-age=31536000, immutable"
    assert miss["Cache-Control"] == "max-age=180, must-revalidate"
    assert "Last-Modified" not in hit
    assert hit["ETag"] == miss["ETag"]


@pytest.mark.parametrize("provenance", [None, HIT, MISS])
def test_part(provenance: Provenance | None) -> None:
    answer = decide(asked(Range="bytes=10-"), FACTS, provenance)
    assert (answer.status, answer.part) == (206, ByteRange(10, 99))
    assert (answer.headers["Content-Range"], answer.headers["Content-Length"]) == ("bytes 10-99/100", "90")


@pytest.mark.parametrize("provenance", [None, HIT, MISS])
def test_unsatisfiable(provenance: Provenance | None) -> None:
    answer = decide(asked(Range="bytes=100-"), FACTS, provenance)
    assert (answer.status, answer.refusal, answer.part) == (416, "RANGE_NOT_SATISFIABLE", None)
    assert answer.headers["Content-Range"] == "bytes */100"
    assert not {"ETag", "Content-Type", "Cache-Control"} & set(answer.headers)


def test_head_ignores_ranges_and_heeds_conditions() -> None:
    assert decide(asked("HEAD", Range="bytes=500-"), FACTS) == Answer(200, decide(asked(), FACTS).headers)
    assert decide(asked("HEAD", If_None_Match='"gWabc"'), FACTS).status == 304
    assert decide(asked("HEAD", If_Match='"x"'), FACTS).status == 412


def test_not_modified_has_no_content_headers() -> None:
    answer = decide(asked(If_None_Match='"gWabc"', Range="bytes=500-"), FACTS, HIT)
    assert (answer.status, answer.part) == (304, None)
    assert set(answer.headers) == {"Cache-Control", "ETag", "Accept-Ranges", "X-Cache", "X-Data-Source", "Cache-Status"}


def test_conditions_come_before_ranges() -> None:
    assert decide(asked(If_Match='"x"', Range="bytes=500-"), FACTS).status == 412
    assert decide(asked(If_Range='"x"', Range="bytes=500-"), FACTS).status == 200
    assert decide(asked(If_Range='"gWabc"', Range="bytes=1-2"), FACTS).status == 206


def test_empty_object() -> None:
    answer = decide(asked(), ObjectFacts(1, 0, "gW"))
    assert (answer.status, answer.part, answer.headers["Content-Length"]) == (200, None, "0")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_hint_of_a_request() -> None:
    assert asked(Range="bytes=3-4").hint == (3, 2)
    assert asked("HEAD", Range="bytes=3-4").hint == (0, 0)


@pytest.mark.parametrize(
    ("state", "source", "get", "head"),
    [
        (CacheState.HIT, DataSource.LOCAL, "hit", "hit"),
        (CacheState.PENDING, DataSource.LOCAL, "fwd=partial; stored; collapsed", "fwd=partial"),
        (CacheState.MISS, DataSource.LOCAL, "fwd=miss; stored", "fwd=miss"),
        (CacheState.MISS, DataSource.EXTERNAL, "fwd=miss", "fwd=miss"),
    ],
)
def test_cache_status(state: CacheState, source: DataSource, get: str, head: str) -> None:
    told = "hit" if state is CacheState.HIT else head
    assert decide(asked(), FACTS, Provenance(state, source)).headers["Cache-Status"] == f"joygrpc; {get}"
    assert decide(asked("HEAD"), FACTS, Provenance(state)).headers["Cache-Status"] == f"joygrpc; {head}"
    not_modified = decide(asked(If_None_Match='"gWabc"'), FACTS, Provenance(state, source))
    assert not_modified.headers["Cache-Status"] == f"joygrpc; {told}", "nothing was fetched for it"
    assert "Cache-Status" not in decide(asked(), FACTS).headers, "a storage node is no cache"


def test_a_head_tells_no_type_that_may_change() -> None:
    unseen = ObjectFacts(7, 100, "gWabc")
    assert "Content-Type" not in decide(asked("HEAD"), unseen, Provenance(CacheState.MISS)).headers
    for provenance in (None, Provenance(CacheState.HIT)):
        assert decide(asked("HEAD"), unseen, provenance).headers["Content-Type"] == "application/octet-stream"
    assert decide(asked("HEAD"), FACTS, Provenance(CacheState.MISS)).headers["Content-Type"] == "video/mp4"
