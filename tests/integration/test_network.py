"""The whole network, driven over its public interfaces only."""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio

from joygrpc.chain import SubstrateChain
from joygrpc.content import multihash_of_bytes
from tests.integration.network import (
    JOYGRPC,
    Created,
    Network,
    chain_of,
    created,
    eventually,
    form,
    running_network,
    until,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

FILES, ASSETS = "/api/v1/files", "/api/v1/assets"
MIB = 1 << 20


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with tempfile.TemporaryDirectory(prefix="joygrpc-test-") as folder, running_network(Path(folder)) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(network: Network) -> AsyncIterator[SubstrateChain]:
    async with chain_of(network) as connected:
        yield connected


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def uploaded(network: Network, http: aiohttp.ClientSession, new: Created) -> None:
    async with http.post(network.storage + FILES, params=new.parameters, data=form(new.data)) as response:
        assert response.status == 201, await response.text()


# ---- what `joygrpc dev` promises


async def test_the_description_names_everything(network: Network) -> None:
    facts = network.facts
    assert [node["bucket"] for node in facts["storage"]] == [0, 1]
    assert facts["distributor"][0]["buckets"] == ["0:0"]
    assert facts["sample"]["media_type"] == "video/webm"
    assert facts["sample"]["multihash"] == multihash_of_bytes(Path(facts["sample"]["path"]).read_bytes())
    assert json.loads((network.log.parent / "dev.json").read_text()) == facts


async def test_the_sample_is_served_everywhere(network: Network, http: aiohttp.ClientSession) -> None:
    data = Path(network.sample["path"]).read_bytes()
    places = [network.storage + FILES, network.other_storage + FILES, network.distributor + ASSETS]
    for place in [*places, network.distributor + "/api/v1/asset"]:
        async with http.get(f"{place}/{network.sample['id']}") as response:
            assert response.status == 200
            assert response.headers["content-type"] == "video/webm"
            assert response.headers["etag"] == f'"{network.sample["multihash"]}"'
            assert await response.read() == data


# ---- uploads


async def test_upload_with_query_parameters_is_accepted_replicated_and_delivered(
    network: Network, http: aiohttp.ClientSession, chain: SubstrateChain
) -> None:
    new = await created(chain, noise(3 * MIB + 17, seed=2))
    async with http.post(network.storage + FILES, params=new.parameters, data=form(new.data)) as response:
        assert (response.status, await response.json()) == (201, {"id": new.multihash})
    # Clients of the older era fetch right after 201.
    async with http.get(f"{network.storage}{FILES}/{new.id}") as response:
        assert await response.read() == new.data
    await eventually(http, f"{network.distributor}{ASSETS}/{new.id}")
    await eventually(http, f"{network.other_storage}{FILES}/{new.id}")
    async with http.get(f"{network.other_storage}{FILES}/{new.id}") as response:
        assert await response.read() == new.data


async def test_upload_with_form_fields(network: Network, http: aiohttp.ClientSession, chain: SubstrateChain) -> None:
    new = await created(chain, noise(1000, seed=3))
    async with http.post(network.storage + FILES, data=form(new.data, **new.parameters)) as response:
        assert (response.status, await response.json()) == (201, {"id": new.multihash})
    async with http.get(f"{network.storage}{FILES}/{new.id}") as response:
        assert await response.read() == new.data


async def test_upload_with_a_token(network: Network, http: aiohttp.ClientSession, chain: SubstrateChain) -> None:
    new = await created(chain, noise(2000, seed=4))
    member = 0
    account = await chain.member_controller(member)
    assert account is not None
    data = {
        "memberId": member,
        "accountId": account,
        "dataObjectId": new.id,
        "storageBucketId": 0,
        "bagId": new.bag,
    }
    text = json.dumps(data, separators=(",", ":"))
    signature = "0x" + (await chain.sign_bytes(account, text.encode())).hex()
    async with http.post(
        network.storage + "/api/v1/authToken", json={"data": data, "signature": signature}
    ) as response:
        assert response.status == 201, await response.text()
        token = (await response.json())["token"]
    headers = {"x-api-key": token}
    async with http.post(
        network.storage + FILES, params=new.parameters, data=form(new.data), headers=headers
    ) as response:
        assert response.status == 201, await response.text()
    async with http.post(
        network.storage + FILES, params=new.parameters, data=form(new.data), headers=headers
    ) as response:
        assert (response.status, (await response.json())["message"]) == (401, "Nonce not found")
    forged = {"data": data, "signature": "0x" + "00" * 64}
    async with http.post(network.storage + "/api/v1/authToken", json=forged) as response:
        assert response.status == 401
        assert await response.json() == {
            "type": "authtoken",
            "message": "Error: Invalid upload token request signature.",
        }


async def test_object_put_does_all_of_it(network: Network, http: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    file.write_bytes(b"%PDF-1.7\n" + noise(100_000, seed=5))
    command = [*JOYGRPC, "object", "put", str(file), "--dev", str(network.log.parent / "dev.json")]
    put = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120, check=True)
    made = json.loads(put.stdout)
    assert set(made) == {"id", "multihash", "size", "bag", "bucket", "url"}
    async with http.get(made["url"]) as response:
        assert response.headers["content-type"] == "application/pdf"
        assert await response.read() == file.read_bytes()


def storage_files(network: Network) -> set[str]:
    folder = Path(network.facts["storage"][0]["data"])
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("index")
    }


@pytest.mark.parametrize(
    ("change", "status", "body"),
    [
        (
            {"storageBucketId": "7"},
            503,
            {"type": "upload", "message": "Error: Server is not accepting uploads into this bucket"},
        ),
        (
            {"bagId": "dynamic:nothing:1"},
            400,
            {"type": "upload", "message": "Error: Invalid dynamic bagId: dynamic:nothing:1"},
        ),
        (
            {"bagId": "dynamic:channel:999"},
            400,
            {
                "type": "upload",
                "message": 'Error: Storage bag {"dynamic":{"channel":999}} is not assigned to storage bucket 0.',
            },
        ),
        (
            {"dataObjectId": "987654"},
            400,
            {
                "type": "upload",
                "message": 'Error: Data object 987654 doesn\'t exist in storage bag {"dynamic":{"channel":1}}',
            },
        ),
    ],
)
async def test_refusals_before_the_body(
    network: Network, http: aiohttp.ClientSession, change: dict[str, str], status: int, body: dict[str, str]
) -> None:
    before = storage_files(network)
    parameters = {"dataObjectId": "1", "storageBucketId": "0", "bagId": "dynamic:channel:1", **change}
    async with http.post(network.storage + FILES, params=parameters, data=form(noise(5000))) as response:
        assert (response.status, await response.json()) == (status, body)
    assert storage_files(network) == before


async def test_wrong_bytes_and_wrong_sizes_leave_nothing(
    network: Network, http: aiohttp.ClientSession, chain: SubstrateChain
) -> None:
    new = await created(chain, noise(300_000, seed=6))
    size = f"Error: File size doesn't match the data object's size for data object ID = {new.id}"
    multihash = f"Error: File multihash doesn't match the data object's ipfsContentId for data object ID = {new.id}"
    before = storage_files(network)
    wrong = bytes([new.data[0] ^ 1]) + new.data[1:]
    for data, message in ((new.data[:-1], size), (new.data + b"x", size), (wrong, multihash)):
        async with http.post(network.storage + FILES, params=new.parameters, data=form(data)) as response:
            assert (response.status, await response.json()) == (400, {"type": "upload", "message": message})
    assert storage_files(network) == before
    await uploaded(network, http, new)
    async with http.post(network.storage + FILES, params=new.parameters, data=form(new.data)) as response:
        body = await response.json()
    assert response.status == 400
    assert body["type"] == "upload"
    assert body["message"] in {
        f"Error: Data object {new.id} already exists (pending)",
        f"Error: Data object {new.id} already exists (in storage)",
    }


async def test_a_truncated_body_leaves_nothing_and_the_object_can_still_come(
    network: Network, http: aiohttp.ClientSession, chain: SubstrateChain
) -> None:
    new = await created(chain, noise(2 * MIB, seed=7))
    before = storage_files(network)
    host, port = network.storage.removeprefix("http://").split(":")
    query = f"dataObjectId={new.id}&storageBucketId=0&bagId={new.bag}"
    head = (
        f"POST {FILES}?{query} HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(new.data) + 500}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    )
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode() + new.data[: MIB + 5])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader
    await until(lambda: storage_files(network) == before)
    # The node may still be about to notice that the first client is gone.
    status = 409
    async with asyncio.timeout(20):
        while status == 409:
            async with http.post(network.storage + FILES, params=new.parameters, data=form(new.data)) as response:
                status = response.status
    assert status == 201


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        ("text/plain", b"x", 415, "unsupported media type text/plain"),
        ("multipart/form-data", b"x", 400, "multipart file(s) required"),
    ],
)
async def test_bodies_that_are_no_upload(
    network: Network, http: aiohttp.ClientSession, content_type: str, body: bytes, status: int, message: str
) -> None:
    parameters = {"dataObjectId": "1", "storageBucketId": "0", "bagId": "dynamic:channel:1"}
    headers = {"Content-Type": content_type}
    async with http.post(network.storage + FILES, params=parameters, data=body, headers=headers) as response:
        assert (response.status, await response.json()) == (status, {"type": "request_exception", "message": message})


async def test_garbage_instead_of_multipart(
    network: Network, http: aiohttp.ClientSession, chain: SubstrateChain
) -> None:
    new = await created(chain, noise(100, seed=8))
    headers = {"Content-Type": "multipart/form-data; boundary=zzz"}
    async with http.post(network.storage + FILES, params=new.parameters, data=noise(4000), headers=headers) as response:
        assert response.status == 400
        assert set(await response.json()) == {"type", "message"}
    await uploaded(network, http, new)


# ---- delivery


async def test_miss_then_hit(network: Network, http: aiohttp.ClientSession, chain: SubstrateChain) -> None:
    new = await created(chain, noise(5 * MIB + 3, seed=9))
    await uploaded(network, http, new)
    url = f"{network.distributor}{ASSETS}/{new.id}"
    headers = await eventually(http, url)
    assert headers["x-cache"] == "miss", "HEAD changes nothing"
    for expected in ("miss", "hit"):
        async with http.get(url) as response:
            assert await response.read() == new.data
            assert response.headers["x-cache"] == expected
            assert response.headers["x-data-source"] == "local"
            assert response.headers["etag"] == f'"{new.multihash}"'
            assert response.headers["content-length"] == str(len(new.data))


async def test_a_second_client_during_a_slow_download_is_served_from_it(
    network: Network, http: aiohttp.ClientSession, chain: SubstrateChain
) -> None:
    new = await created(chain, noise(192 * MIB, seed=10))
    await uploaded(network, http, new)
    url = f"{network.distributor}{ASSETS}/{new.id}"
    await eventually(http, url)
    sources = network.programs("joygrpc.supervisor.child")
    storage_nodes = [process for process in sources if _holds_port(process, network.facts["storage"])]
    assert len(storage_nodes) == 2
    async with http.get(url) as first:
        assert first.headers["x-cache"] == "miss"
        got = await first.content.readexactly(1000)
        for process in storage_nodes:
            process.send_signal(signal.SIGSTOP)
        try:
            async with http.get(url) as second:
                assert second.headers["x-cache"] == "pending"
                assert second.headers["content-length"] == str(len(new.data))
                assert await second.content.readexactly(1000) == new.data[:1000]
                for process in storage_nodes:
                    process.send_signal(signal.SIGCONT)
                assert await second.read() == new.data[1000:]
        finally:
            for process in storage_nodes:
                process.send_signal(signal.SIGCONT)
        assert got + await first.read() == new.data


def _holds_port(process: psutil.Process, nodes: list[dict[str, str]]) -> bool:
    ports = {int(node["grpc"].rpartition(":")[2]) for node in nodes}
    listening = {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return bool(ports & listening)


@pytest.mark.parametrize("place", ["storage", "distributor"])
async def test_ranges_and_preconditions(network: Network, http: aiohttp.ClientSession, place: str) -> None:
    data = Path(network.sample["path"]).read_bytes()
    size, etag = len(data), f'"{network.sample["multihash"]}"'
    url = f"{network.storage}{FILES}/{network.sample['id']}"
    if place == "distributor":
        url = f"{network.distributor}{ASSETS}/{network.sample['id']}"
    for value, first, last in (
        ("bytes=0-99", 0, 99),
        ("bytes=1000-", 1000, size - 1),
        ("bytes=-7", size - 7, size - 1),
    ):
        async with http.get(url, headers={"Range": value}) as response:
            assert response.status == 206
            assert response.headers["content-range"] == f"bytes {first}-{last}/{size}"
            assert await response.read() == data[first : last + 1]
    async with http.get(url, headers={"Range": f"bytes={size}-"}) as response:
        assert response.status == 416
        assert response.headers["content-range"] == f"bytes */{size}"
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert "message" in await response.json()
    async with http.get(url, headers={"If-None-Match": etag}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with http.get(url, headers={"If-Match": '"other"'}) as response:
        assert response.status == 412
        assert "message" in await response.json()
    async with http.get(url, headers={"Range": "bytes=0-9", "If-Range": '"other"'}) as response:
        assert (response.status, len(await response.read())) == (200, size)
    async with http.head(url) as response:
        assert response.headers["content-length"] == str(size)
        assert response.headers["etag"] == etag


async def test_bodies_of_refused_reads(network: Network, http: aiohttp.ClientSession, chain: SubstrateChain) -> None:
    async with http.get(f"{network.storage}{FILES}/999999") as response:
        assert (response.status, await response.json()) == (404, {"type": "files", "message": "File not found."})
    async with http.get(f"{network.storage}{FILES}/abc") as response:
        assert (response.status, (await response.json())["type"]) == (400, "request_exception")
    async with http.get(f"{network.distributor}{ASSETS}/999999") as response:
        assert (response.status, await response.json()) == (404, {"message": "Data object does not exist"})
    async with http.get(f"{network.distributor}{ASSETS}/a1b") as response:
        assert (response.status, (await response.json())["type"]) == (400, "request_validation")
    pending = await created(chain, noise(10, seed=11))
    async with http.get(f"{network.distributor}{ASSETS}/{pending.id}") as response:
        assert (response.status, await response.json()) == (404, {"message": "Data object has not been uploaded yet"})
    async with http.head(f"{network.distributor}{ASSETS}/{pending.id}") as response:
        assert (response.status, await response.read()) == (404, b"")


# ---- state and status


async def test_state_routes(network: Network, http: aiohttp.ClientSession) -> None:
    base = network.storage + "/api/v1"
    async with http.get(f"{base}/state/data-objects") as response:
        ids = await response.json()
        assert network.sample["id"] in ids
    async with http.get(f"{base}/state/bags/dynamic:channel:1/data-objects") as response:
        assert set(await response.json()) <= set(ids)
    async with http.get(f"{base}/state/bags/nonsense/data-objects") as response:
        assert response.status == 400
    async with http.get(f"{base}/state/data") as response:
        data = await response.json()
        assert set(data) == {
            "totalSize",
            "objectNumber",
            "tempDownloads",
            "tempDirSize",
            "pendingObjects",
            "pendingDirSize",
        }
        assert data["objectNumber"] >= 1
    async with http.get(f"{base}/version") as response:
        assert set(await response.json()) == {"version", "userAgent"}
    async with http.get(f"{base}/status") as response:
        status = await response.json()
        assert status["uploadBuckets"] == ["0"]
        assert status["queryNodeStatus"]["blocksProcessed"] > 0
        assert status["sync"]["enabled"] is True


async def test_distributor_status_and_buckets(network: Network, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{network.distributor}/api/v1/status") as response:
        status = await response.json()
        assert status["workerId"] == 0
        assert status["objectsInCache"] >= 1
        assert status["queryNodeStatus"]["chainHead"] > 0
    async with http.get(f"{network.distributor}/api/v1/buckets") as response:
        assert await response.json() == {"allByWorkerId": 0}


async def test_openapi_documents_and_pages(network: Network, http: aiohttp.ClientSession) -> None:
    for root in (network.storage, network.distributor, network.facts["distributor"][0]["operator"]):
        async with http.get(root + "/openapi.json") as response:
            assert (await response.json())["openapi"].startswith("3.")
        async with http.get(root + "/docs") as response:
            assert response.content_type == "text/html"


async def test_metrics_of_every_program(network: Network, http: aiohttp.ClientSession) -> None:
    for node in [*network.facts["storage"], *network.facts["distributor"]]:
        async with http.get(node["admin"] + "/metrics") as response:
            assert response.status == 200
            text = await response.text()
        assert "joygrpc_grpc_server_handled_total" in text


# ---- operator


async def operator(
    network: Network, http: aiohttp.ClientSession, route: str, body: object, token: str | None
) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = network.facts["distributor"][0]["operator"] + route
    async with http.post(url, json=body, headers=headers) as response:
        return response.status, await response.text()


async def refuses_connections(root: str) -> bool:
    host, port = root.removeprefix("http://").split(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_operator_stops_and_starts_the_public_api(network: Network, http: aiohttp.ClientSession) -> None:
    stop, start = "/api/v1/stop-api", "/api/v1/start-api"
    assert (await operator(network, http, stop, {}, network.operator_token(stop, {})))[0] == 200
    assert await refuses_connections(network.distributor)
    status, text = await operator(network, http, stop, {}, network.operator_token(stop, {}))
    assert (status, json.loads(text)) == (409, {"message": "Already stopped"})
    assert (await operator(network, http, start, {}, network.operator_token(start, {})))[0] == 200
    await eventually(http, f"{network.distributor}{ASSETS}/{network.sample['id']}")
    status, text = await operator(network, http, start, {}, network.operator_token(start, {}))
    assert (status, json.loads(text)) == (409, {"message": "Already started"})


async def test_operator_sets_worker_and_buckets(network: Network, http: aiohttp.ClientSession) -> None:
    url, buckets, worker = f"{network.distributor}/api/v1/buckets", "/api/v1/set-buckets", "/api/v1/set-worker"

    async def shown() -> object:
        async with http.get(url) as response:
            return await response.json()

    for route, body, result in (
        (buckets, {"buckets": ["0:0"]}, {"bucketIds": ["0:0"]}),
        (buckets, {}, {"allByWorkerId": 0}),
        (worker, {"workerId": 5}, {"allByWorkerId": 5}),
    ):
        assert (await operator(network, http, route, body, network.operator_token(route, body)))[0] == 200
        assert await shown() == result
    new = f"{network.distributor}{ASSETS}/{network.sample['id']}"
    async with http.get(new) as response:
        assert (response.status, await response.json()) == (421, {"message": "Data object not served by this node"})
    back = {"workerId": 0}
    assert (await operator(network, http, worker, back, network.operator_token(worker, back)))[0] == 200
    async with http.get(new) as response:
        assert response.status == 200


@pytest.mark.parametrize("route", ["stop-api", "start-api", "shutdown", "set-worker", "set-buckets"])
async def test_operator_routes_want_a_good_token(network: Network, http: aiohttp.ClientSession, route: str) -> None:
    path = f"/api/v1/{route}"
    tokens = {
        None: "Authorization header required",
        "no-jwt": "jwt malformed",
        network.operator_token(path, {}, secret="x" * 40): "invalid signature",
        network.operator_token(path, {}, exp=1): "jwt expired",
        network.operator_token(path, {"other": 1}): "Invalid token: Request body does not match",
        network.operator_token("/api/v1/elsewhere", {}): "Invalid token: Request url does not match",
    }
    for token, message in tokens.items():
        status, text = await operator(network, http, path, {}, token)
        assert (status, json.loads(text)["message"]) == (401, message)


# ---- the mesh, with grpcurl


async def grpcurl(address: str, *arguments: str, data: str = "{}") -> subprocess.CompletedProcess[str]:
    binary = shutil.which("grpcurl", path=str(Path(sys.executable).parent))
    assert binary
    command = [binary, "-plaintext", "-max-time", "20", "-d", data, address, *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=False)


async def listed(address: str) -> set[str]:
    binary = shutil.which("grpcurl", path=str(Path(sys.executable).parent))
    command = [str(binary), "-plaintext", "-max-time", "20", address, "list"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30, check=True)
    return set(done.stdout.split())


async def test_grpcurl_sees_every_service(network: Network) -> None:
    storage, distributor = network.facts["storage"][0], network.facts["distributor"][0]
    assert "joystream.storage.v1.StorageService" in await listed(storage["grpc"])
    assert "joystream.distribution.v1.DistributionService" in await listed(distributor["grpc"])
    assert "joystream.operator.v1.OperatorService" not in await listed(distributor["grpc"])
    assert {"joystream.operator.v1.ChoreService", "grpc.channelz.v1.Channelz"} <= await listed(storage["admin_grpc"])
    assert {"joystream.operator.v1.OperatorService", "joystream.operator.v1.ChoreService"} <= await listed(
        distributor["admin_grpc"]
    )


async def test_grpcurl_calls_the_storage_service(network: Network, chain: SubstrateChain) -> None:
    import base64

    address, service = network.facts["storage"][0]["grpc"], "joystream.storage.v1.StorageService"
    sample = json.dumps({"objectId": network.sample["id"]})
    facts = json.loads((await grpcurl(address, f"{service}/GetObject", data=sample)).stdout)["object"]
    assert facts["multihash"] == network.sample["multihash"]
    read = (
        await grpcurl(
            address, f"{service}/ReadObject", data=json.dumps({"objectId": network.sample["id"], "limit": "10"})
        )
    ).stdout
    assert base64.b64encode(Path(network.sample["path"]).read_bytes()[:10]).decode() in read
    assert "header" in (await grpcurl(address, f"{service}/GetObjectTree", data=sample)).stdout
    assert '"complete": true' in (await grpcurl(address, f"{service}/QueryWrite", data=sample)).stdout
    assert "object_ids" in (await grpcurl(address, f"{service}/ListObjects")).stdout
    assert "object_count" in (await grpcurl(address, f"{service}/GetDataStats")).stdout
    assert "version" in (await grpcurl(address, f"{service}/GetStatus")).stdout
    refused = await grpcurl(address, f"{service}/CreateUploadToken", data='{"signedData": "{}", "signature": "0x"}')
    assert "ErrorInfo" in refused.stderr
    new = await created(chain, noise(500, seed=12))
    start = {"objectId": new.id, "storageBucketId": 0, "bagId": new.bag}
    steps = [{"start": start}, {"data": base64.b64encode(new.data).decode()}, {"finish": {}}]
    written = await grpcurl(address, f"{service}/WriteObject", data="".join(map(json.dumps, steps)))
    assert new.multihash in written.stdout, written.stderr


async def test_grpcurl_calls_the_distribution_service(network: Network) -> None:
    address, service = network.facts["distributor"][0]["grpc"], "joystream.distribution.v1.DistributionService"
    sample = json.dumps({"objectId": network.sample["id"]})
    assert network.sample["multihash"] in (await grpcurl(address, f"{service}/OpenAsset", data=sample)).stdout
    part = json.dumps({"objectId": network.sample["id"], "offset": "5", "limit": "10"})
    assert "asset" in (await grpcurl(address, f"{service}/ReadAsset", data=part)).stdout
    assert (await grpcurl(address, f"{service}/ReportAccess")).returncode == 0
    assert "FILL_NOT_FOUND" in (await grpcurl(address, f"{service}/WatchFill", data='{"objectId": "424242"}')).stderr
    assert "node_id" in (await grpcurl(address, f"{service}/GetStatus")).stdout
    assert "all_by_worker_id" in (await grpcurl(address, f"{service}/GetBuckets")).stdout


async def test_grpcurl_calls_the_operator_services(network: Network) -> None:
    address = network.facts["distributor"][0]["admin_grpc"]
    chores = json.loads((await grpcurl(address, "joystream.operator.v1.ChoreService/ListChores")).stdout)["chores"]
    name = json.dumps({"name": chores[0]["name"]})
    for method in ("PauseChore", "ResumeChore", "TriggerChore"):
        done = await grpcurl(address, f"joystream.operator.v1.ChoreService/{method}", data=name)
        assert done.returncode == 0, done.stderr
    reloaded = await grpcurl(address, "joystream.operator.v1.OperatorService/Reload")
    assert reloaded.returncode == 0, reloaded.stderr
    started = await grpcurl(address, "joystream.operator.v1.OperatorService/StartApi")
    assert "API_ALREADY_STARTED" in started.stderr


# ---- ends; these come last, each with a network of its own


async def test_a_gateway_worker_that_is_killed_refuses_nobody(network: Network, http: aiohttp.ClientSession) -> None:
    _, port = network.distributor.removeprefix("http://").split(":")
    workers = [
        p
        for p in network.programs("joygrpc.supervisor.child")
        if _accepts(p, int(port)) and not _holds_port(p, network.facts["distributor"])
    ]
    assert workers
    for worker in workers:
        worker.kill()
    async with http.get(f"{network.distributor}{ASSETS}/{network.sample['id']}") as response:
        assert response.status == 200
        assert len(await response.read()) == network.sample["size"]


def _accepts(process: psutil.Process, port: int) -> bool:
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp"))


async def test_state_is_kept_over_a_restart_and_operator_shutdown_ends_a_node(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    data = tmp_path / "data"
    with running_network(tmp_path, "--data", str(data)) as first:
        before = first.facts
        async with http.get(f"{first.distributor}{ASSETS}/{first.sample['id']}") as response:
            assert (response.headers["x-cache"], len(await response.read())) == ("miss", first.sample["size"])
        assert all(p.is_running() for p in first.programs())
        pids = [p.pid for p in first.programs()]
    assert first.process.returncode == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    with running_network(tmp_path, "--data", str(data)) as second:
        assert second.sample == before["sample"]
        async with http.get(f"{second.distributor}{ASSETS}/{second.sample['id']}") as response:
            assert response.headers["x-cache"] == "hit"
            assert await response.read() == Path(second.sample["path"]).read_bytes()
        route = "/api/v1/shutdown"
        assert (await operator(second, http, route, {}, second.operator_token(route, {})))[0] == 200
        assert await asyncio.to_thread(second.process.wait, 30) == 1
        assert "distributor-0 ended with status 0" in second.log.read_text()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", int(before["chain"].rpartition(":")[2])))


async def test_nothing_is_left_when_the_network_is_killed(tmp_path: Path) -> None:
    with running_network(tmp_path, "--storage-nodes", "1") as network:
        pids = [process.pid for process in network.programs()]
        assert len(pids) > 5
        os.kill(network.process.pid, signal.SIGKILL)
        await until(lambda: not any(_alive(pid) for pid in pids))


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
