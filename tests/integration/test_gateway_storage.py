"""The storage API of the gateway, before a real gRPC node on a real socket."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from joygrpc.content import multihash_of_bytes
from tests.integration.gateway_peers import (
    BAG,
    Edge,
    Expected,
    ObjectFiles,
    StoragePeer,
    parse_response,
    raw_exchange,
    serving_edge,
    serving_node,
    unix_address,
)

DATA = bytes(range(256)) * 1000
LAST_MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"


@dataclass
class Bench:
    node: StoragePeer
    edge: Edge
    http: aiohttp.ClientSession

    def file(self, object_id: object) -> str:
        return f"{self.edge.url}/api/v1/files/{object_id}"

    def api(self, path: str) -> str:
        return f"{self.edge.url}/api/v1/{path}"


@contextlib.asynccontextmanager
async def bench_of(way: str, directory: Path) -> AsyncIterator[Bench]:
    files = ObjectFiles(directory / "objects", give_leases=way == "lease")
    files.root.mkdir()
    node = StoragePeer(files)
    address = "127.0.0.1:0" if way == "remote" else unix_address(directory)
    files.put(7, DATA, "video/mp4")
    files.put(8, b"")
    async with (
        serving_node(node, address) as target,
        serving_edge("storage", target, files.root, stall_timeout_s=1) as edge,
        aiohttp.ClientSession() as http,
    ):
        yield Bench(node, edge, http)


@pytest.fixture(params=["lease", "stream", "remote"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Every way that bytes can take."""
    async with bench_of(request.param, tmp_path) as bench:
        yield bench


@pytest.fixture(params=["stream", "remote"])
async def streaming_bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Bytes come by gRPC."""
    async with bench_of(request.param, tmp_path) as bench:
        yield bench


@pytest.fixture
async def local_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The node is on this machine."""
    async with bench_of("lease", tmp_path) as bench:
        yield bench


async def test_get_whole(bench: Bench) -> None:
    async with bench.http.get(bench.file(7)) as response:
        assert response.status == 200
        assert await response.read() == DATA
        headers = response.headers
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Content-Length"] == str(len(DATA))
    assert headers["ETag"] == f'"{multihash_of_bytes(DATA)}"'
    assert headers["Last-Modified"] == LAST_MODIFIED
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Disposition"] == "inline"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "etag" in headers["Access-Control-Expose-Headers"]
    assert headers["X-Request-Id"]
    assert "Server" not in headers
    assert "X-Powered-By" not in headers


async def test_unknown_type_and_empty_object(bench: Bench) -> None:
    async with bench.http.get(bench.file(8)) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert response.headers["Content-Length"] == "0"
    async with bench.http.get(bench.file(8), headers={"Range": "bytes=0-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == "bytes */0"


async def test_head_has_the_headers_of_get(bench: Bench) -> None:
    async with bench.http.get(bench.file(7)) as response:
        expected = {name.lower(): value for name, value in response.headers.items()}
    async with bench.http.head(bench.file(7), headers={"Range": "bytes=0-5"}) as response:
        assert response.status == 200
        found = {name.lower(): value for name, value in response.headers.items()}
    for varying in ("x-request-id", "date"):
        assert expected.pop(varying)
        assert found.pop(varying)
    assert found == expected


@pytest.mark.parametrize(
    ("header", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=100-", 206, 100, len(DATA) - 1),
        ("bytes=-5", 206, len(DATA) - 5, len(DATA) - 1),
        (f"bytes=-{len(DATA) * 2}", 206, 0, len(DATA) - 1),
        ("bytes=70000-140000", 206, 70000, 140000),
        ("bytes=10-99999999999", 206, 10, len(DATA) - 1),
        ("bytes=0-9,10-19", 206, 0, 19),
        ("bytes=0-9,20-29", 200, 0, len(DATA) - 1),
        ("bytes=5-1", 200, 0, len(DATA) - 1),
        ("items=0-5", 200, 0, len(DATA) - 1),
    ],
)
async def test_ranges(bench: Bench, header: str, status: int, first: int, last: int) -> None:
    async with bench.http.get(bench.file(7), headers={"Range": header}) as response:
        assert response.status == status
        assert await response.read() == DATA[first : last + 1]
        expected = f"bytes {first}-{last}/{len(DATA)}" if status == 206 else None
        assert response.headers.get("Content-Range") == expected


async def test_unsatisfiable_range(bench: Bench) -> None:
    async with bench.http.get(bench.file(7), headers={"Range": f"bytes={len(DATA)}-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{len(DATA)}"
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        message = "RangeNotSatisfiableError: Range Not Satisfiable"
        assert await response.json() == {"type": "files", "message": message}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "{etag}"}, 304),
        ({"If-None-Match": "W/{etag}"}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": "{etag}", "Cache-Control": "no-cache"}, 200),
        ({"If-Modified-Since": LAST_MODIFIED}, 304),
        ({"If-Modified-Since": "Tue, 14 Nov 2000 22:13:20 GMT"}, 200),
        ({"If-Unmodified-Since": "Tue, 14 Nov 2000 22:13:20 GMT"}, 412),
        ({"If-Match": '"other"'}, 412),
        ({"If-Match": "{etag}"}, 200),
        ({"If-Range": "{etag}", "Range": "bytes=0-1"}, 206),
        ({"If-Range": '"other"', "Range": "bytes=0-1"}, 200),
        ({"If-Range": LAST_MODIFIED, "Range": "bytes=0-1"}, 206),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_conditions(bench: Bench, method: str, headers: dict[str, str], status: int) -> None:
    etag = f'"{multihash_of_bytes(DATA)}"'
    sent = {name: value.replace("{etag}", etag) for name, value in headers.items()}
    wanted = 200 if method == "HEAD" and status == 206 else status
    async with bench.http.request(method, bench.file(7), headers=sent) as response:
        assert response.status == wanted
        body = await response.read()
        if wanted == 304:
            assert response.headers["ETag"] == etag
            assert not {"Content-Type", "Content-Length"} & set(response.headers)
        if wanted == 412 and method == "GET":
            message = "PreconditionFailedError: Precondition Failed"
            assert json.loads(body) == {"type": "files", "message": message}
        if method == "HEAD" or wanted == 304:
            assert body == b""


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("9", 404, {"type": "files", "message": "File not found."}),
        ("007", 404, {"type": "files", "message": "File not found."}),
        ("99999999999999999999", 404, {"type": "files", "message": "File not found."}),
        ("abc", 400, {"type": "request_exception", "message": r'request.params.id should match pattern "^\d+$"'}),
        (
            "..%2f..%2fetc%2fhostname",
            400,
            {"type": "request_exception", "message": r'request.params.id should match pattern "^\d+$"'},
        ),
    ],
)
async def test_refused_ids(bench: Bench, name: str, status: int, body: dict[str, str]) -> None:
    async with bench.http.get(aiohttp.client.URL(bench.file(name), encoded=True)) as response:
        assert (response.status, await response.json()) == (status, body)
        assert response.headers["Cache-Control"] == "no-store"
    async with bench.http.head(aiohttp.client.URL(bench.file(name), encoded=True)) as response:
        assert (response.status, await response.read()) == (status, b"")


async def test_a_node_that_fails_before_the_first_byte_gives_an_error(streaming_bench: Bench) -> None:
    bench = streaming_bench
    bench.node.break_reads_after = 0
    async with bench.http.get(bench.file(7)) as response:
        assert response.status == 502
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert await response.json() == {"type": "exception", "message": "the disk is gone"}


async def test_a_node_that_fails_in_the_middle_cuts_the_answer(streaming_bench: Bench) -> None:
    bench = streaming_bench
    bench.node.break_reads_after = 2
    async with bench.http.get(bench.file(7)) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    bench.node.break_reads_after = None
    async with bench.http.get(bench.file(7)) as response:
        assert await response.read() == DATA


def form(data: bytes = b"hello", **fields: str) -> aiohttp.FormData:
    body = aiohttp.FormData()
    for name, value in fields.items():
        body.add_field(name, value)
    body.add_field("file", data, filename="x.bin")
    return body


def expect(bench: Bench, object_id: int, data: bytes) -> None:
    bench.node.expected[object_id] = Expected(len(data), multihash_of_bytes(data))


PARAMETERS = {"dataObjectId": "20", "storageBucketId": "0", "bagId": BAG}


@pytest.mark.parametrize("style", ["query", "fields", "mixed", "file first"])
@pytest.mark.parametrize("size", [0, 5, 3 << 20])
async def test_upload_styles(bench: Bench, style: str, size: int) -> None:
    data = os.urandom(size)
    expect(bench, 20, data)
    query: dict[str, str] = {}
    if style == "query":
        query, body = PARAMETERS, form(data)
    elif style == "fields":
        body = form(data, **PARAMETERS)
    elif style == "mixed":
        query = {"bagId": BAG}
        body = form(data, dataObjectId="20", storageBucketId="0", note="means nothing")
    else:
        body = form(data)
        for name, value in PARAMETERS.items():
            body.add_field(name, value)
    async with bench.http.post(
        bench.api("files"), params=query, data=body, headers={"x-api-key": "a-token"}
    ) as response:
        assert (response.status, await response.json()) == (201, {"id": multihash_of_bytes(data)})
    (start,) = bench.node.starts
    assert (start.object_id, start.storage_bucket_id, start.bag_id, start.token) == (20, 0, BAG, "a-token")
    assert start.client_address == "127.0.0.1"
    async with bench.http.get(bench.file(20)) as response:
        assert await response.read() == data


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        (
            {"storageBucketId": "9"},
            503,
            {"type": "upload", "message": "Error: Server is not accepting uploads into this bucket"},
        ),
        ({"bagId": "dynamic:x:1"}, 400, {"type": "upload", "message": "Error: Invalid dynamic bagId: dynamic:x:1"}),
        (
            {"dataObjectId": "7"},
            400,
            {"type": "upload", "message": "Error: Data object 7 already exists (in storage)"},
        ),
        (
            {"dataObjectId": "21"},
            400,
            {"type": "upload", "message": f"Error: Data object 21 doesn't exist in storage bag {BAG}"},
        ),
        (
            {"dataObjectId": "x"},
            400,
            {"type": "request_exception", "message": r'request.query.dataObjectId should match pattern "^\d+$"'},
        ),
        ({"extra": "1"}, 400, {"type": "request_exception", "message": "Unknown query parameter 'extra'"}),
    ],
)
async def test_upload_refusals_of_query(bench: Bench, query: dict[str, str], status: int, body: dict[str, str]) -> None:
    expect(bench, 20, b"hello")
    async with bench.http.post(bench.api("files"), params=PARAMETERS | query, data=form()) as response:
        assert (response.status, await response.json()) == (status, body)
    assert bench.node.files.ids() == [7, 8]


async def test_upload_refusals_of_forms(bench: Bench) -> None:
    async with bench.http.post(bench.api("files"), data=form(dataObjectId="x", bagId=BAG)) as response:
        message = (
            "request.body should have required property 'storageBucketId', "
            r'request.body.dataObjectId should match pattern "^\d+$"'
        )
        assert (response.status, await response.json()) == (400, {"type": "request_exception", "message": message})
    async with bench.http.post(bench.api("files"), params={"bagId": BAG}, data=form()) as response:
        assert (await response.json())["message"].startswith("request.query should have required property")
    expect(bench, 20, b"hello")
    no_file = aiohttp.FormData()
    no_file.add_field("a", "b", content_type="text/plain")
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=no_file) as response:
        expected = {"type": "upload", "message": "Error: No file uploaded"}
        assert (response.status, await response.json()) == (400, expected)
    two = form()
    two.add_field("second", b"again", filename="y")
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=two) as response:
        expected = {"type": "request_exception", "message": "Too many files"}
        assert (response.status, await response.json()) == (413, expected)
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=form(b"hellO")) as response:
        assert (response.status, (await response.json())["type"]) == (400, "upload")
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=form(b"hello!" * 200_000)) as response:
        size = "Error: File size doesn't match the data object's size for data object ID = 20"
        assert (response.status, await response.json()) == (400, {"type": "upload", "message": size})
    long_field = form(note="x", bagId="y" * 5000)
    async with bench.http.post(bench.api("files"), data=long_field) as response:
        assert response.status == 413
    assert bench.node.files.ids() == [7, 8]
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=form()) as response:
        assert response.status == 201


@pytest.mark.parametrize(
    ("content_type", "status", "message"),
    [
        ("text/plain", 415, "unsupported media type text/plain"),
        (None, 415, "unsupported media type undefined"),
        ("multipart/form-data", 400, "multipart file(s) required"),
        ("application/json", 415, "unsupported media type application/json"),
    ],
)
async def test_upload_media_types(bench: Bench, content_type: str | None, status: int, message: str) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    async with bench.http.post(
        bench.api("files"), params=PARAMETERS, data=b"x", headers=headers, skip_auto_headers=["Content-Type"]
    ) as response:
        assert (response.status, await response.json()) == (status, {"type": "request_exception", "message": message})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"garbage", "too early"),
        (b"", "too early"),
        (b"--b\r\nContent-Disposition: form-data; filename=x\r\n\r\nhello", "too early"),
        (b"--bXYZ\r\n\r\n", "Malformed multipart"),
    ],
)
async def test_broken_multipart(bench: Bench, body: bytes, reason: str) -> None:
    expect(bench, 20, b"hello")
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=body, headers=headers) as response:
        assert response.status == 400
        assert reason in (await response.json())["message"]
    assert 20 not in bench.node.files.ids()


async def test_too_large_upload_is_refused_by_its_length(bench: Bench) -> None:
    bench.node.max_object_size = 10
    expect(bench, 20, b"hello")
    async with bench.http.post(bench.api("files"), params=PARAMETERS, data=form(b"x" * (3 << 20))) as response:
        expected = {"type": "request_exception", "message": "File too large"}
        assert (response.status, await response.json()) == (413, expected)


def upload_head(bench: Bench, length: int, *extra: str, object_id: int = 20) -> bytes:
    host = bench.edge.url.removeprefix("http://")
    lines = [
        f"POST /api/v1/files?dataObjectId={object_id}&storageBucketId=0&bagId={BAG} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {length}",
        *extra,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


PART_HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'


async def test_a_refused_upload_is_answered_before_the_body(local_bench: Bench) -> None:
    request = upload_head(local_bench, 1 << 30, "Expect: 100-continue", object_id=404)
    status, headers, body = await raw_exchange(local_bench.edge.url, request)
    assert status == 400
    assert headers["connection"] == "close"
    assert json.loads(body)["type"] == "upload"


async def test_expect_continue(bench: Bench) -> None:
    expect(bench, 20, b"hello")
    body = PART_HEAD + b"hello\r\n--b--\r\n"
    host, port = bench.edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(upload_head(bench, len(body), "Expect: 100-continue", "Connection: close"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    status, _, answer = parse_response(await reader.read())
    writer.close()
    assert (status, json.loads(answer)) == (201, {"id": multihash_of_bytes(b"hello")})


async def test_a_client_that_goes_away_aborts_its_upload(bench: Bench) -> None:
    expect(bench, 20, bytes(4 << 20))
    host, port = bench.edge.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(upload_head(bench, 4 << 20) + PART_HEAD + bytes(2 << 20))
    await writer.drain()
    await asyncio.wait_for(bench.node.received.wait(), 5)
    writer.close()
    await asyncio.wait_for(bench.node.aborted.wait(), 5)
    assert 20 not in bench.node.files.ids()


async def test_a_client_that_stalls_is_refused(bench: Bench) -> None:
    expect(bench, 20, bytes(100))
    request = upload_head(bench, 1000, "Connection: close") + PART_HEAD + b"some"
    host, port = bench.edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 8)
    writer.close()
    assert b" 408 " in head


async def test_token(bench: Bench) -> None:
    data = {"memberId": 0, "accountId": "5G", "dataObjectId": 7, "storageBucketId": 0, "bagId": "static:council"}
    async with bench.http.post(bench.api("authToken"), json={"data": data, "signature": "0xgood"}) as response:
        expected = {"type": "request_exception", "message": "not found"}
        assert (response.status, await response.json()) == (404, expected)
    bench.node.tokens_on = True
    async with bench.http.post(bench.api("authToken"), json={"data": data, "signature": "0xgood"}) as response:
        assert response.status == 201
        assert (await response.json())["token"] == "token:" + json.dumps(data, separators=(",", ":"))
    async with bench.http.post(bench.api("authToken"), json={"data": data, "signature": "0xbad"}) as response:
        expected = {"type": "authtoken", "message": "Error: Invalid upload token request signature."}
        assert (response.status, await response.json()) == (401, expected)
    async with bench.http.post(bench.api("authToken"), json={"data": data | {"memberId": "0"}}) as response:
        message = "request.body should have required property 'signature', request.body.data.memberId should be integer"
        assert (response.status, (await response.json())["message"]) == (400, message)
    headers = {"Content-Type": "application/json"}
    async with bench.http.post(bench.api("authToken"), data=b"{", headers=headers) as response:
        assert (response.status, (await response.json())["type"]) == (400, "request_exception")
    async with bench.http.post(bench.api("authToken"), data=b"x") as response:
        assert response.status == 415
    async with bench.http.post(bench.api("authToken"), data=b"[" * 200_000, headers=headers) as response:
        assert response.status == 413


async def test_state(bench: Bench) -> None:
    async with bench.http.get(bench.api("state/data-objects")) as response:
        assert await response.json() == ["7", "8"]
        etag = response.headers["ETag"]
        assert etag.startswith("W/")
    async with bench.http.get(bench.api("state/data-objects"), headers={"If-None-Match": etag}) as response:
        assert response.status == 304
    async with bench.http.get(bench.api("state/bags/dynamic%3Achannel%3A1/data-objects")) as response:
        assert await response.json() == ["7", "8"]
    async with bench.http.get(bench.api("state/bags/nonsense/data-objects")) as response:
        expected = {"type": "data_objects_by_bag", "message": "Error: Invalid bagId: nonsense"}
        assert (response.status, await response.json()) == (400, expected)
    async with bench.http.get(bench.api("state/data")) as response:
        assert await response.json() == {
            "totalSize": len(DATA),
            "objectNumber": 2,
            "tempDownloads": 0,
            "tempDirSize": 0,
            "pendingObjects": 1,
            "pendingDirSize": 5,
        }


@pytest.mark.parametrize("pages", [[], [[]], [[1], [2, 3], [], [4]], [list(range(10_000)), [10_000]]])
async def test_long_lists_are_streamed(bench: Bench, pages: list[list[int]]) -> None:
    bench.node.pages = pages
    async with bench.http.get(bench.api("state/data-objects")) as response:
        assert await response.json() == [str(number) for page in pages for number in page]


async def test_version_and_status(bench: Bench) -> None:
    async with bench.http.get(bench.api("version")) as response:
        body = await response.json()
        assert body["version"] == "9.8.7"
        assert body["userAgent"].startswith("storage-node/9.8.7 linux-")
    async with bench.http.get(bench.api("Status/")) as response:
        body = await response.json()
    assert body["uploadBuckets"] == ["0"]
    assert body["downloadBuckets"] == ["0", "2"]
    assert body["uptime"] == 61
    assert body["sync"] == {"enabled": True, "interval": 1.5}
    assert body["cleanup"]["interval"] == 10
    assert body["queryNodeStatus"]["blocksProcessed"] == 41


async def test_unknown_paths_and_methods(bench: Bench) -> None:
    for path in ("/api/v1/nothing", "/nothing", "/api/v1/files/7/x", "/api/v1/files/7//"):
        async with bench.http.get(bench.edge.url + path) as response:
            expected = {"type": "request_exception", "message": "not found"}
            assert (response.status, await response.json()) == (404, expected)
    async with bench.http.put(bench.file(7)) as response:
        expected = {"type": "request_exception", "message": "PUT method not allowed"}
        assert (response.status, await response.json()) == (405, expected)
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    async with bench.http.get(f"{bench.edge.url}/API/v1/FILES/7/") as response:
        assert response.status == 200


async def test_preflight(bench: Bench) -> None:
    asked = {"Origin": "http://x", "Access-Control-Request-Headers": "x-api-key,range"}
    for path in ("/api/v1/files", "/anything"):
        async with bench.http.options(bench.edge.url + path, headers=asked) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert response.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
            assert response.headers["Access-Control-Allow-Headers"] == "x-api-key,range"
            assert response.headers["Vary"] == "Access-Control-Request-Headers"


async def test_request_ids(bench: Bench) -> None:
    async with bench.http.get(bench.api("version"), headers={"X-Request-Id": "my-id.1"}) as response:
        assert response.headers["X-Request-Id"] == "my-id.1"
    async with bench.http.get(bench.api("version"), headers={"X-Request-Id": "not well formed"}) as response:
        assert response.headers["X-Request-Id"] != "not well formed"


async def test_what_is_not_http(bench: Bench) -> None:
    status, headers, body = await raw_exchange(bench.edge.url, b"\x16\x03\x01 nonsense\r\n\r\n")
    assert status == 400
    assert json.loads(body) == {"type": "request_exception", "message": "Malformed HTTP request"}
    assert "aiohttp" not in headers.get("server", "")
