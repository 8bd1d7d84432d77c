"""Clients of a storage node that write down what they were answered, and readers that compare what they get."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator

import grpc

from joygrpc.content import GROUP_SIZE, Tree, decode_multihash
from joygrpc.mesh import error_of
from joygrpc.mesh.status import DETAILS_KEY
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from tests.faults.ledger import Ledger, Piece
from tests.faults.supply import Supply
from tests.integration.storage_program import RunningNode

_PIECE_BYTES = 300_000
_DEATH_S = 2.0
_HELD = {"OBJECT_ALREADY_PENDING", "OBJECT_ALREADY_STORED"}
"""Refusals by which the node says that it has the object: as binding as a 201."""
_GONE = {"NODE_UNAVAILABLE", "CANCELLED", "NODE_SHUTTING_DOWN"}
"""How a call ends whose node dies."""
_PASSING = {"UPLOAD_IN_PROGRESS", "CHAIN_UNAVAILABLE", "BUCKET_NOT_SERVED", "UPLOAD_TRUNCATED", "OFFSET_MISMATCH"}
"""Refusals that say nothing about the object: somebody else is at it, or the chain is away."""


def cut(data: bytes) -> list[bytes]:
    """The bytes in messages."""
    return [data[start : start + _PIECE_BYTES] for start in range(0, len(data), _PIECE_BYTES)]


async def through_mesh(node: RunningNode, start: pb.UploadStart, pieces: list[bytes], *, finish: bool = True) -> None:
    """An upload as a client of the mesh makes it; returns when it was acknowledged."""

    async def requests() -> AsyncIterator[pb.WriteObjectRequest]:
        yield pb.WriteObjectRequest(start=start)
        for piece in pieces:
            yield pb.WriteObjectRequest(data=piece)
        if finish:
            yield pb.WriteObjectRequest(finish=pb.UploadFinish())

    await node.mesh.WriteObject(requests())


async def through_edge(node: RunningNode, start: pb.UploadStart, pieces: list[bytes]) -> None:
    """An upload as a gateway makes it, which answers 201 when this returns."""
    call = node.edge.BeginUpload()
    await call.write(pb.BeginUploadRequest(start=start))
    if await call.read() is not grpc.aio.EOF:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for piece in pieces:
                await call.write(pb.BeginUploadRequest(data=piece))
            await call.write(pb.BeginUploadRequest(commit=pb.UploadFinish()))
            await call.done_writing()
            committed = await call.read()
            if committed is not grpc.aio.EOF and committed.WhichOneof("step") == "committed":
                return
    raise grpc.aio.AioRpcError(
        await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
    )


async def read(node: RunningNode, object_id: int) -> bytes:
    """The whole object; raises `AioRpcError`."""
    data = bytearray()
    async for response in node.mesh.ReadObject(pb.ReadObjectRequest(object_id=object_id)):
        data += response.data
    return bytes(data)


async def has_right_tree(node: RunningNode, piece: Piece) -> bool:
    """Whether the node has a tree of the object, and the right one."""
    nodes = bytearray()
    try:
        async for response in node.mesh.GetObjectTree(pb.GetObjectTreeRequest(object_id=piece.id)):
            nodes += response.data
        Tree.parse(bytes(nodes), piece.size, decode_multihash(piece.multihash))
    except grpc.aio.AioRpcError as error:
        # A tree that is missing is made again; a wrong one would not be noticed.
        return error_of(error).reason in _GONE | {"TREE_NOT_FOUND"}
    except ValueError:
        return piece.size <= GROUP_SIZE
    return True


def is_answer(error: grpc.aio.AioRpcError) -> bool:
    """Whether the node itself ended the call, rather than the connection."""
    return any(key == DETAILS_KEY for key, _ in error.trailing_metadata() or ())


async def _dies(node: RunningNode) -> bool:
    """Whether the node is dead, or is by the time that the kernel has told."""
    try:
        async with asyncio.timeout(_DEATH_S):
            await node.process.wait()
    except TimeoutError:
        return False
    return True


class Clients:
    """Those who use one node: they upload new objects and what a killed node did not acknowledge, give up half-way now and then, and read all the time."""

    def __init__(self, worker: int, ledger: Ledger, supply: Supply, rng: random.Random) -> None:
        self._worker = worker
        self._ledger, self._supply, self.rng = ledger, supply, rng
        self._open: list[Piece] = []
        self._recent: list[Piece] = []
        self.answers: Counter[str] = Counter()

    async def use(self, node: RunningNode, uploaders: int = 3) -> None:
        """Goes on until it is cancelled or the node is gone."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(uploaders):
                tasks.create_task(self._upload_on(node))
            tasks.create_task(self._read_on(node))

    async def _upload_on(self, node: RunningNode) -> None:
        while True:
            piece = self._open.pop(0) if self._open and self.rng.random() < 0.5 else await self._supply.take()
            self._recent = [*self._recent[-20:], piece]
            reason = "CANCELLED"
            try:
                reason = await self.upload(node, piece)
            finally:
                if reason not in _HELD | {"OK"}:
                    self._open.append(piece)
            if reason in _GONE:
                return
            if reason in _PASSING:
                await asyncio.sleep(0.1)

    async def upload(self, node: RunningNode, piece: Piece) -> str:
        """Uploads an object and notes the answer; `OK` or the reason of the refusal."""
        reason = "OK"
        try:
            await self._send(node, piece)
            self._ledger.acknowledge(self._worker, piece.id)
        except grpc.aio.AioRpcError as error:
            reason = error_of(error).reason
            if not is_answer(error):
                # What the client's library makes of a connection that ends has many names, and means nothing but that.
                reason = "NODE_UNAVAILABLE"
                if not await _dies(node):
                    self._ledger.violate(self._worker, f"the upload of object {piece.id} got no answer: {error!r}")
            elif reason in _HELD:
                self._ledger.acknowledge(self._worker, piece.id)
            elif reason not in _GONE | _PASSING:
                self._ledger.violate(self._worker, f"the upload of object {piece.id} was refused: {error_of(error)!r}")
        self.answers[reason] += 1
        return reason

    async def _send(self, node: RunningNode, piece: Piece) -> None:
        start, pieces = piece.start(self._worker), cut(piece.data)
        way = self.rng.random()
        if way < 0.5:
            await through_edge(node, start, pieces)
        elif way < 0.85 or len(pieces) == 1:
            await through_mesh(node, start, pieces)
        else:
            # The client is cut off, asks how far it came, and goes on.
            with contextlib.suppress(grpc.aio.AioRpcError):
                await through_mesh(node, start, pieces[: len(pieces) // 2], finish=False)
            done = (await node.mesh.QueryWrite(pb.QueryWriteRequest(object_id=piece.id))).committed_size
            await through_mesh(node, piece.start(self._worker, done), cut(piece.data[done:]))

    async def _read_on(self, node: RunningNode) -> None:
        while True:
            if not self._recent:
                await asyncio.sleep(0.01)
                continue
            piece = self.rng.choice(self._recent)
            reason = await self.compare(node, piece)
            if reason in _GONE:
                return
            await asyncio.sleep(0.01)

    async def compare(self, node: RunningNode, piece: Piece) -> str:
        """Reads an object, which may not be there; what comes must be the whole of it."""
        try:
            data = await read(node, piece.id)
        except grpc.aio.AioRpcError as error:
            return error_of(error).reason
        if data != piece.data:
            self._ledger.violate(
                self._worker, f"object {piece.id} was served as {len(data)} bytes that are not its {piece.size}"
            )
        return "OK"
