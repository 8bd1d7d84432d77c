"""Reading streams of calls with a limit on stall instead of on total time, and with errors of the table."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Protocol, TypeVar

import grpc

from joygrpc.mesh.errors import JoygrpcError
from joygrpc.mesh.status import error_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class StreamStalled(JoygrpcError):
    """The peer sent nothing for too long."""

    reason = "SOURCE_STALLED"


class ResponseStream(Protocol[T_co]):
    """What a streaming call returns, as far as it is read here."""

    async def read(self) -> T_co:
        """The next response, or `grpc.aio.EOF`."""

    def cancel(self) -> bool:
        """End the call."""


async def read_stream(call: ResponseStream[T], stall: timedelta) -> AsyncGenerator[T, None]:
    """The responses of a call, one by one.

    Raises `MeshError` when the call fails and `StreamStalled` when no response comes for `stall`. Leaving the loop early, cancellation included,
    cancels the call.
    """
    try:
        while True:
            try:
                async with asyncio.timeout(stall.total_seconds()):
                    response = await call.read()
            except TimeoutError:
                raise StreamStalled(f"No data for {stall.total_seconds():g} s") from None
            except grpc.aio.AioRpcError as error:
                raise error_of(error) from error
            if response is grpc.aio.EOF:
                return
            yield response
    finally:
        call.cancel()
