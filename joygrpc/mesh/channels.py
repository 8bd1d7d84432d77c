"""Channels to other programs, one per target, shared by all who call it."""

from typing import Self

import grpc

from joygrpc.mesh.tls import TlsFiles
from joygrpc.telemetry import REQUEST_ID_METADATA, current_request_id

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.http2.max_frame_size", 4 << 20),
    ("grpc.http2.lookahead_bytes", 4 << 20),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_channelz", 1),
)


def call_metadata() -> tuple[tuple[str, str], ...]:
    """Metadata of an outgoing call: the request id that this task works for."""
    request_id = current_request_id()
    return ((REQUEST_ID_METADATA, request_id),) if request_id else ()


class ChannelPool:
    """Channels by target (`host:port` or `unix:/path`); use as an async context manager, which closes them.

    `tls` says what TLS channels trust and show; the system's roots and no certificate without it.
    """

    def __init__(self, tls: TlsFiles | None = None) -> None:
        self._tls = tls or TlsFiles()
        self._channels: dict[tuple[str, bool], tuple[str, grpc.aio.Channel]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        channels, self._channels = self._channels, {}
        for _address, channel in channels.values():
            await channel.close(grace=None)

    def channel(self, target: str, *, tls: bool = False, address: str | None = None) -> grpc.aio.Channel:
        """The channel to a target, made at its first use; it connects by itself, and again after a loss.

        `address`, a gRPC target of addresses alone, is connected to in place of what the target's name resolves to. When it changes the next call gets a
        new channel, and the old one ends with its last call.
        """
        key, at = (target, tls), address or target
        known = self._channels.get(key)
        if known is not None and known[0] == at:
            return known[1]
        options = list[tuple[str, int | str]](CHANNEL_OPTIONS)
        if at != target:
            options.append(("grpc.default_authority", target))
        if tls:
            if at != target:
                options.append(("grpc.ssl_target_name_override", target.rpartition(":")[0].strip("[]")))
            channel = grpc.aio.secure_channel(at, self._tls.channel(), options=options)
        else:
            channel = grpc.aio.insecure_channel(at, options=options)
        self._channels[key] = (at, channel)
        return channel

    async def drop(self, target: str, *, tls: bool = False) -> None:
        """Close and forget the channel to a target."""
        known = self._channels.pop((target, tls), None)
        if known is not None:
            await known[1].close(grace=None)

    def __repr__(self) -> str:
        return f"<ChannelPool {len(self._channels)} channels>"
