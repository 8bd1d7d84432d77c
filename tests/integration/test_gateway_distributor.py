"""The distributor's and its operator's API of the gateway, before a real gRPC node on a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.worker import running_worker
from joygrpc.content import multihash_of_bytes
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as pb
from joygrpc.supervisor import bind_listener, url_of
from tests.integration.gateway_peers import (
    DistributorPeer,
    Edge,
    ObjectFiles,
    gateway_config,
    is_refused,
    operator_token,
    raw_exchange,
    serving_edge,
    serving_node,
    unix_address,
    until,
)

DATA = bytes(range(256)) * 1000
ETAG = f'"{multihash_of_bytes(DATA)}"'
STATES = {
    "hit": (pb.CACHE_STATE_HIT, pb.DATA_SOURCE_LOCAL),
    "pending": (pb.CACHE_STATE_PENDING, pb.DATA_SOURCE_LOCAL),
    "miss": (pb.CACHE_STATE_MISS, pb.DATA_SOURCE_LOCAL),
    "past the cache": (pb.CACHE_STATE_MISS, pb.DATA_SOURCE_EXTERNAL),
}


@dataclass
class Bench:
    node: DistributorPeer
    edge: Edge
    http: aiohttp.ClientSession

    def asset(self, object_id: object) -> str:
        return f"{self.edge.url}/api/v1/assets/{object_id}"

    def api(self, path: str) -> str:
        return f"{self.edge.url}/api/v1/{path}"

    async def operate(
        self, route: str, body: object = None, *, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, object]:
        """Status and body of a request that is signed unless headers are given."""
        path = f"/api/v1/{route}"
        if headers is None:
            headers = {"Authorization": f"Bearer {operator_token(path, {} if body is None else body)}"}
        sent = {"json": body} if body is not None else {"data": data}
        async with self.http.post(self.edge.operator_url + path, headers=headers, **sent) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None


@contextlib.asynccontextmanager
async def bench_of(way: str, directory: Path) -> AsyncIterator[Bench]:
    files = ObjectFiles(directory / "objects", give_leases=way == "lease")
    files.root.mkdir()
    node = DistributorPeer(files)
    address = "127.0.0.1:0" if way == "remote" else unix_address(directory)
    files.put(7, DATA, "video/mp4")
    files.put(8, b"")
    async with (
        serving_node(node, address) as target,
        serving_edge("distributor", target, files.root, stall_timeout_s=1) as edge,
        aiohttp.ClientSession() as http,
    ):
        yield Bench(node, edge, http)


@pytest.fixture(params=["lease", "stream", "remote"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Every way that bytes can take."""
    async with bench_of(request.param, tmp_path) as bench:
        yield bench


@pytest.fixture
async def local_bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The node is on this machine, and gives leases."""
    async with bench_of("lease", tmp_path) as bench:
        yield bench


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("path", ["assets", "asset"])
async def test_get(bench: Bench, state: str, path: str) -> None:
    bench.node.states[7] = STATES[state]
    async with bench.http.get(bench.api(f"{path}/7")) as response:
        assert response.status == 200
        assert await response.read() == DATA
        headers = response.headers
    assert headers["X-Cache"] == ("miss" if state == "past the cache" else state)
    assert headers["X-Data-Source"] == ("external" if state == "past the cache" else "local")
    for_ever, brief = "public, max-age=31536000, immutable", "max-age=180, must-revalidate"
    assert headers["Cache-Control"] == (for_ever if state == "hit" else brief)
    assert headers["Content-Length"] == str(len(DATA))
    assert headers["Content-Type"] == "video/mp4"
    assert headers["ETag"] == ETAG
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Disposition"] == "inline"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["Timing-Allow-Origin"] == "*"
    assert headers["Access-Control-Expose-Headers"].startswith("x-cache, x-data-source, content-length")
    assert "Last-Modified" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize("state", STATES)
async def test_head_changes_nothing(bench: Bench, state: str) -> None:
    bench.node.states[7] = STATES[state]
    async with bench.http.head(bench.asset(7), headers={"Range": "bytes=0-1"}) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(DATA))
        assert response.headers["X-Cache"] == ("miss" if state == "past the cache" else state)
        assert response.headers["ETag"] == ETAG
        assert "X-Data-Source" not in response.headers
    (asked,) = bench.node.opened
    assert asked.facts_only
    assert not bench.node.reads


@pytest.mark.parametrize("state", ["hit", "pending", "miss"])
@pytest.mark.parametrize(
    ("header", "status", "first", "last"),
    [
        ("bytes=0-99", 206, 0, 99),
        ("bytes=100-199", 206, 100, 199),
        ("bytes=200000-", 206, 200000, len(DATA) - 1),
        ("bytes=-5", 206, len(DATA) - 5, len(DATA) - 1),
        ("bytes=0-1,2-5", 206, 0, 5),
        ("bytes=0-1,7-9", 200, 0, len(DATA) - 1),
        ("bytes=", 200, 0, len(DATA) - 1),
        ("garbage", 200, 0, len(DATA) - 1),
    ],
)
async def test_ranges(bench: Bench, state: str, header: str, status: int, first: int, last: int) -> None:
    bench.node.states[7] = STATES[state]
    async with bench.http.get(bench.asset(7), headers={"Range": header}) as response:
        assert response.status == status
        assert await response.read() == DATA[first : last + 1]
        assert response.headers["X-Cache"] == state
    for read in bench.node.reads:
        assert (read.offset, read.limit) == (first, last - first + 1)


async def test_the_node_is_told_where_to_begin(bench: Bench) -> None:
    bench.node.states[7] = STATES["miss"]
    for header, expected in (("bytes=500-599", (500, 100)), ("bytes=500-", (500, 0)), ("bytes=-1", (0, 0))):
        async with bench.http.get(bench.asset(7), headers={"Range": header}) as response:
            await response.read()
        assert (bench.node.opened[-1].offset, bench.node.opened[-1].limit) == expected


@pytest.mark.parametrize("state", ["hit", "miss"])
async def test_refusals_of_ranges_and_preconditions(bench: Bench, state: str) -> None:
    bench.node.states[7] = STATES[state]
    async with bench.http.get(bench.asset(7), headers={"Range": f"bytes={len(DATA)}-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{len(DATA)}"
        message = "RangeNotSatisfiableError: Range Not Satisfiable"
        assert await response.json() == {"type": "sendstream_error", "message": message}
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.headers["X-Cache"] == state
    async with bench.http.get(bench.asset(7), headers={"If-Match": '"x"'}) as response:
        message = "PreconditionFailedError: Precondition Failed"
        expected = {"type": "sendstream_error", "message": message}
        assert (response.status, await response.json()) == (412, expected)
    assert not bench.node.reads


async def test_conditional_requests_start_no_fill(bench: Bench) -> None:
    bench.node.states[7] = STATES["miss"]
    async with bench.http.get(bench.asset(7), headers={"If-None-Match": ETAG}) as response:
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers["ETag"] == ETAG
        assert "Content-Length" not in response.headers
    assert all(asked.facts_only for asked in bench.node.opened)
    assert not bench.node.reads
    async with bench.http.get(bench.asset(7), headers={"If-None-Match": '"x"'}) as response:
        assert await response.read() == DATA
        assert response.headers["X-Cache"] == "pending", "whose fill it is, the reading tells"
    async with bench.http.get(bench.asset(7), headers={"If-Unmodified-Since": "Tue, 14 Nov 2000 22:13:20 GMT"}) as one:
        assert one.status == 200, "there is no Last-Modified to compare with"


async def test_the_media_type_may_be_known_only_while_reading(bench: Bench) -> None:
    bench.node.files.put(9, b"\x89PNG" * 10, "")
    bench.node.states[9] = STATES["miss"]
    bench.node.media_types_while_reading[9] = "image/png"
    async with bench.http.get(bench.asset(9)) as response:
        assert response.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    ("reason", "status", "body"),
    [
        ("ASSET_NOT_FOUND", 404, {"message": "Data object does not exist"}),
        ("OBJECT_NOT_FOUND", 404, {"message": "Data object does not exist"}),
        ("ASSET_NOT_ACCEPTED", 404, {"message": "Data object has not been uploaded yet"}),
        ("ASSET_NOT_SERVED", 421, {"message": "Data object not served by this node"}),
        ("NO_SOURCE", 502, {"type": "exception", "message": "NO_SOURCE"}),
        ("CACHE_FULL", 503, {"type": "exception", "message": "CACHE_FULL"}),
        ("QUERY_NODE_UNAVAILABLE", 503, {"type": "exception", "message": "QUERY_NODE_UNAVAILABLE"}),
        ("SOURCE_STALLED", 504, {"type": "exception", "message": "SOURCE_STALLED"}),
        ("INTERNAL", 500, {"type": "exception", "message": "Internal error"}),
    ],
)
async def test_refusals_of_the_node(bench: Bench, reason: str, status: int, body: dict[str, str]) -> None:
    bench.node.refusals[7] = reason
    async with bench.http.get(bench.asset(7)) as response:
        assert (response.status, await response.json()) == (status, body)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Timing-Allow-Origin"] == "*"
        assert "X-Cache" not in response.headers
        assert ("Retry-After" in response.headers) == (status in {502, 503, 504})
    async with bench.http.head(bench.asset(7)) as response:
        assert (response.status, await response.read()) == (status, b"")


async def test_a_source_that_fails(bench: Bench) -> None:
    bench.node.states[7] = STATES["miss"]
    bench.node.fail_reads = "SOURCE_FAILED"
    async with bench.http.get(bench.asset(7)) as response:
        assert response.status == 502
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    bench.node.fail_reads = ""
    bench.node.break_reads_after = 1
    async with bench.http.get(bench.asset(7)) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


@pytest.mark.parametrize("name", ["a1b", "+7", "18446744073709551616", "..%2fx1", "7.0"])
async def test_invalid_ids(bench: Bench, name: str) -> None:
    async with bench.http.get(aiohttp.client.URL(bench.asset(name), encoded=True)) as response:
        body = await response.json()
    assert response.status == 400
    assert body["type"] == "request_validation"
    (violation,) = body["errors"]
    assert violation["path"] == ".params.objectId"
    assert violation["errorCode"] in {"pattern.openapi.validation", "maximum.openapi.validation"}


async def test_other_requests(bench: Bench) -> None:
    async with bench.http.get(bench.asset("007")) as response:
        assert response.status == 404
    async with bench.http.get(bench.asset(7), params={"cache-buster": "1"}) as response:
        assert response.status == 200
    async with bench.http.head(bench.api("status")) as response:
        assert response.status == 405
    async with bench.http.post(bench.asset(7)) as response:
        assert response.status == 405
        message = "POST method not allowed"
        errors = [{"path": "/api/v1/assets/7", "message": message}]
        assert await response.json() == {"type": "request_validation", "message": message, "errors": errors}
    async with bench.http.get(bench.api("nothing")) as response:
        assert (response.status, (await response.json())["message"]) == (404, "not found")
    async with bench.http.get(bench.asset(8)) as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_status_and_buckets(bench: Bench) -> None:
    async with bench.http.get(bench.api("status/")) as response:
        body = await response.json()
    assert body["id"] == "node-1"
    assert body["workerId"] == 5
    assert body["queryNodeStatus"]["chainHead"] == 42
    assert "nodeEnv" in body
    async with bench.http.get(bench.api("buckets")) as response:
        assert await response.json() == {"allByWorkerId": 5}


async def test_documents(bench: Bench) -> None:
    for root in (bench.edge.url, bench.edge.operator_url):
        async with bench.http.get(f"{root}/openapi.json") as response:
            assert (await response.json())["openapi"].startswith("3.")
        async with bench.http.get(f"{root}/docs") as response:
            assert response.content_type == "text/html"
            assert "http://" not in (await response.text()).replace("http://query", "")
        async with bench.http.get(f"{root}/") as response:
            assert (await response.json())["documentation"] == "/docs"


# ---- leases


async def test_hits_need_no_call_and_are_reported(local_bench: Bench) -> None:
    bench = local_bench
    for _ in range(3):
        async with bench.http.get(bench.asset(7)) as response:
            assert await response.read() == DATA
    async with bench.http.get(bench.asset(7), headers={"Range": "bytes=5-9"}) as response:
        assert await response.read() == DATA[5:10]
    async with bench.http.head(bench.asset(7)) as response:
        assert response.headers["X-Cache"] == "hit"
    assert len(bench.node.opened) == 1
    await bench.edge.worker.report_accesses()
    (count,) = bench.node.accesses
    assert (count.object_id, count.uses, count.bytes) == (7, 3, 3 * len(DATA) + 5)


async def test_revoked_leases_are_not_used(local_bench: Bench) -> None:
    bench = local_bench
    await bench.http.get(bench.asset(7))
    bench.node.files.path(7).unlink()
    bench.node.files.put(7, b"other", "text/plain")
    async with bench.http.get(bench.asset(7)) as response:
        assert await response.read() == DATA, "an open descriptor stays right"
    await bench.node.hub.revoke(object_ids=[7])
    # Worker's news are in order, so that an answered change means that the revocation was taken in.
    assert await bench.node.hub.set_api(enabled=True)
    async with bench.http.get(bench.asset(7)) as response:
        assert await response.read() == b"other"
    assert len(bench.node.opened) == 2
    await bench.node.hub.revoke(everything=True)
    assert await bench.node.hub.set_api(enabled=True)
    assert len(bench.edge.worker.leases) == 0


async def test_a_slow_client_of_a_lease_is_cut_off(local_bench: Bench) -> None:
    bench = local_bench
    bench.node.files.put(10, bytes(64 << 20))
    host, port = bench.edge.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(f"GET /api/v1/assets/10 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await until(lambda: bench.edge.worker.leases.lookup(10))
    lease = bench.edge.worker.leases.lookup(10)
    assert lease is not None
    await until(lambda: not lease._holders)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await reader.readexactly(64 << 20)
    writer.close()


async def test_a_client_that_leaves_frees_the_lease(local_bench: Bench) -> None:
    bench = local_bench
    bench.node.files.put(10, bytes(64 << 20))
    async with bench.http.get(bench.asset(10)) as response:
        await response.content.readexactly(10)
        lease = bench.edge.worker.leases.lookup(10)
        assert lease is not None
        response.close()
    await until(lambda: not lease._holders)


# ---- the API's state


async def test_stop_and_start(local_bench: Bench) -> None:
    bench = local_bench
    assert not is_refused(bench.edge.url)
    # Leaves an idle connection in the client's pool, and a silent one.
    async with bench.http.get(bench.asset(8)) as response:
        assert response.status == 200
    host, port = bench.edge.url.removeprefix("http://").split(":")
    silent, writer = await asyncio.open_connection(host, int(port))
    assert await bench.operate("stop-api") == (200, None)
    assert is_refused(bench.edge.url)
    assert await asyncio.wait_for(silent.read(), 5) == b"", "idle connections are closed"
    writer.close()
    assert await bench.operate("stop-api", {}) == (409, {"message": "Already stopped"})
    assert await bench.operate("start-api") == (200, None)
    async with bench.http.get(bench.asset(7)) as response:
        assert response.status == 200
    assert await bench.operate("start-api") == (409, {"message": "Already started"})


async def test_running_answers_survive_a_stop(local_bench: Bench) -> None:
    bench = local_bench
    data = bytes(32 << 20)
    bench.node.files.put(10, data)
    async with bench.http.get(bench.asset(10)) as response:
        await response.content.readexactly(10)
        assert (await bench.operate("stop-api"))[0] == 200
        assert is_refused(bench.edge.url)
        assert len(await response.read()) == len(data) - 10


async def test_all_workers_stop_and_start_together(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.put(7, DATA)
    node = DistributorPeer(files)
    with bind_listener("127.0.0.1", 0) as shared, bind_listener("127.0.0.1", 0) as operator:
        url = url_of(shared)
        async with contextlib.AsyncExitStack() as stack:
            target = await stack.enter_async_context(serving_node(node, unix_address(tmp_path)))
            config = gateway_config("distributor", target, tmp_path)
            sockets = {"public": shared, "operator": operator}
            workers = [await stack.enter_async_context(running_worker(config, sockets)) for _ in range(3)]
            for _ in range(3):
                assert await node.hub.set_api(enabled=False)
                assert is_refused(url)
                assert await node.hub.set_api(enabled=True)
                async with aiohttp.ClientSession() as http, http.get(f"{url}/api/v1/assets/7") as response:
                    assert await response.read() == DATA
            assert url_of(shared) == url, "a port of the system's choice is kept"
            # One worker stops the socket before the others have heard of it: they let go, and come back.
            workers[0].public.close(refuse=True)
            await until(lambda: not any(worker.public.is_open for worker in workers))
            await until(lambda: workers[1].public.is_open and workers[2].public.is_open)
            async with aiohttp.ClientSession() as http, http.get(f"{url}/api/v1/assets/7") as response:
                assert response.status == 200


async def test_a_worker_that_starts_while_the_api_is_off_stays_closed(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    node = DistributorPeer(files)
    await node.hub.set_api(enabled=False)
    async with (
        serving_node(node, unix_address(tmp_path)) as target,
        serving_edge("distributor", target, tmp_path) as edge,
    ):
        assert is_refused(edge.url)
        assert await node.hub.set_api(enabled=True)
        assert not is_refused(edge.url)


async def test_a_node_that_comes_back(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.put(7, DATA)
    first, second = DistributorPeer(files), DistributorPeer(files)
    address = unix_address(tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        node_stack = await stack.enter_async_context(contextlib.AsyncExitStack())
        target = await node_stack.enter_async_context(serving_node(first, address))
        edge = await stack.enter_async_context(serving_edge("distributor", target, tmp_path))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"{edge.url}/api/v1/assets/7"
        async with http.get(url) as response:
            assert response.status == 200
        await node_stack.aclose()
        await until(lambda: not len(edge.worker.leases))
        async with http.get(url) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "2"
            body = await response.json()
            assert body == {"type": "exception", "message": "The node cannot be reached"}
        await stack.enter_async_context(serving_node(second, address))
        await until(lambda: second.hub.worker_count)
        async with http.get(url) as response:
            assert await response.read() == DATA


# ---- operator


async def test_worker_and_buckets(local_bench: Bench) -> None:
    bench = local_bench
    assert await bench.operate("set-buckets", {"buckets": ["0:1", "2:5"]}) == (200, None)
    async with bench.http.get(bench.api("buckets")) as response:
        assert await response.json() == {"bucketIds": ["0:1", "2:5"]}
    assert await bench.operate("set-buckets", {}) == (200, None)
    assert await bench.operate("set-worker", {"workerId": 9, "more": True}) == (200, None)
    async with bench.http.get(bench.api("buckets")) as response:
        assert await response.json() == {"allByWorkerId": 9}
    assert await bench.operate("shutdown") == (200, None)
    assert bench.node.shut_down.is_set()
    bench.node.shutting_down = True
    assert await bench.operate("stop-api") == (409, {"message": "Already shutting down"})


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("set-worker", {}, "request.body should have required property 'workerId'"),
        ("set-worker", {"workerId": -1}, "request.body.workerId should be >= 0"),
        ("set-worker", {"workerId": "1"}, "request.body.workerId should be integer"),
        ("set-worker", {"workerId": True}, "request.body.workerId should be integer"),
        ("set-worker", {"workerId": 2**64}, f"request.body.workerId should be <= {2**64 - 1}"),
        ("set-worker", [], "request.body should be object"),
        ("set-buckets", {"buckets": []}, "request.body.buckets should NOT have fewer than 1 items"),
        ("set-buckets", {"buckets": "all"}, "request.body.buckets should be array"),
        ("set-buckets", {"buckets": ["x"]}, 'request.body.buckets[0] should match pattern "^[0-9]+:[0-9]+$"'),
    ],
)
async def test_bodies_are_validated(local_bench: Bench, route: str, body: object, message: str) -> None:
    status, answer = await local_bench.operate(route, body)
    assert isinstance(answer, dict)
    assert (status, answer["type"], answer["message"]) == (400, "request_validation", message)
    assert answer["errors"][0]["message"] == message


STOP = "/api/v1/stop-api"


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        (None, "Authorization header required"),
        ("Basic eDp5", "Authorization header with scheme 'Bearer' required"),
        ("Bearer ", "Bearer token missing"),
        ("Bearer nonsense", "jwt malformed"),
        (lambda: operator_token(STOP, {}, secret="x" * 64), "invalid signature"),
        (lambda: operator_token(STOP, {}, exp=1), "jwt expired"),
        (lambda: operator_token(STOP, {}, iat=1), "maxAge exceeded"),
        (lambda: operator_token(STOP, {}, iat=None), "iat required when maxAge is specified"),
        (lambda: operator_token(STOP, {"a": 1}), "Invalid token: Request body does not match"),
        (lambda: operator_token("/api/v1/shutdown", {}), "Invalid token: Request url does not match"),
    ],
)
async def test_wrong_tokens(local_bench: Bench, authorization: str | Callable[[], str] | None, message: str) -> None:
    # A token is made when it is used: it is good for a minute.
    value = f"Bearer {authorization()}" if callable(authorization) else authorization
    headers = {} if value is None else {"Authorization": value}
    status, body = await local_bench.operate("stop-api", headers=headers)
    expected = {"type": "request_validation", "message": message, "errors": [{"path": STOP, "message": message}]}
    assert (status, body) == (401, expected)
    assert not is_refused(local_bench.edge.url)


async def test_tokens_come_before_bodies(local_bench: Bench) -> None:
    bench = local_bench
    status, _ = await bench.operate("set-worker", {"workerId": -1}, headers={"Authorization": "Bearer x.y.z"})
    assert status == 401
    assert (await bench.operate("set-worker", data=b"workerId=1"))[0] == 415
    bad_json = {"Content-Type": "application/json"}
    assert (await bench.operate("set-worker", data=b"{", headers=bad_json))[0] == 400
    for algorithm in ("HS384", "HS512"):
        token = operator_token(STOP, {}, algorithm=algorithm)
        assert (await bench.operate("stop-api", headers={"Authorization": f"bearer {token}"}))[0] in {200, 409}
    async with bench.http.get(f"{bench.edge.operator_url}{STOP}") as response:
        assert response.status == 405
    async with bench.http.post(f"{bench.edge.operator_url}/api/v1/nothing") as response:
        assert response.status == 404


async def test_a_query_string_is_part_of_the_signed_url(local_bench: Bench) -> None:
    host = local_bench.edge.operator_url.removeprefix("http://")
    for signed, wanted in ((f"{STOP}?a=%20b", 200), (STOP, 401)):
        token = operator_token(signed, {})
        request = (
            f"POST {STOP}?a=%20b HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        status, _, _ = await raw_exchange(local_bench.edge.operator_url, request.encode())
        assert status == wanted
