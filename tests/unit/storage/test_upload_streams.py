"""The messages of uploads: stall, order, and refusals that reach the client."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from joygrpc.mesh import JoygrpcError
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.storage.upload_streams import StreamInvalid, UploadStalled, lingering, started, upload_request, within

DATA = pb.WriteObjectRequest(data=b"x")
FINISH = pb.WriteObjectRequest(finish=pb.UploadFinish())
SECOND = timedelta(seconds=1)


async def stream(*requests: pb.WriteObjectRequest, then_silent: bool = False) -> AsyncIterator[pb.WriteObjectRequest]:
    for request in requests:
        yield request
    if then_silent:
        await asyncio.Event().wait()


async def refuse(requests: AsyncIterator[pb.WriteObjectRequest]) -> None:
    async with lingering(requests):
        raise JoygrpcError("no")


async def test_requests_pass_until_the_client_is_silent_for_too_long() -> None:
    requests = within(timedelta(milliseconds=20), stream(DATA, then_silent=True))
    assert await anext(requests) == DATA
    with pytest.raises(UploadStalled, match=r"^No data for 0\.02 s$"):
        await anext(requests)


async def test_an_upload_begins_with_its_start() -> None:
    start = pb.UploadStart(object_id=7, storage_bucket_id=2, bag_id="static:council")
    assert await started(within(SECOND, stream(pb.WriteObjectRequest(start=start)))) == start
    for requests in (stream(), stream(DATA), stream(FINISH)):
        with pytest.raises(StreamInvalid):
            await started(requests)


def test_an_announced_size_of_nothing_is_not_no_announcement() -> None:
    assert upload_request(pb.UploadStart(), "1.2.3.4").announced_size is None
    assert upload_request(pb.UploadStart(announced_size=0), "1.2.3.4").announced_size == 0


async def test_a_refused_client_ends_what_it_is_sending() -> None:
    requests = stream(DATA, DATA, FINISH, DATA)
    with pytest.raises(JoygrpcError, match="no"):
        await refuse(requests)
    assert await anext(requests) == DATA


async def test_a_refused_client_that_sends_too_much_is_not_heard_out() -> None:
    requests = stream(*[pb.WriteObjectRequest(data=bytes(1 << 20))] * 20)
    with pytest.raises(JoygrpcError, match="no"):
        await refuse(requests)
    assert len([request async for request in requests]) == 11


async def test_a_refused_client_that_is_silent_is_told_soon() -> None:
    with pytest.raises(JoygrpcError, match="no"):
        async with asyncio.timeout(5):
            await refuse(within(timedelta(milliseconds=20), stream(DATA, then_silent=True)))
