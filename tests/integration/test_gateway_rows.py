"""Every scenario of an asset's answer, header by header, over real sockets: what the reference tells, and where we tell more.

`None` in a row means that the header is absent.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from joygrpc.content import multihash_of_bytes
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from tests.integration.gateway_peers import (
    DistributorPeer,
    Edge,
    ObjectFiles,
    raw_exchange,
    serving_edge,
    serving_node,
    unix_address,
)

SIZE = 300_000
HIT, PENDING, MISS, TOO_BIG, ABSENT, NOT_SERVED, NOT_ACCEPTED, UNKNOWN_TYPE = range(1, 9)
FOR_EVER = "public, max-age=31536000, immutable"
BRIEFLY = "max-age=180, must-revalidate"
JSON = "application/json; charset=utf-8"
SANDBOX = "sandbox"


def data_of(object_id: int) -> bytes:
    return bytes((object_id + at) % 251 for at in range(SIZE))


def etag_of(object_id: int) -> str:
    return f'"{multihash_of_bytes(data_of(object_id))}"'


@dataclass(frozen=True)
class Row:
    """A request and its answer; `length` is the value of Content-Length, and of the body's unless it is an answer to HEAD."""

    object_id: int
    status: int
    method: str = "GET"
    request: dict[str, str] = field(default_factory=dict)
    cache: str | None = None
    source: str | None = None
    cache_status: str | None = None
    cache_control: str | None = "no-store"
    content_type: str | None = "video/mp4"
    length: int | None = SIZE
    accept_ranges: str | None = "bytes"
    disposition: str | None = "inline"
    etag: bool = True
    content_range: str | None = None
    policy: str | None = SANDBOX
    first: int = 0
    message: str = ""


def hit(**changes: object) -> Row:
    told = {"cache": "hit", "source": "local", "cache_status": "joygrpc; hit", "cache_control": FOR_EVER}
    return Row(HIT, **{"status": 200, **told, **changes})  # type: ignore[arg-type]


def pending(**changes: object) -> Row:
    status = "joygrpc; fwd=partial; stored; collapsed"
    told = {"cache": "pending", "source": "local", "cache_status": status, "cache_control": BRIEFLY}
    return Row(PENDING, **{"status": 200, **told, **changes})  # type: ignore[arg-type]


def miss(**changes: object) -> Row:
    told = {"cache": "miss", "source": "local", "cache_status": "joygrpc; fwd=miss; stored", "cache_control": BRIEFLY}
    return Row(MISS, **{"status": 200, **told, **changes})  # type: ignore[arg-type]


def too_big(**changes: object) -> Row:
    told = {"cache": "miss", "source": "external", "cache_status": "joygrpc; fwd=miss", "cache_control": BRIEFLY}
    return Row(TOO_BIG, **{"status": 200, **told, **changes})  # type: ignore[arg-type]


PART = {"status": 206, "request": {"Range": "bytes=1000-1999"}, "length": 1000, "first": 1000}
PART |= {"content_range": f"bytes 1000-1999/{SIZE}"}
END = {"status": 206, "request": {"Range": "bytes=299990-"}, "length": 10, "first": 299_990}
END |= {"content_range": f"bytes 299990-299999/{SIZE}"}
LONG_TAIL = {"status": 206, "request": {"Range": "bytes=-999999"}, "content_range": f"bytes 0-299999/{SIZE}"}
JOINED = {"status": 206, "request": {"Range": "bytes=0-9,10-19"}, "length": 20, "content_range": f"bytes 0-19/{SIZE}"}
APART = {"request": {"Range": "bytes=0-9,20-29"}}
OTHER_UNIT = {"request": {"Range": "items=0-5"}}
REFUSED = {"cache_control": "no-store", "content_type": JSON, "disposition": None, "etag": False, "policy": None}
UNSATISFIABLE = {
    **REFUSED,
    "status": 416,
    "request": {"Range": f"bytes={SIZE}-"},
    "length": None,
    "content_range": f"bytes */{SIZE}",
    "message": "RangeNotSatisfiableError: Range Not Satisfiable",
}
NOT_MODIFIED = {"status": 304, "content_type": None, "length": None, "disposition": None, "policy": None}
FAILED = {
    **REFUSED,
    "status": 412,
    "request": {"If-Match": '"other"'},
    "length": None,
    "accept_ranges": None,
    "message": "PreconditionFailedError: Precondition Failed",
}
HEAD = {"method": "HEAD", "source": None}
MISSING = {"content_type": JSON, "length": None, "accept_ranges": None, "disposition": None, "etag": False}
MISSING |= {"policy": None}
MISSING_HEAD = {"method": "HEAD", "content_type": None, "length": None, "etag": False, "policy": None}

ROWS = {
    "GET hit": hit(),
    "GET hit, part": hit(**PART),
    "GET hit, to the end": hit(**END),
    "GET hit, suffix longer than the object": hit(**LONG_TAIL),
    "GET hit, touching ranges": hit(**JOINED),
    "GET hit, ranges apart": hit(**APART),
    "GET hit, other unit": hit(**OTHER_UNIT),
    "GET hit, unsatisfiable": hit(**UNSATISFIABLE),
    "GET hit, not modified": hit(**NOT_MODIFIED, request={"If-None-Match": etag_of(HIT)}),
    "GET hit, not modified but wanted": hit(request={"If-None-Match": "*", "Cache-Control": "no-cache"}),
    "GET hit, If-Match": hit(**FAILED),
    "GET hit, If-Match holds": hit(request={"If-Match": etag_of(HIT)}),
    "GET hit, If-Range": hit(**{**PART, "request": {"Range": "bytes=1000-1999", "If-Range": etag_of(HIT)}}),
    "GET hit, If-Range of another": hit(request={"Range": "bytes=0-9", "If-Range": '"other"'}),
    "GET hit, If-Range with a date": hit(request={"Range": "bytes=0-9", "If-Range": "Tue, 14 Nov 2023 22:13:20 GMT"}),
    "GET hit, If-Modified-Since": hit(request={"If-Modified-Since": "Tue, 14 Nov 2033 22:13:20 GMT"}),
    "GET hit, If-Unmodified-Since": hit(request={"If-Unmodified-Since": "Tue, 14 Nov 2000 22:13:20 GMT"}),
    "GET pending": pending(),
    "GET pending, part": pending(**PART),
    "GET pending, unsatisfiable": pending(**{**UNSATISFIABLE, "cache_status": "joygrpc; fwd=partial"}),
    "GET miss": miss(),
    "GET miss, part": miss(**PART),
    "GET miss, unsatisfiable": miss(**{**UNSATISFIABLE, "cache_status": "joygrpc; fwd=miss"}),
    "GET miss, not modified": miss(
        **NOT_MODIFIED, request={"If-None-Match": etag_of(MISS)}, cache_status="joygrpc; fwd=miss"
    ),
    "GET too big": too_big(),
    "GET too big, part": too_big(**PART),
    "HEAD hit": hit(**HEAD),
    "HEAD hit, with a range": hit(**HEAD, request={"Range": "bytes=0-9"}),
    "HEAD pending": pending(**HEAD, cache_status="joygrpc; fwd=partial"),
    "HEAD miss": miss(**HEAD, cache_status="joygrpc; fwd=miss"),
    "HEAD of an object that nobody has looked at": Row(
        **{**HEAD, "object_id": UNKNOWN_TYPE, "status": 200, "cache": "miss", "content_type": None},
        cache_status="joygrpc; fwd=miss",
        cache_control=BRIEFLY,
    ),
    "GET 404": Row(ABSENT, 404, **MISSING, message="Data object does not exist"),
    "GET 404, not uploaded": Row(NOT_ACCEPTED, 404, **MISSING, message="Data object has not been uploaded yet"),
    "GET 421": Row(NOT_SERVED, 421, **MISSING, message="Data object not served by this node"),
    "HEAD 404": Row(ABSENT, 404, **MISSING_HEAD),
    "HEAD 421": Row(NOT_SERVED, 421, **MISSING_HEAD),
}


@dataclass
class Bench:
    node: DistributorPeer
    edge: Edge


@pytest.fixture(params=["lease", "stream", "remote"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Every way that bytes can take: the table is the same for all."""
    files = ObjectFiles(tmp_path / "objects", give_leases=request.param == "lease")
    files.root.mkdir()
    for object_id in (HIT, PENDING, MISS, TOO_BIG):
        files.put(object_id, data_of(object_id), "video/mp4")
    files.put(UNKNOWN_TYPE, data_of(UNKNOWN_TYPE), "")
    node = DistributorPeer(files)
    node.states = {
        PENDING: (pb.CACHE_STATE_PENDING, pb.DATA_SOURCE_LOCAL),
        MISS: (pb.CACHE_STATE_MISS, pb.DATA_SOURCE_LOCAL),
        UNKNOWN_TYPE: (pb.CACHE_STATE_MISS, pb.DATA_SOURCE_LOCAL),
        TOO_BIG: (pb.CACHE_STATE_MISS, pb.DATA_SOURCE_EXTERNAL),
    }
    node.refusals = {NOT_SERVED: "ASSET_NOT_SERVED", NOT_ACCEPTED: "ASSET_NOT_ACCEPTED"}
    address = "127.0.0.1:0" if request.param == "remote" else unix_address(tmp_path)
    async with (
        serving_node(node, address) as target,
        serving_edge("distributor", target, files.root, pull_bytes=1 << 16) as edge,
    ):
        yield Bench(node, edge)


async def ask(bench: Bench, row: Row, path: str) -> tuple[int, dict[str, str], bytes]:
    lines = [f"{row.method} {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in row.request.items()]
    return await raw_exchange(bench.edge.url, "\r\n".join([*lines, "", ""]).encode())


@pytest.mark.parametrize("path", ["/api/v1/assets/{}", "/api/v1/asset/{}/", "/api/v1/assets/{}?v=2&cache=no"])
async def test_rows(bench: Bench, path: str) -> None:
    for name, row in ROWS.items():
        status, headers, body = await ask(bench, row, path.format(row.object_id))
        told = {
            "status": status,
            "x-cache": headers.get("x-cache"),
            "x-data-source": headers.get("x-data-source"),
            "cache-status": headers.get("cache-status"),
            "cache-control": headers.get("cache-control"),
            "content-type": headers.get("content-type"),
            "accept-ranges": headers.get("accept-ranges"),
            "content-disposition": headers.get("content-disposition"),
            "content-range": headers.get("content-range"),
            "etag": headers.get("etag"),
            "content-security-policy": headers.get("content-security-policy"),
            "content-length": headers.get("content-length"),
        }
        is_head = row.method == "HEAD"
        length = str(len(body)) if row.message else None if row.length is None else str(row.length)
        expected = {
            "status": row.status,
            "x-cache": row.cache,
            "x-data-source": row.source,
            "cache-status": row.cache_status,
            "cache-control": row.cache_control,
            "content-type": row.content_type,
            "accept-ranges": row.accept_ranges,
            "content-disposition": row.disposition,
            "content-range": row.content_range,
            "etag": etag_of(row.object_id) if row.etag else None,
            "content-security-policy": row.policy,
            "content-length": length,
        }
        assert told == expected, name
        assert headers["x-content-type-options"] == "nosniff", name
        assert headers["access-control-allow-origin"] == "*", name
        assert headers["timing-allow-origin"] == "*", name
        for exposed in ("x-cache", "x-data-source", "content-length", "content-range", "accept-ranges", "etag"):
            assert exposed in headers["access-control-expose-headers"], name
        assert not {"x-powered-by", "server", "last-modified", "transfer-encoding"} & set(headers), name
        if row.message:
            assert row.message.encode() in body, name
        elif is_head or row.status == 304:
            assert body == b"", name
        else:
            assert body == data_of(row.object_id)[row.first : row.first + (row.length or 0)], name


async def test_head_and_not_modified_have_no_effects(bench: Bench) -> None:
    for row in ROWS.values():
        if row.method == "HEAD" or row.status in {304, 404, 412, 421}:
            await ask(bench, row, f"/api/v1/assets/{row.object_id}")
    assert not bench.node.reads
    started = [asked for asked in bench.node.opened if not asked.facts_only]
    assert {asked.object_id for asked in started} <= {ABSENT, NOT_SERVED, NOT_ACCEPTED}, "those have nothing to start"
    await bench.edge.worker.report_accesses()
    assert not bench.node.accesses


async def test_the_type_stays_when_an_object_becomes_a_hit(bench: Bench) -> None:
    types = []
    for state in (pb.CACHE_STATE_MISS, pb.CACHE_STATE_PENDING, pb.CACHE_STATE_HIT):
        bench.node.states[MISS] = (state, pb.DATA_SOURCE_LOCAL)
        for method in ("HEAD", "GET"):
            _, headers, _ = await ask(bench, Row(MISS, 200, method=method), f"/api/v1/assets/{MISS}")
            types.append((headers["content-type"], headers["etag"]))
    assert types == [("video/mp4", etag_of(MISS))] * 6
