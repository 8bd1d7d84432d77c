"""The gateway under load: whose requests come, how many of them are served, how fast, and how long anybody may take."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import CapturingLogger

from gateway.metrics import BYTES_RECEIVED
from gateway.worker import Worker, running_worker
from joygrpc.content import multihash_of_bytes
from joygrpc.supervisor import bind_listener, url_of
from tests.integration.gateway_peers import (
    BAG,
    DistributorPeer,
    Edge,
    Expected,
    ObjectFiles,
    StoragePeer,
    gateway_config,
    is_refused,
    raw_exchange,
    serving_edge,
    serving_node,
    unix_address,
    until,
)

DATA = bytes(range(256)) * 1000
NOBODY_EXEMPT: dict[str, Any] = {"unlimited_clients": []}
BEHIND_A_PROXY: dict[str, Any] = {**NOBODY_EXEMPT, "trusted_proxies": ["127.0.0.1"]}


@contextlib.asynccontextmanager
async def storage(directory: Path, **limits: Any) -> AsyncIterator[tuple[StoragePeer, Edge]]:
    files = ObjectFiles(directory)
    files.put(7, DATA)
    node = StoragePeer(files)
    async with (
        serving_node(node, unix_address(directory)) as target,
        serving_edge("storage", target, directory, **limits) as edge,
    ):
        yield node, edge


@contextlib.asynccontextmanager
async def distributor(directory: Path, **limits: Any) -> AsyncIterator[tuple[DistributorPeer, Edge]]:
    files = ObjectFiles(directory)
    files.put(7, DATA)
    node = DistributorPeer(files)
    async with (
        serving_node(node, unix_address(directory)) as target,
        serving_edge("distributor", target, directory, **limits) as edge,
    ):
        yield node, edge


def forwarded(client: str) -> dict[str, str]:
    return {"X-Forwarded-For": client}


async def status_of(http: aiohttp.ClientSession, url: str, **options: Any) -> int:
    async with http.get(url, **options) as response:
        await response.read()
        return response.status


def upload_form(data: bytes) -> aiohttp.FormData:
    body = aiohttp.FormData()
    body.add_field("file", data, filename="x")
    return body


# ---- whose request it is


@pytest.mark.parametrize(
    ("options", "headers", "seen"),
    [
        ({}, forwarded("203.0.113.9"), "127.0.0.1"),
        ({"trusted_proxies": ["127.0.0.0/8"]}, forwarded("1.1.1.1, 203.0.113.9"), "203.0.113.9"),
        ({"trusted_proxies": ["127.0.0.0/8"]}, {"Forwarded": "for=203.0.113.9"}, "127.0.0.1"),
        (
            {"trusted_proxies": ["127.0.0.0/8"], "forwarded_header": "forwarded"},
            {"Forwarded": 'for="[2001:db8::9]:80"', **forwarded("203.0.113.9")},
            "2001:db8::9",
        ),
    ],
)
async def test_the_real_client_is_logged_and_told_to_the_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], headers: dict[str, str], seen: str
) -> None:
    access_log = CapturingLogger()
    monkeypatch.setattr("gateway.app.access_log", access_log)
    async with storage(tmp_path, **options) as (node, edge), aiohttp.ClientSession() as http:
        node.expected[20] = Expected(len(DATA), multihash_of_bytes(DATA))
        parameters = {"dataObjectId": "20", "storageBucketId": "0", "bagId": BAG}
        url = f"{edge.url}/api/v1/files"
        async with http.post(url, params=parameters, data=upload_form(DATA), headers=headers) as response:
            assert response.status == 201
        assert node.starts[0].client_address == seen
        await until(lambda: access_log.calls)
        assert [call.kwargs["remote"] for call in access_log.calls] == [seen]


# ---- how many requests


async def test_requests_a_second_of_one_client(tmp_path: Path) -> None:
    limits = {**BEHIND_A_PROXY, "max_requests_per_s_per_client": 0.1, "request_burst_per_client": 2}
    async with distributor(tmp_path, **limits) as (_, edge), aiohttp.ClientSession() as http:
        url = f"{edge.url}/api/v1/assets/7"
        for _ in range(2):
            assert await status_of(http, url, headers=forwarded("2001:db8:1:1::1")) == 200
        # The same site, from another of its addresses.
        async with http.get(url, headers=forwarded("2001:db8:1:1::2")) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "10")
            assert await response.json() == {"type": "exception", "message": "Too many requests in a short time"}
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        async with http.head(url, headers=forwarded("2001:db8:1:1::2")) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "10")
        assert await status_of(http, url, headers=forwarded("2001:db8:1:2::1")) == 200
        async with http.get(f"{edge.operator_url}/docs", headers=forwarded("2001:db8:1:1::1")) as response:
            assert response.status == 200, "the operator's API counts for itself"


async def test_requests_at_a_time(tmp_path: Path) -> None:
    limits = {**BEHIND_A_PROXY, "max_requests_per_client": 1, "max_requests": 2}
    async with storage(tmp_path, **limits) as (node, edge), aiohttp.ClientSession() as http:
        node.files.put(10, bytes(64 << 20))
        big, small = f"{edge.url}/api/v1/files/10", f"{edge.url}/api/v1/files/7"
        async with http.get(big, headers=forwarded("203.0.113.1")) as first:
            assert first.status == 200
            async with http.get(small, headers=forwarded("203.0.113.1")) as response:
                assert (response.status, response.headers["Retry-After"]) == (429, "1")
                assert await response.json() == {"type": "unavailable", "message": "Too many requests at a time"}
            async with http.get(big, headers=forwarded("203.0.113.2")) as second:
                assert second.status == 200
                async with http.get(small, headers=forwarded("203.0.113.3")) as response:
                    assert (response.status, response.headers["Retry-After"]) == (503, "2")
                    expected = {"type": "unavailable", "message": "Too many requests at the moment"}
                    assert await response.json() == expected
                second.close()
            assert len(await first.read()) == 64 << 20
        async with asyncio.timeout(10):
            while await status_of(http, small, headers=forwarded("203.0.113.2")) != 200:
                pass


async def test_connections_of_one_client(tmp_path: Path) -> None:
    async with storage(tmp_path, **NOBODY_EXEMPT, max_connections_per_client=2) as (_, edge):
        host, port = edge.url.removeprefix("http://").split(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        await until(lambda: len(edge.worker.public._connections.open) == 2)
        request = b"GET /api/v1/files/7 HTTP/1.1\r\nHost: x\r\n\r\n"
        status, headers, body = await raw_exchange(edge.url, request)
        expected = {"type": "unavailable", "message": "Too many connections at the moment"}
        assert (status, headers["retry-after"], json.loads(body)) == (429, "1", expected)
        assert headers["connection"] == "close"
        for _, writer in held:
            writer.close()
        await until(lambda: not edge.worker.public._connections.open)
        async with aiohttp.ClientSession() as http:
            assert await status_of(http, f"{edge.url}/api/v1/files/7") == 200


async def test_loopback_is_not_bounded_by_itself(tmp_path: Path) -> None:
    limits = {"max_requests_per_s_per_client": 0.1, "request_burst_per_client": 1, "max_connections_per_client": 1}
    async with storage(tmp_path, **limits) as (_, edge), aiohttp.ClientSession() as http:
        url = f"{edge.url}/api/v1/files/7"
        assert await asyncio.gather(*(status_of(http, url) for _ in range(10))) == [200] * 10


async def test_a_refused_upload_is_not_read(tmp_path: Path) -> None:
    limits = {**NOBODY_EXEMPT, "max_requests_per_s_per_client": 0.01, "request_burst_per_client": 1}
    async with storage(tmp_path, **limits) as (node, edge), aiohttp.ClientSession() as http:
        assert await status_of(http, f"{edge.url}/api/v1/files/7") == 200
        head = (
            "POST /api/v1/files?dataObjectId=20&storageBucketId=0&bagId=x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
        )
        status, _, _ = await raw_exchange(edge.url, head.encode())
        assert status == 429
        assert not node.starts


# ---- how fast


@pytest.mark.parametrize("leases", [True, False])
async def test_bytes_a_second(tmp_path: Path, leases: bool) -> None:
    async with (
        storage(tmp_path, **BEHIND_A_PROXY, max_bytes_per_s_per_client=400_000) as (node, edge),
        aiohttp.ClientSession() as http,
    ):
        node.files.give_leases = leases
        node.files.put(10, bytes(1_000_000))

        async def seconds(client: str) -> float:
            begin = time.monotonic()
            async with http.get(f"{edge.url}/api/v1/files/10", headers=forwarded(client)) as response:
                assert len(await response.read()) == 1_000_000
            return time.monotonic() - begin

        # 400 kB at once, and then 600 kB or, for two that share, 1.6 MB.
        alone, *shared = await asyncio.gather(*(seconds(f"203.0.113.{last}") for last in (1, 2, 2)))
        assert 1.2 <= alone < 3.5
        assert 3.0 <= max(shared) < 6


async def test_bytes_a_second_of_uploads(tmp_path: Path) -> None:
    async with (
        storage(tmp_path, **NOBODY_EXEMPT, max_bytes_per_s_per_client=500_000) as (node, edge),
        aiohttp.ClientSession() as http,
    ):
        data = bytes(1_000_000)
        node.expected[20] = Expected(len(data), multihash_of_bytes(data))
        parameters = {"dataObjectId": "20", "storageBucketId": "0", "bagId": BAG}
        begin = time.monotonic()
        url = f"{edge.url}/api/v1/files"
        async with http.post(url, params=parameters, data=upload_form(data)) as response:
            assert response.status == 201
        assert time.monotonic() - begin >= 0.9


# ---- how long


async def test_headers_must_come_in_time(tmp_path: Path) -> None:
    async with storage(tmp_path, header_timeout_s=0.5, keepalive_timeout_s=30) as (_, edge):
        host, port = edge.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            assert await reader.read() == b"", "a connection that says nothing"
        writer.close()

        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HEAD /api/v1/files/7 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        # One byte now and then keeps nothing open.
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                for byte in b"HEAD /api/v1/files/7 HTTP/1.1\r\nHost: x":
                    writer.write(bytes([byte]))
                    await writer.drain()
                    if reader.at_eof():
                        break
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.1)
        assert 0.4 < time.monotonic() - begin < 2
        writer.close()


async def test_idle_connections_are_kept_longer_than_headers_may_take(tmp_path: Path) -> None:
    async with storage(tmp_path, header_timeout_s=0.2, keepalive_timeout_s=1.0) as (_, edge):
        host, port = edge.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        request = b"HEAD /api/v1/files/7 HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(2):
            writer.write(request)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.5)
        async with asyncio.timeout(5):
            assert await reader.read() == b"", "and then closed"
        writer.close()


async def test_a_client_that_takes_no_json_is_cut_off(tmp_path: Path) -> None:
    async with storage(tmp_path, stall_timeout_s=0.5) as (node, edge):
        node.pages = [list(range(page * 50_000, page * 50_000 + 50_000)) for page in range(40)]
        host, port = edge.url.removeprefix("http://").split(":")
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, (host, int(port)))
        await loop.sock_sendall(client, b"GET /api/v1/state/data-objects HTTP/1.1\r\nHost: x\r\n\r\n")
        open_connections = edge.worker.public._connections.open
        await until(lambda: open_connections)
        await until(lambda: not open_connections, 10)
        client.close()


# ---- bounded memory and disk


@pytest.mark.parametrize("kind", ["storage", "distributor"])
async def test_little_is_asked_of_a_remote_node_for_a_client_that_takes_nothing(tmp_path: Path, kind: str) -> None:
    size, pull = 24 << 20, 1 << 20
    files = ObjectFiles(tmp_path)
    files.put(10, bytes(size))
    node = StoragePeer(files) if kind == "storage" else DistributorPeer(files)
    asked: list[tuple[int, int]] = []
    pieces = files.pieces

    def noted(object_id: int, offset: int, limit: int) -> list[bytes]:
        asked.append((offset, limit))
        return pieces(object_id, offset, limit)

    files.pieces = noted  # type: ignore[method-assign]
    async with (
        serving_node(node, "127.0.0.1:0") as target,
        serving_edge(kind, target, None, pull_bytes=pull) as edge,
    ):
        host, port = edge.url.removeprefix("http://").split(":")
        path = "files" if kind == "storage" else "assets"
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, (host, int(port)))
        await loop.sock_sendall(client, f"GET /api/v1/{path}/10 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await until(lambda: asked)
        while True:
            before = len(asked)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    while len(asked) == before:  # noqa: ASYNC110 - there is no event to await
                        await asyncio.sleep(0.01)
            if len(asked) == before:
                break
        # What the kernel holds for the connection, and one pull.
        assert sum(limit for _, limit in asked) <= 8 << 20
        reader, writer = await asyncio.open_connection(sock=client)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(size) == bytes(size)
        writer.close()
    assert asked == [(at, pull) for at in range(0, size, pull)]


async def test_files_that_wait_for_their_parameters_are_bounded(tmp_path: Path) -> None:
    def late(data: bytes) -> aiohttp.FormData:
        body = upload_form(data)
        for name, value in (("dataObjectId", "20"), ("storageBucketId", "0"), ("bagId", BAG)):
            body.add_field(name, value)
        return body

    async with (
        storage(tmp_path, max_spool_bytes=300_000, max_spool_total_bytes=500_000) as (node, edge),
        aiohttp.ClientSession() as http,
    ):
        url = f"{edge.url}/api/v1/files"
        node.expected[20] = Expected(len(DATA), multihash_of_bytes(DATA))
        async with http.post(url, data=late(bytes(300_001))) as response:
            assert response.status == 413
        go_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + bytes(280_000)
            await go_on.wait()

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        before = BYTES_RECEIVED._value.get()
        async with asyncio.TaskGroup() as tasks:
            holding = tasks.create_task(status_of_post(http, url, slow(), headers))
            await until(lambda: BYTES_RECEIVED._value.get() >= before + 280_000)
            async with http.post(url, data=late(DATA)) as response:
                expected = {"type": "upload", "message": "Error: Too many uploads at the moment"}
                assert (response.status, await response.json()) == (503, expected)
            go_on.set()
            assert await holding == 400, "it ended too early"
        async with http.post(url, data=late(DATA)) as response:
            assert response.status == 201, "the room is given back"


async def status_of_post(
    http: aiohttp.ClientSession, url: str, body: AsyncIterator[bytes], headers: dict[str, str]
) -> int:
    async with http.post(url, data=body, headers=headers) as response:
        await response.read()
        return response.status


# ---- what the node says reaches every worker


@contextlib.asynccontextmanager
async def three_workers(directory: Path) -> AsyncIterator[tuple[DistributorPeer, str, list[Worker]]]:
    files = ObjectFiles(directory)
    files.put(7, DATA)
    node = DistributorPeer(files)
    async with contextlib.AsyncExitStack() as stack:
        shared, operator = (stack.enter_context(bind_listener("127.0.0.1", 0)) for _ in range(2))
        target = await stack.enter_async_context(serving_node(node, unix_address(directory)))
        config = gateway_config("distributor", target, directory)
        sockets = {"public": shared, "operator": operator}
        workers = [await stack.enter_async_context(running_worker(config, sockets)) for _ in range(3)]
        yield node, url_of(shared), workers


async def test_a_reload_ends_the_leases_of_every_worker(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.put(7, DATA)
    node = DistributorPeer(files)
    async with contextlib.AsyncExitStack() as stack:
        target = await stack.enter_async_context(serving_node(node, unix_address(tmp_path)))
        # Each on a port of its own, so that each can be asked.
        edges = [await stack.enter_async_context(serving_edge("distributor", target, tmp_path)) for _ in range(3)]
        http = await stack.enter_async_context(aiohttp.ClientSession())
        for edge in edges:
            assert await status_of(http, f"{edge.url}/api/v1/assets/7") == 200
        assert [len(edge.worker.leases) for edge in edges] == [1, 1, 1]
        await node.hub.revoke(everything=True)
        assert await node.hub.set_api(enabled=True)
        assert [len(edge.worker.leases) for edge in edges] == [0, 0, 0]


async def test_a_drain_reaches_every_worker(tmp_path: Path) -> None:
    async with three_workers(tmp_path) as (node, url, workers):
        host, port = url.removeprefix("http://").split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(6)]
        await until(lambda: sum(len(worker.public._connections.open) for worker in workers) == 6)
        await node.hub.drain(timedelta(seconds=1))
        await until(lambda: not any(worker.public.is_open for worker in workers))
        for reader, writer in idle:
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()


async def test_a_stop_reaches_every_worker(tmp_path: Path) -> None:
    async with three_workers(tmp_path) as (node, url, workers):
        assert await node.hub.set_api(enabled=False)
        assert [worker.public.is_open for worker in workers] == [False] * 3
        assert is_refused(url)
        assert await node.hub.set_api(enabled=True)
        assert [worker.public.is_open for worker in workers] == [True] * 3
