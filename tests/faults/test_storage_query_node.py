"""A storage node whose query node is away, behind, or answers nonsense: what it has stays, what comes is taken, and it tells."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from joygrpc.config import StorageNodeConfig
from tests.faults.ground import Ground, eventually, storage_ground
from tests.faults.ledger import Piece

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with storage_ground(tmp_path_factory.mktemp("query-node")) as ground:
        pieces = await ground.pieces(5)
        await ground.upload(pieces)
        await ground.until_accepted(pieces)
        yield ground


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        ({"query_node_error": "http_500"}, {"QUERY_NODE_UNAVAILABLE"}),
        ({"query_node_error": "graphql_error"}, {"QUERY_NODE_UNAVAILABLE"}),
        ({"query_node_error": "null_data"}, {"QUERY_NODE_MALFORMED"}),
        ({"query_node_error": "hang"}, {"QUERY_NODE_UNAVAILABLE"}),
        ({}, {"QUERY_NODE_UNAVAILABLE"}),
    ],
    ids=["http_500", "graphql_error", "null_data", "hang", "away"],
)
async def test_a_query_node_that_cannot_be_trusted(ground: Ground, fault: dict[str, Any], reasons: set[str]) -> None:
    if fault:
        await ground.devnet.set_fault(**fault)
    else:
        await ground.query_node.close()
    await ground.until_status(lambda status: status.last_error in reasons, "directory-refresh")

    pieces = await _uploaded_before_and_after_a_restart(ground, reasons)

    await ground.devnet.set_fault(clear=True)
    if not fault:
        await ground.query_node.open()
    await ground.until_status(
        lambda status: not status.last_error and status.complete, "directory-probe", "directory-refresh"
    )
    await ground.check()
    await ground.until_accepted(pieces)


async def test_a_query_node_that_is_behind(ground: Ground) -> None:
    await ground.devnet.set_fault(query_node_lag_blocks=1000)
    await ground.devnet.call("devnet_seal", count=20)
    # As long as the node remembers every block since, an old picture and the blocks make a new one.
    await ground.until_status(
        lambda status: status.directory_height - status.query_node_height >= 20, "directory-probe", "directory-refresh"
    )
    status = await ground.status()
    assert (status.last_error, status.complete) == ("", True)
    pieces = await _uploaded_before_and_after_a_restart(ground, {"QUERY_NODE_BEHIND"})
    await ground.devnet.set_fault(clear=True)
    await ground.until_status(
        lambda status: not status.last_error and status.complete, "directory-probe", "directory-refresh"
    )
    await ground.check()
    await ground.until_accepted(pieces)


async def _uploaded_before_and_after_a_restart(ground: Ground, reasons: set[str]) -> list[Piece]:
    """Objects that the node knows by the chain's blocks alone; it says why, from its start on."""
    before, after = await ground.pieces(2), await ground.pieces(2)
    await ground.upload(before)
    await ground.until_stored(before)
    await ground.restart()
    await ground.until_status(lambda status: status.last_error in reasons, "directory-refresh")
    assert not (await ground.status()).complete
    await ground.upload(after)
    await ground.until_stored(after)
    await ground.check()
    return [*before, *after]


@contextlib.asynccontextmanager
async def forgetful() -> AsyncIterator[dict[str, str]]:
    """A query node in front of another one (`["behind"]`) that leaves out every second object, and knows none by its id; the address is `["url"]`."""
    addresses: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        async with ClientSession() as session, session.post(addresses["behind"], json=await request.json()) as response:
            body = await response.json()
        data = body.get("data") or {}
        if "storageDataObjects" in data:
            data["storageDataObjects"] = data["storageDataObjects"][::2]
        if "storageDataObjectById" in data:
            data["storageDataObjectById"] = None
        return web.json_response(body)

    app = web.Application()
    app.add_routes([web.post("/graphql", answer)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        addresses["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/graphql"
        yield addresses
    finally:
        await runner.cleanup()


async def test_objects_that_the_query_node_leaves_out_are_kept(tmp_path: Path) -> None:
    owed = 'joygrpc_storage_cleanup_verdicts_total{verdict="owed"}'
    async with forgetful() as middle:

        def behind_it(config: StorageNodeConfig) -> StorageNodeConfig:
            middle["behind"] = config.query_node.url
            return config.model_copy(update={"query_node": config.query_node.model_copy(update={"url": middle["url"]})})

        async with storage_ground(tmp_path, behind_it) as ground:
            pieces = await ground.pieces(8)
            await ground.upload(pieces)
            await ground.until_stored(pieces)
            # Its picture lacks half of them from now on, and it does not know.
            await ground.node.run_chore("directory-refresh")

            async def doubted() -> bool:
                return await ground.metric(owed) >= len(pieces) // 2

            await eventually(doubted)
            assert (await ground.status()).complete
            await ground.check()
            await ground.restart()
            await ground.until_status(lambda status: status.complete, "directory-refresh")
            await eventually(doubted)
            await ground.check()
            assert await ground.states(pieces) == {"stored"}
