"""Having a peer prove that it has an object: its size, and the bytes of one group that it could not have foreseen."""

import asyncio
import contextlib
import random
from datetime import timedelta

import aiohttp
import structlog

from joygrpc.content import (
    GROUP_SIZE,
    BagId,
    InvalidTree,
    Tree,
    decode_multihash,
    group_count,
    group_span,
    verify_group,
)
from joygrpc.directory import DirectoryObject, StoragePeer
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.maintenance_metrics import CLEANUP_PROOFS
from joygrpc.storage.objects import KeptObject
from joygrpc.storage.peer_sources import PeerSource, PeerSources
from joygrpc.storage.store import ObjectStore, TreeMissing

log = structlog.get_logger(__name__)


class ProofFailed(JoygrpcError):
    """The peer does not have the object that it should."""

    reason = "SOURCE_FAILED"


class ReplicaProver:
    """Asks peers for proof: over the mesh, and over plain REST where that fails. `timeout` is for one attempt."""

    def __init__(self, *, store: ObjectStore, sources: PeerSources, timeout: timedelta) -> None:
        self._store, self._sources = store, sources
        self._timeout = timeout

    async def proves(self, peer: StoragePeer, kept: KeptObject, bag_id: BagId) -> bool:
        """Whether the peer has the object, which is in that bag now, as far as one random group tells."""
        wanted = DirectoryObject(kept.object_id, kept.size, kept.multihash, bag_id, accepted=True)
        group = random.randrange(group_count(kept.size))  # noqa: S311 - a peer does not see the generator
        for source in self._sources.of([peer]):
            if await self._attempt(source, wanted, group):
                return True
        return False

    async def _attempt(self, source: PeerSource, wanted: DirectoryObject, group: int) -> bool:
        reason = "OK"
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                if source.kind == "grpc":
                    await _over_mesh(source, wanted, group)
                else:
                    await self._over_rest(source, wanted, group)
        except TimeoutError:
            reason = "SOURCE_STALLED"
        except JoygrpcError as error:
            reason = error.reason
        CLEANUP_PROOFS.labels(source.kind, reason).inc()
        if reason != "OK":
            log.info("peer does not prove", object_id=wanted.object_id, source=source, reason=reason)
        return reason == "OK"

    async def _over_rest(self, source: PeerSource, wanted: DirectoryObject, group: int) -> None:
        """Our tree, itself checked against the multihash, says what the group must be. The answer must tell the object's size, too."""
        tree = await self._own_tree(wanted)
        start, stop = group_span(group, wanted.size)
        url = f"{source.address}/api/v1/files/{wanted.object_id}"
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        limits = aiohttp.ClientTimeout(total=self._timeout.total_seconds())
        try:
            async with self._sources.session.get(url, allow_redirects=False, timeout=limits, headers=headers) as answer:
                whole = answer.status == 200 and wanted.size <= GROUP_SIZE and answer.content_length == wanted.size
                told = answer.headers.get("Content-Range")
                part = answer.status == 206 and told == f"bytes {start}-{stop - 1}/{wanted.size}"
                if not whole and not part:
                    raise ProofFailed(f"The peer answered {answer.status}")
                data = await answer.content.readexactly(stop - start)
        except asyncio.IncompleteReadError as error:
            raise ProofFailed("The peer sends less than it should") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ProofFailed(f"The peer's answer broke off: {type(error).__name__}") from error
        if not verify_group(group, data, tree):
            raise ProofFailed("The peer's bytes are wrong")

    async def _own_tree(self, wanted: DirectoryObject) -> Tree:
        root = decode_multihash(wanted.multihash)
        serialised = await self._store.tree(wanted.object_id) if group_count(wanted.size) > 1 else b""
        try:
            return await asyncio.to_thread(Tree.parse, serialised, wanted.size, root)
        except InvalidTree as error:
            raise TreeMissing from error


async def _over_mesh(source: PeerSource, wanted: DirectoryObject, group: int) -> None:
    """The peer's own tree shows the group, so nothing here need be right but the multihash."""
    start, stop = group_span(group, wanted.size)
    shown = await source.prove(wanted, start, stop - start)
    data = bytearray()
    async with contextlib.aclosing(source.read(wanted, start, stop - start)) as chunks:
        async for chunk in chunks:
            data += chunk
    if not verify_group(group, data, shown):
        raise ProofFailed("The peer's bytes are wrong")
