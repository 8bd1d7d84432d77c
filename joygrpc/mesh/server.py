"""A gRPC server with what every one of ours has: interceptors, health, reflection and, on the admin address, channelz."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

import grpc
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from joygrpc.mesh.interceptors import CallInterceptor
from joygrpc.mesh.tls import TlsFiles

MAX_DATA_BYTES = 1 << 20
"""Most bytes of object data in one message; 256 KiB to 1 MiB is where Python streams fast."""

SERVER_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.so_reuseport", 0),
    ("grpc.enable_channelz", 1),
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.http2.max_frame_size", 4 << 20),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)

_V1_REFLECTION = "grpc.reflection.v1.ServerReflection"
_CHANNELZ = "grpc.channelz.v1.Channelz"


@dataclass(frozen=True, slots=True)
class Service:
    """One service to offer: its full name, and what adds its endpoint to a server."""

    name: str
    add: Callable[[grpc.aio.Server], None]


@dataclass(slots=True)
class MeshServer:
    """A gRPC server on one listener.

    `async with` starts it and, at the end, drains it: health says NOT_SERVING, new calls are refused, running ones have `grace` to end.
    """

    address: str
    """`host:port` (port 0 picks a free one) or `unix:/path`."""
    services: Sequence[Service]
    with_channelz: bool = False
    grace: timedelta = timedelta(seconds=5)
    max_concurrent_rpcs: int | None = None
    tls: TlsFiles | None = None
    """Certificates to show; plain text without."""
    port: int = 0
    """The bound port, once started; 0 for a unix socket."""
    _server: grpc.aio.Server = field(init=False, repr=False)
    _health: health.aio.HealthServicer = field(init=False, repr=False)

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server(
            interceptors=[CallInterceptor()], options=SERVER_OPTIONS, maximum_concurrent_rpcs=self.max_concurrent_rpcs
        )
        for service in self.services:
            service.add(self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.name for service in self.services]
        listed = [*names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        if self.with_channelz:
            channelz.add_channelz_servicer(self._server)
            listed.append(_CHANNELZ)
        reflection.enable_server_reflection(listed, self._server)
        self._server.add_generic_rpc_handlers((_v1_reflection(listed),))
        if self.tls is None:
            self.port = self._server.add_insecure_port(self.address)
        else:
            self.port = self._server.add_secure_port(self.address, self.tls.server())
        await self._server.start()
        for name in ("", *names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drain()

    async def set_serving(self, service: str, serving: bool) -> None:
        """Say in health whether one service works."""
        status = health_pb2.HealthCheckResponse
        await self._health.set(service, status.SERVING if serving else status.NOT_SERVING)

    async def drain(self) -> None:
        """Say NOT_SERVING, refuse new calls, let running ones end within the grace, stop. Safe to call twice."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self.grace.total_seconds())


def _v1_reflection(names: Sequence[str]) -> grpc.GenericRpcHandler:
    """Reflection under its newer name; the messages are the same on the wire as v1alpha's."""
    servicer = ReflectionServicer(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(_V1_REFLECTION, {"ServerReflectionInfo": handler})
