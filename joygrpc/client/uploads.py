"""Sending an object to a storage node."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp

from joygrpc.client.errors import ClientError, ObjectRefused

READ_BYTES = 1 << 20
"""Bytes that are read from the file at once."""


async def upload_file(
    session: aiohttp.ClientSession,
    endpoint: str,
    path: Path,
    *,
    object_id: int,
    bucket_id: int,
    bag_id: str,
    token: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> str:
    """Upload the file to the node at the root URL `endpoint`; returns the multihash that the node computed.

    `progress` is called with the number of bytes each time that many more were handed to the network. Raises `ObjectRefused` when the node says no
    and `ClientError` when it cannot be reached or the file cannot be read. Cancellation cuts the connection, and the node keeps nothing.
    """
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{object_id}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
    }
    if token is not None:
        headers["x-api-key"] = token
    parameters = {"dataObjectId": str(object_id), "storageBucketId": str(bucket_id), "bagId": bag_id}
    url = f"{endpoint.rstrip('/')}/api/v1/files"
    try:
        # With expect100 a node that refuses is heard before the bytes are on their way.
        async with session.post(
            url, params=parameters, headers=headers, data=_body(path, head, tail, progress), expect100=True
        ) as response:
            text = await response.text()
    except (aiohttp.ClientError, OSError) as error:
        raise ClientError(f"upload to {endpoint} failed: {error}") from error
    if response.status != 201:
        raise refusal(response.status, text)
    return str(json.loads(text)["id"])


async def _body(path: Path, head: bytes, tail: bytes, progress: Callable[[int], None] | None) -> AsyncIterator[bytes]:
    yield head
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, READ_BYTES):
            yield chunk
            if progress is not None:
                progress(len(chunk))
    yield tail


def refusal(status: int, text: str) -> ObjectRefused:
    """The error that a node's answer stands for."""
    try:
        body = json.loads(text)
        return ObjectRefused(status, str(body.get("type", "")), str(body["message"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ObjectRefused(status, "", text[:200].strip() or "(no message)")
