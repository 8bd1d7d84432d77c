"""Servers and channels of the mesh, with real sockets and the real grpcurl."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from joygrpc.mesh import (
    ChannelPool,
    EdgeHub,
    JoygrpcError,
    MeshError,
    MeshServer,
    Service,
    StreamStalled,
    TlsFiles,
    edge_service,
    error_of,
    read_stream,
)
from joygrpc.pb.joystream.content.v1 import content_pb2
from joygrpc.pb.joystream.operator.v1 import operator_pb2, operator_pb2_grpc
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc

NAME = "joystream.storage.v1.StorageService"
GRPCURL = shutil.which("grpcurl", path=str(Path(sys.executable).parent)) or "grpcurl"


class ObjectMissing(JoygrpcError):
    reason = "OBJECT_NOT_FOUND"


class Endpoint(rpc.StorageServiceServicer):
    """Object 1 exists, reading object 2 stalls, reading object 3 fails half-way."""

    def __init__(self) -> None:
        self.freed = asyncio.Event()

    async def GetObject(self, request, context):
        if request.object_id != 1:
            raise ObjectMissing("File not found.")
        return pb.GetObjectResponse(object=content_pb2.Object(id=1, size=3))

    async def ReadObject(self, request, context) -> AsyncIterator[pb.ReadObjectResponse]:
        try:
            yield pb.ReadObjectResponse(data=b"abc")
            if request.object_id == 2:
                await asyncio.Event().wait()
            if request.object_id == 3:
                raise RuntimeError("disk on fire at /dev/secret")
        finally:
            self.freed.set()


@pytest.fixture
async def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def server(endpoint: Endpoint) -> AsyncIterator[MeshServer]:
    service = Service(NAME, lambda s: rpc.add_StorageServiceServicer_to_server(endpoint, s))
    async with MeshServer("127.0.0.1:0", [service], with_channelz=True, grace=timedelta(seconds=1)) as started:
        yield started


@pytest.fixture
async def stub(server: MeshServer) -> AsyncIterator[rpc.StorageServiceStub]:
    async with ChannelPool() as pool:
        yield rpc.StorageServiceStub(pool.channel(f"127.0.0.1:{server.port}"))


async def test_a_refusal_carries_its_reason(stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetObject(pb.GetObjectRequest(object_id=9))
    error = error_of(caught.value)
    assert (error.reason, error.message) == ("OBJECT_NOT_FOUND", "File not found.")


async def test_a_failure_in_a_stream_says_nothing_of_the_inside(stub) -> None:
    with pytest.raises(MeshError) as caught:
        async for _ in read_stream(stub.ReadObject(pb.ReadObjectRequest(object_id=3)), timedelta(seconds=5)):
            pass
    assert caught.value.reason == "INTERNAL"
    assert "secret" not in caught.value.message


async def test_a_stalled_stream_ends_by_itself_and_frees_the_server(stub, endpoint: Endpoint) -> None:
    with pytest.raises(StreamStalled):
        async for _ in read_stream(stub.ReadObject(pb.ReadObjectRequest(object_id=2)), timedelta(milliseconds=100)):
            pass
    await asyncio.wait_for(endpoint.freed.wait(), 5)


async def test_a_reader_that_leaves_frees_the_server(stub, endpoint: Endpoint) -> None:
    responses = read_stream(stub.ReadObject(pb.ReadObjectRequest(object_id=2)), timedelta(seconds=5))
    async for _ in responses:
        break
    await responses.aclose()
    await asyncio.wait_for(endpoint.freed.wait(), 5)


async def test_health_says_serving_by_service_and_not_while_draining(server: MeshServer) -> None:
    async with ChannelPool() as pool:
        health = health_pb2_grpc.HealthStub(pool.channel(f"127.0.0.1:{server.port}"))
        answer = await health.Check(health_pb2.HealthCheckRequest(service=NAME))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest(service=NAME))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        draining = asyncio.create_task(server.drain())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        await draining


async def test_the_same_channel_serves_all_callers_of_a_target() -> None:
    async with ChannelPool() as pool:
        assert pool.channel("127.0.0.1:1") is pool.channel("127.0.0.1:1")
        assert pool.channel("127.0.0.1:1") is not pool.channel("127.0.0.1:1", tls=True)


async def grpcurl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [GRPCURL, "-plaintext", "-max-time", "10", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


async def test_grpcurl_lists_describes_and_calls(server: MeshServer) -> None:
    address = f"127.0.0.1:{server.port}"
    listed = (await grpcurl(address, "list")).stdout.split()
    assert {NAME, "grpc.health.v1.Health", "grpc.channelz.v1.Channelz"} <= set(listed)
    assert "rpc GetObject" in (await grpcurl(address, "describe", NAME)).stdout
    called = await grpcurl("-d", '{"objectId": "1"}', address, f"{NAME}/GetObject")
    assert json.loads(called.stdout)["object"]["size"] == "3"
    refused = await grpcurl("-d", '{"objectId": "7"}', address, f"{NAME}/GetObject")
    assert "OBJECT_NOT_FOUND" in refused.stderr


async def test_reflection_answers_under_its_newer_name_too(server: MeshServer) -> None:
    from grpc_reflection.v1alpha import reflection_pb2

    async with ChannelPool() as pool:
        call = pool.channel(f"127.0.0.1:{server.port}").stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        names = {service.name for service in (await call.read()).list_services_response.service}
        call.cancel()
    assert NAME in names


async def test_api_state_reaches_every_worker_and_waits_for_its_word() -> None:
    hub = EdgeHub()
    async with MeshServer("127.0.0.1:0", [edge_service(hub)]) as server, ChannelPool() as pool:
        stub = operator_pb2_grpc.EdgeServiceStub(pool.channel(f"127.0.0.1:{server.port}"))
        first, second = stub.WatchNode(), stub.WatchNode()
        for index, watch in enumerate((first, second)):
            await watch.write(operator_pb2.WatchNodeRequest(hello=operator_pb2.WatchNodeHello(worker_index=index)))
            assert (await watch.read()).api.enabled
        stopping = asyncio.create_task(hub.set_api(enabled=False))
        changes = [await first.read(), await second.read()]
        assert [change.api.enabled for change in changes] == [False, False]
        await first.write(operator_pb2.WatchNodeRequest(acknowledged=changes[0].sequence))
        done, _ = await asyncio.wait({stopping}, timeout=0.2)
        assert not done
        await second.write(operator_pb2.WatchNodeRequest(acknowledged=changes[1].sequence))
        assert await asyncio.wait_for(stopping, 5)
        respawned = stub.WatchNode()
        await respawned.write(operator_pb2.WatchNodeRequest(hello=operator_pb2.WatchNodeHello(worker_index=0)))
        assert not (await respawned.read()).api.enabled
        for watch in (first, second, respawned):
            watch.cancel()


async def test_a_worker_that_dies_is_not_waited_for() -> None:
    hub = EdgeHub()
    async with MeshServer("127.0.0.1:0", [edge_service(hub)]) as server, ChannelPool() as pool:
        watch = operator_pb2_grpc.EdgeServiceStub(pool.channel(f"127.0.0.1:{server.port}")).WatchNode()
        await watch.write(operator_pb2.WatchNodeRequest(hello=operator_pb2.WatchNodeHello()))
        await watch.read()
        stopping = asyncio.create_task(hub.set_api(enabled=False))
        await watch.read()
        watch.cancel()
        assert await asyncio.wait_for(stopping, 5)


def certificates(folder: Path) -> TlsFiles:
    """A self-signed certificate of localhost that signs itself, made by openssl."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return TlsFiles(certificate, key, certificate)


async def test_tls_listeners_want_a_certificate_of_their_peers(endpoint: Endpoint, tmp_path: Path) -> None:
    files = certificates(tmp_path)
    service = Service(NAME, lambda s: rpc.add_StorageServiceServicer_to_server(endpoint, s))
    async with MeshServer("127.0.0.1:0", [service], tls=files) as server:
        target = f"localhost:{server.port}"
        async with ChannelPool(files) as pool:
            answer = await rpc.StorageServiceStub(pool.channel(target, tls=True)).GetObject(
                pb.GetObjectRequest(object_id=1)
            )
            assert answer.object.size == 3
        for stranger in (TlsFiles(ca=files.ca), TlsFiles()):
            async with ChannelPool(stranger) as pool:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await rpc.StorageServiceStub(pool.channel(target, tls=True)).GetObject(
                        pb.GetObjectRequest(object_id=1), timeout=10
                    )
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
