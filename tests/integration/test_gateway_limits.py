"""Bounds of the gateway, and clients that are not as they should be."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from joygrpc.content import multihash_of_bytes
from joygrpc.telemetry import REQUEST_ID_METADATA
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
    until,
)

DATA = bytes(range(256)) * 4000
PARAMETERS = {"dataObjectId": "20", "storageBucketId": "0", "bagId": BAG}


class Listening(StoragePeer):
    """A node that notes the metadata of calls."""

    def __init__(self, files: ObjectFiles) -> None:
        super().__init__(files)
        self.request_ids: list[str] = []

    async def GetStatus(self, request, context):
        self.request_ids += [v for k, v in context.invocation_metadata() if k == REQUEST_ID_METADATA]
        return await super().GetStatus(request, context)


@dataclass
class Bench:
    node: Listening
    edge: Edge

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.edge.url.removeprefix("http://").split(":")
        return host, int(port)

    def upload_url(self) -> str:
        return f"{self.edge.url}/api/v1/files"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    files = ObjectFiles(tmp_path)
    node = Listening(files)
    files.put(7, DATA)
    async with (
        serving_node(node, unix_address(tmp_path)) as target,
        serving_edge(
            "storage", target, tmp_path, max_connections=3, max_concurrent_uploads=1, stall_timeout_s=5
        ) as edge,
    ):
        yield Bench(node, edge)


def form(data: bytes) -> aiohttp.FormData:
    body = aiohttp.FormData()
    body.add_field("file", data, filename="x")
    return body


async def test_too_many_connections(bench: Bench) -> None:
    held = [await asyncio.open_connection(*bench.address) for _ in range(3)]
    for _, writer in held:
        writer.write(b"HEAD /api/v1/files/7 HTTP/1.1\r\nHost: x\r\n\r\n")
    for reader, _ in held:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    for kept_alive in (b"", b"\r\nConnection: keep-alive"):
        request = b"GET /api/v1/files/7 HTTP/1.1\r\nHost: x" + kept_alive + b"\r\n\r\n"
        status, headers, body = await raw_exchange(bench.edge.url, request)
        expected = {"type": "unavailable", "message": "Too many connections at the moment"}
        assert (status, headers["retry-after"], json.loads(body)) == (503, "2", expected)
    held.pop()[1].close()

    async def works() -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.head(f"{bench.edge.url}/api/v1/files/7") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async with asyncio.timeout(5):
        while not await works():
            pass
    for _, writer in held:
        writer.close()


async def test_too_many_uploads(bench: Bench) -> None:
    bench.node.expected[20] = Expected(len(DATA), multihash_of_bytes(DATA))
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + DATA
        await go_on.wait()
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(
            http.post(bench.upload_url(), params=PARAMETERS, data=body(), headers=headers).__aenter__()
        )
        await bench.node.received.wait()
        async with http.post(bench.upload_url(), params=PARAMETERS, data=form(DATA)) as response:
            assert response.status == 503
            assert (await response.json())["message"] == "Error: Too many uploads at the moment"
        go_on.set()
        assert (await first).status == 201


async def test_long_request_lines_and_headers(bench: Bench) -> None:
    for request in (
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n",
    ):
        status, _, body = await raw_exchange(bench.edge.url, request)
        assert status == 400
        assert json.loads(body)["type"] == "request_exception"


async def test_http_1_0(bench: Bench) -> None:
    bench.node.pages = [[1], [2]]
    for path, expected in (("/api/v1/files/7", DATA), ("/api/v1/state/data-objects", b'["1","2"]')):
        status, headers, body = await raw_exchange(bench.edge.url, f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert (status, body) == (200, expected)
        assert "transfer-encoding" not in headers


async def test_pipelined_requests_are_answered_in_order(bench: Bench) -> None:
    request = b"GET /api/v1/files/%s HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n%b\r\n"
    parts = [(0, 9), (100, 199), (5, 5)]
    sent = b"".join(request % (b"7", first, last, b"") for first, last in parts)
    reader, writer = await asyncio.open_connection(*bench.address)
    writer.write(sent + request % (b"9", 0, 1, b"Connection: close\r\n"))
    for first, last in parts:
        status, headers, _ = parse_response(await reader.readuntil(b"\r\n\r\n"))
        assert status == 206
        assert await reader.readexactly(int(headers["content-length"])) == DATA[first : last + 1]
    assert parse_response(await reader.read())[0] == 404
    writer.close()


async def test_the_connection_lives_on_after_refusals(bench: Bench) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http:
        for path, status in (("files/9", 404), ("files/x", 400), ("nothing", 404), ("files/7", 200)):
            async with http.get(f"{bench.edge.url}/api/v1/{path}") as response:
                assert response.status == status
                await response.read()
        assert len(bench.edge.worker.public._connections.open) == 1


async def test_encoded_bodies_are_refused(bench: Bench) -> None:
    headers = {"Content-Encoding": "gzip"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(bench.upload_url(), params=PARAMETERS, data=form(b"x"), headers=headers) as response,
    ):
        assert response.status == 415


async def test_texts_that_are_no_unicode(bench: Bench) -> None:
    path = "/api/v1/files?dataObjectId=1&storageBucketId=0&bagId=%ff%fe"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nx-api-key: "
    )
    status, _, _ = await raw_exchange(bench.edge.url, head.encode() + b"\xff\xfe\r\n\r\n")
    assert status == 400
    status, _, _ = await raw_exchange(
        bench.edge.url, b"GET /api/v1/state/bags/%ff/data-objects HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert status == 400


async def test_the_request_id_reaches_the_node(bench: Bench) -> None:
    headers = {"X-Request-Id": "from-outside"}
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{bench.edge.url}/api/v1/status", headers=headers) as response,
    ):
        assert response.status == 200
    assert bench.node.request_ids == ["from-outside"]


async def test_nothing_is_left_open_by_clients_that_go(bench: Bench) -> None:
    bench.node.files.put(8, bytes(32 << 20))
    async with aiohttp.ClientSession() as http, http.get(f"{bench.edge.url}/api/v1/files/8") as response:
        await response.read()
    lease = bench.edge.worker.leases.lookup(8)
    assert lease is not None
    open_connections = bench.edge.worker.public._connections.open
    await until(lambda: not open_connections)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as many as the kernel says
    for _ in range(20):
        reader, writer = await asyncio.open_connection(*bench.address)
        writer.write(b"GET /api/v1/files/8 HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(100)
        writer.transport.abort()
        await until(lambda: not open_connections)
    await until(lambda: not lease._holders)
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 - as above


async def test_a_node_that_is_away(tmp_path: Path) -> None:
    async with (
        serving_edge("storage", "127.0.0.1:1", None) as edge,
        aiohttp.ClientSession() as http,
    ):
        for path in ("files/7", "status", "state/data-objects", "state/data", "version"):
            async with http.get(f"{edge.url}/api/v1/{path}") as response:
                expected = {"type": "unavailable", "message": "The node cannot be reached"}
                assert (response.status, await response.json()) == (503, expected)
                assert response.headers["Retry-After"] == "2"
        async with http.post(f"{edge.url}/api/v1/files", params=PARAMETERS, data=form(b"x")) as response:
            assert response.status == 503
