"""A storage node that replicates from peers that lie: it notices, names and counts the lie, takes the object from the next peer, and never serves a wrong byte."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from joygrpc.pb.joystream.metadata import storage_pb2 as metadata
from tests.faults import lying_peers as lies
from tests.faults.devnet_process import free_port
from tests.faults.ground import BAG, Ground, eventually, storage_ground
from tests.faults.ledger import Piece
from tests.unit.distributor.storage_peers import Peer, storage_peer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

LIAR, HONEST = 1, 2
SMALL, PROVEN = 300_000, 9 << 20
"""Sizes below and above what is asked for with a proof."""
TAKEN_AT_MOST = 64 << 20


@dataclass
class Market:
    """The node, and an honest peer that may or may not have an object yet."""

    ground: Ground
    honest: Peer

    async def introduce(self, worker: int, *, rest: int = 0, grpc: int = 0) -> None:
        """Tells the chain where a peer is now; a port of 0 is one on which nobody listens."""
        extra = json.dumps({"grpc": f"grpc://127.0.0.1:{grpc}"}) if grpc else ""
        message = metadata.StorageBucketOperatorMetadata(
            endpoint=f"http://127.0.0.1:{rest or free_port()}", extra=extra
        )
        await self.ground.devnet.call(
            "devnet_setStorageMetadata", worker=worker, bucket=worker, metadata="0x" + message.SerializeToString().hex()
        )

    async def owe(self, piece: Piece) -> None:
        """Has the honest peer accept an object, so that the node owes it."""
        await self.ground.devnet.accept(HONEST, BAG, [piece.id])

    async def owe_until_counted(self, piece: Piece, source: str, problem: str) -> None:
        """Has the node owe an object that only the liar has, until it has counted the problem."""
        sample = f'joygrpc_storage_peer_refusals_total{{problem="{problem}",source="{source}",worker="{LIAR}"}}'
        before = await self.ground.metric(sample)
        await self.owe(piece)

        async def counted() -> bool:
            await self.ground.node.run_chore("sync")
            return await self.ground.metric(sample) > before

        await eventually(counted, within_s=15)
        assert piece.id not in await asyncio.to_thread(self.ground.lane.folder.entries)

    async def until_fetched(self, piece: Piece) -> None:
        """Waits until the node has the object, whole."""

        async def fetched() -> bool:
            await self.ground.node.run_chore("sync")
            return piece.id in await asyncio.to_thread(self.ground.lane.folder.entries)

        await eventually(fetched, within_s=15)
        assert await self.ground.clients.compare(self.ground.node, piece) == "OK"
        await self.ground.check()
        assert await asyncio.to_thread(self.ground.lane.folder.incoming) == set()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    async with (
        storage_peer({}) as honest,
        storage_ground(
            tmp_path_factory.mktemp("peers"),
            lambda config: config.model_copy(
                update={"sync": config.sync.model_copy(update={"stall_timeout_s": 0.7, "timeout_s": 2.0})}
            ),
        ) as ground,
    ):
        market = Market(ground, honest)
        assert honest.grpc_target is not None
        await market.introduce(
            HONEST, rest=int(honest.endpoint.rsplit(":", 1)[1]), grpc=int(honest.grpc_target.rsplit(":", 1)[1])
        )
        yield market


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        (lies.wrong_bytes, "wrong_bytes"),
        (lies.another_size, "other_object"),
        (lies.short, "broken"),
        (lies.short_in_chunks, "truncated"),
        (lies.endless, "too_long"),
        (lies.stalled, "stalled"),
        (lies.silent, "stalled"),
        (lies.trickling, "slow"),
        (lies.reset_half_way, "broken"),
        (lies.redirecting, "redirected"),
        (lies.huge_header, "headers"),
        (lies.endless_headers, "headers"),
        (lies.no_http, "headers"),
        (lies.server_error, "status"),
        (lies.encoded, "broken"),
    ],
)
async def test_lies_over_rest(market: Market, lie: lies.RestLie, problem: str) -> None:
    (piece,) = await market.ground.pieces(1, SMALL)
    async with lies.rest_liar({piece.id: piece.data}, lie) as (port, tongues):
        await market.introduce(LIAR, rest=port)
        await market.owe_until_counted(piece, "rest", problem)
        market.honest.objects[piece.id] = piece.data
        await market.until_fetched(piece)
        assert max(tongue.sent for tongue in tongues) < TAKEN_AT_MOST


@pytest.mark.parametrize(
    ("size", "reading", "proving", "problem"),
    [
        (SMALL, lies.grpc_wrong_bytes, lies.right_tree, "wrong_bytes"),
        (SMALL, lies.grpc_other_object, lies.right_tree, "other_object"),
        (SMALL, lies.grpc_short, lies.right_tree, "truncated"),
        (SMALL, lies.grpc_endless, lies.right_tree, "too_long"),
        (SMALL, lies.grpc_stalled, lies.right_tree, "stalled"),
        (SMALL, lies.grpc_broken, lies.right_tree, "broken"),
        (SMALL, lies.grpc_dying, lies.right_tree, "unreachable"),
        (SMALL, lies.grpc_huge_message, lies.right_tree, "broken"),
        (SMALL, lies.grpc_data_first, lies.right_tree, "other_object"),
        (SMALL, lies.grpc_nothing, lies.right_tree, "broken"),
        (PROVEN, lies.grpc_wrong_bytes, lies.right_tree, "wrong_bytes"),
        (PROVEN, lies.grpc_honest, lies.wrong_tree, "wrong_tree"),
        (PROVEN, lies.grpc_honest, lies.endless_tree, "wrong_tree"),
    ],
)
async def test_lies_over_the_mesh(
    market: Market, size: int, reading: lies.GrpcLie, proving: lies.GrpcLie, problem: str
) -> None:
    (piece,) = await market.ground.pieces(1, size)
    async with lies.grpc_liar({piece.id: piece.data}, reading, proving) as port:
        await market.introduce(LIAR, grpc=port)
        await market.owe_until_counted(piece, "grpc", problem)
        market.honest.objects[piece.id] = piece.data
        await market.until_fetched(piece)


async def test_a_mesh_address_that_speaks_no_grpc(market: Market) -> None:
    (piece,) = await market.ground.pieces(1, SMALL)

    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        await market.introduce(LIAR, grpc=server.sockets[0].getsockname()[1])
        await market.owe_until_counted(piece, "grpc", "unreachable")
        market.honest.objects[piece.id] = piece.data
        await market.until_fetched(piece)


async def test_an_honest_peer_that_dies_half_way_is_gone_on_with(market: Market) -> None:
    (piece,) = await market.ground.pieces(1, PROVEN)
    async with storage_peer({piece.id: piece.data}) as peer:
        peer.behaviour.dies_at = 4 << 20
        assert peer.grpc_target is not None
        await market.introduce(LIAR, grpc=int(peer.grpc_target.rsplit(":", 1)[1]))
        await market.owe(piece)
        await market.until_fetched(piece)
        # The second half was not paid for twice.
        assert peer.bytes_sent < piece.size + (2 << 20)
