"""Uploads as streams of messages: the part that both upload RPCs have in common."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta
from typing import TypeVar

from joygrpc.mesh import JoygrpcError
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.storage.acceptance import AcceptanceService
from joygrpc.storage.objects import KeptObject
from joygrpc.storage.upload_checks import UploadRequest
from joygrpc.storage.uploads import Upload

T = TypeVar("T")
Step = TypeVar("Step", pb.WriteObjectRequest, pb.BeginUploadRequest)


_LINGER_S = 1.0
_LINGER_BYTES = 8 << 20


class UploadStalled(JoygrpcError):
    """The uploader sent nothing for too long."""

    reason = "UPLOAD_STALLED"


class UploadTruncated(JoygrpcError):
    """The upload ended before it was finished."""

    reason = "UPLOAD_TRUNCATED"


class StreamInvalid(JoygrpcError):
    """The messages of the upload do not come in the documented order."""

    reason = "REQUEST_INVALID"


async def within(stall: timedelta, requests: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The requests of a call; raises `UploadStalled` when none comes for `stall`."""
    iterator = aiter(requests)
    while True:
        try:
            async with asyncio.timeout(stall.total_seconds()):
                request = await anext(iterator)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadStalled(f"No data for {stall.total_seconds():g} s") from None
        yield request


async def started(
    requests: AsyncIterator[Step],
) -> pb.UploadStart:
    """The first message of an upload. Raises `StreamInvalid`."""
    first = await anext(requests, None)
    if first is None or first.WhichOneof("step") != "start":
        raise StreamInvalid("An upload begins with `start`")
    return first.start


def upload_request(start: pb.UploadStart, client: str) -> UploadRequest:
    """What the upload says about itself."""
    announced = start.announced_size if start.HasField("announced_size") else None
    return UploadRequest(
        start.object_id, start.storage_bucket_id, start.bag_id, start.token, start.offset, announced, client
    )


async def receive(upload: Upload, requests: AsyncIterator[Step]) -> KeptObject:
    """Takes the bytes and commits. Raises `UploadTruncated`, `StreamInvalid` and what the upload raises."""
    async for request in requests:
        match request.WhichOneof("step"):
            case "data":
                await upload.write(request.data)
            case "finish" | "commit":
                return await upload.commit()
            case _:
                raise StreamInvalid("After `start` an upload has `data` and its end")
    raise UploadTruncated("The upload ended before it was finished")


@contextlib.asynccontextmanager
async def lingering(requests: AsyncIterator[Step]) -> AsyncIterator[None]:
    """Lets a client that is refused in this block end what it is sending, for a second and 8 MiB at most, before the refusal goes out.

    A call that ends while its client writes loses its status in some client libraries (grpc.aio: "Internal error from Core"), and the uploader would not
    learn why. HTTP servers linger for the same reason.
    """
    try:
        yield
    except Exception:
        with contextlib.suppress(TimeoutError, UploadStalled):
            async with asyncio.timeout(_LINGER_S):
                await _discard(requests)
        raise


async def _discard(requests: AsyncIterator[Step]) -> None:
    size = 0
    async for request in requests:
        size += len(request.data)
        if size > _LINGER_BYTES or request.WhichOneof("step") in {"finish", "commit"}:
            return


class AcceptanceWait:
    """What an upload waits for after its commit: nothing in batched mode, inclusion on chain (for a time) in immediate mode."""

    def __init__(self, acceptance: AcceptanceService, timeout: timedelta | None) -> None:
        self._acceptance = acceptance
        self._timeout = timeout

    async def __call__(self, kept: KeptObject) -> None:
        """Raises `AcceptFailed`; the object is kept all the same."""
        if self._timeout is not None:
            await self._acceptance.wait_included(kept.object_id, self._timeout)
