"""Having a peer prove that it has an object: its size, and the bytes of one group that it could not have foreseen."""

import asyncio
import contextlib
import random
from datetime import timedelta
from typing import cast

import aiohttp
import grpc
import structlog

from joygrpc.content import (
    GROUP_SIZE,
    InvalidTree,
    Tree,
    TreeSlice,
    decode_multihash,
    group_count,
    group_span,
    verify_group,
)
from joygrpc.directory import StoragePeer
from joygrpc.mesh import JoygrpcError, call_metadata, error_of, read_stream
from joygrpc.mesh.streams import ResponseStream
from joygrpc.pb.joystream.storage.v1 import storage_pb2 as pb
from joygrpc.pb.joystream.storage.v1 import storage_pb2_grpc as rpc
from joygrpc.storage.maintenance_metrics import CLEANUP_PROOFS
from joygrpc.storage.objects import KeptObject
from joygrpc.storage.peer_sources import PeerSources, SourceFailed
from joygrpc.storage.store import ObjectStore, TreeMissing

log = structlog.get_logger(__name__)

_MAX_PROOF_BYTES = 1 << 20
"""More than the inner nodes of one group of any object."""


class ProofFailed(JoygrpcError):
    """The peer does not have the object that it should."""

    reason = "SOURCE_FAILED"


class ReplicaProver:
    """Asks peers for proof: over the mesh, and over plain REST where that fails. `timeout` is for one attempt."""

    def __init__(self, *, store: ObjectStore, sources: PeerSources, timeout: timedelta) -> None:
        self._store, self._sources = store, sources
        self._timeout = timeout

    async def proves(self, peer: StoragePeer, kept: KeptObject) -> bool:
        """Whether the peer has the object, as far as one random group tells."""
        group = random.randrange(group_count(kept.size))  # noqa: S311 - a peer does not see the generator
        if peer.grpc_target is not None and await self._attempt("grpc", peer, kept, group):
            return True
        return bool(peer.endpoint) and await self._attempt("rest", peer, kept, group)

    async def _attempt(self, kind: str, peer: StoragePeer, kept: KeptObject, group: int) -> bool:
        reason = "OK"
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                await (self._over_mesh(peer, kept, group) if kind == "grpc" else self._over_rest(peer, kept, group))
        except TimeoutError:
            reason = "SOURCE_STALLED"
        except JoygrpcError as error:
            reason = error.reason
        CLEANUP_PROOFS.labels(kind, reason).inc()
        if reason != "OK":
            log.info("peer does not prove", object_id=kept.object_id, worker=peer.worker_id, source=kind, reason=reason)
        return reason == "OK"

    async def _over_mesh(self, peer: StoragePeer, kept: KeptObject, group: int) -> None:
        """The peer's own tree shows the group, so nothing here need be right but the multihash."""
        assert peer.grpc_target is not None
        stub = rpc.StorageServiceStub(self._sources.channels.channel(peer.grpc_target, tls=peer.grpc_tls))
        try:
            told = await stub.GetObject(pb.GetObjectRequest(object_id=kept.object_id), metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        if (told.object.size, told.object.multihash) != (kept.size, kept.multihash):
            raise ProofFailed("The peer has another object under this id")
        start, stop = group_span(group, kept.size)
        part = {"object_id": kept.object_id, "offset": start, "limit": stop - start}
        tree = await self._collect(
            stub.GetObjectTree(pb.GetObjectTreeRequest(**part), metadata=call_metadata()), _MAX_PROOF_BYTES
        )
        data = await self._collect(
            stub.ReadObject(pb.ReadObjectRequest(**part), metadata=call_metadata()), stop - start
        )
        try:
            shown = TreeSlice.parse(tree, kept.size, decode_multihash(kept.multihash), start, stop - start)
        except InvalidTree as error:
            raise ProofFailed("The peer's tree is wrong") from error
        if not verify_group(group, data, shown):
            raise ProofFailed("The peer's bytes are wrong")

    async def _over_rest(self, peer: StoragePeer, kept: KeptObject, group: int) -> None:
        """Our tree, itself checked against the multihash, says what the group must be."""
        tree = await self._own_tree(kept)
        start, stop = group_span(group, kept.size)
        url = f"{peer.endpoint.rstrip('/')}/api/v1/files/{kept.object_id}"
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        limits = aiohttp.ClientTimeout(total=self._timeout.total_seconds())
        try:
            async with self._sources.session.get(url, allow_redirects=False, timeout=limits, headers=headers) as answer:
                whole = answer.status == 200 and kept.size <= GROUP_SIZE and answer.content_length == kept.size
                part = (
                    answer.status == 206
                    and answer.headers.get("Content-Range") == f"bytes {start}-{stop - 1}/{kept.size}"
                )
                if not whole and not part:
                    raise ProofFailed(f"The peer answered {answer.status}")
                data = await answer.content.readexactly(stop - start)
        except asyncio.IncompleteReadError as error:
            raise ProofFailed("The peer sends less than it should") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise SourceFailed(f"The peer's answer broke off: {type(error).__name__}") from error
        if not verify_group(group, data, tree):
            raise ProofFailed("The peer's bytes are wrong")

    async def _collect(self, call: object, limit: int) -> bytes:
        """The data of a call's responses, the first of which is a header. Raises `ProofFailed` when there is more than `limit`."""
        data = bytearray()
        responses = read_stream(
            cast("ResponseStream[pb.ReadObjectResponse | pb.GetObjectTreeResponse]", call), self._timeout
        )
        async with contextlib.aclosing(responses):
            async for response in responses:
                data += response.data
                if len(data) > limit:
                    raise ProofFailed("The peer sends more than was asked for")
        return bytes(data)

    async def _own_tree(self, kept: KeptObject) -> Tree:
        root = decode_multihash(kept.multihash)
        serialised = await self._store.tree(kept.object_id) if group_count(kept.size) > 1 else b""
        try:
            return await asyncio.to_thread(Tree.parse, serialised, kept.size, root)
        except InvalidTree as error:
            raise TreeMissing from error
