"""The uploader against a real HTTP server that shows what arrived."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from joygrpc.client import ClientError, ObjectRefused, WaitTimedOut, upload_file, wait_until_served


class Node:
    def __init__(self) -> None:
        self.answer: tuple[int, object] = (201, {"id": "gW-of-it"})
        self.query: dict[str, str] = {}
        self.file = b""
        self.key: str | None = None
        self.heads = 0

    async def upload(self, request: web.Request) -> web.Response:
        self.query, self.key = dict(request.query), request.headers.get("x-api-key")
        part = await (await request.multipart()).next()
        assert isinstance(part, aiohttp.BodyPartReader)
        self.file = bytes(await part.read())
        status, body = self.answer
        return (
            web.json_response(body, status=status)
            if isinstance(body, dict)
            else web.Response(status=status, text=str(body))
        )

    async def head(self, request: web.Request) -> web.Response:
        self.heads += 1
        return web.Response(status=200 if self.heads > 2 else 404)


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
async def root(node: Node) -> AsyncIterator[str]:
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/api/v1/files", node.upload)
    app.router.add_route("HEAD", "/api/v1/files/1", node.head)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def upload(session: aiohttp.ClientSession, root: str, path: Path, **more: object) -> str:
    return await upload_file(session, root, path, object_id=7, bucket_id=2, bag_id="dynamic:channel:1", **more)


async def test_the_file_arrives_whole_with_its_parameters(session, root: str, node: Node, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 10_000)
    steps: list[int] = []
    assert await upload(session, root, path, progress=steps.append, token="t0ken") == "gW-of-it"
    assert node.file == path.read_bytes()
    assert node.query == {"dataObjectId": "7", "storageBucketId": "2", "bagId": "dynamic:channel:1"}
    assert node.key == "t0ken"
    assert sum(steps) == len(node.file)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"type": "upload", "message": "Error: no"}, "upload", "Error: no"),
        ("plain text", "", "plain text"),
        ("", "", "(no message)"),
    ],
)
async def test_a_refusal_says_what_the_node_said(
    session, root: str, node: Node, tmp_path: Path, body, kind, message
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    node.answer = (400, body)
    with pytest.raises(ObjectRefused) as caught:
        await upload(session, root, path)
    assert (caught.value.status, caught.value.kind, caught.value.message) == (400, kind, message)


async def test_a_node_that_is_not_there_is_an_error_of_the_client(session, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with pytest.raises(ClientError, match="failed"):
        await upload(session, "http://127.0.0.1:1", path)


async def test_waiting_ends_when_the_node_serves(session, root: str, node: Node) -> None:
    await wait_until_served(session, [f"{root}/api/v1/files/1"], timedelta(seconds=10))
    assert node.heads == 3


async def test_waiting_gives_up_and_names_the_last_answer(session, root: str) -> None:
    with pytest.raises(WaitTimedOut, match="404"):
        await wait_until_served(session, [f"{root}/api/v1/files/2"], timedelta(milliseconds=400))
