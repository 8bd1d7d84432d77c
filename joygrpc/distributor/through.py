"""Delivering objects that the cache does not take, straight from their sources."""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from joygrpc.content import GROUP_SIZE, SNIFF_BYTES
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.errors import SourceFailed
from joygrpc.distributor.fetch import Fetch
from joygrpc.distributor.fills import PeersOf
from joygrpc.distributor.groups import GroupRun, groups_of_range
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.media_type import media_type_of
from joygrpc.distributor.proofs import Proofs, covered

REMEMBERED_TYPES = 4096


class PassThrough:
    """Reads objects without keeping them. Raises `NoSource`, `SourceFailed` and `SourceStalled`."""

    def __init__(self, links: PeerLinks, peers_of: PeersOf) -> None:
        self._links = links
        self._peers_of = peers_of
        self._types: OrderedDict[int, str] = OrderedDict()

    def __repr__(self) -> str:
        return f"<PassThrough {len(self._types)} media types known>"

    async def media_type(self, wanted: DirectoryObject) -> str:
        """The object's media type, by its first bytes."""
        known = self._types.get(wanted.object_id)
        if known is not None:
            self._types.move_to_end(wanted.object_id)
            return known
        head = bytearray()
        async with aclosing(self.read(wanted, 0, min(SNIFF_BYTES, wanted.size), whole_hash=False)) as pieces:
            async for data in pieces:
                head += data
        known = self._types[wanted.object_id] = media_type_of(bytes(head), wanted.fallback_media_type)
        if len(self._types) > REMEMBERED_TYPES:
            self._types.popitem(last=False)
        return known

    async def read(
        self, wanted: DirectoryObject, offset: int, end: int, *, whole_hash: bool = True
    ) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` to before `end`, verified.

        From sources without a tree, all but the last group of them come before the whole hash is known, and a wrong one ends them with
        `SourceFailed`; without `whole_hash` they come unverified.
        """
        fetch = Fetch(wanted, self._links.ranked(tuple(await self._peers_of(wanted.bag_id))), self._links)
        proofs = Proofs(fetch)
        run = groups_of_range(offset, end - offset, wanted.size)
        while run.count:
            proof = await proofs.of(run)
            if proof is None:
                break
            part = covered(run, proof)
            async with aclosing(fetch.blocks(part, proof)) as blocks:
                async for block in blocks:
                    first = block.run.first * GROUP_SIZE
                    data = block.data[max(0, offset - first) : end - first]
                    if data:
                        yield data
            run = GroupRun(part.end, run.end - part.end)
        if run.count:
            start = max(offset, run.first * GROUP_SIZE)
            async with aclosing(_held_back(fetch, start, end, GROUP_SIZE if whole_hash else 0)) as pieces:
                async for data in pieces:
                    yield data


async def _held_back(fetch: Fetch, offset: int, end: int, tail: int) -> AsyncGenerator[bytes, None]:
    """A range of an object whose hash is known only at its end; the last `tail` bytes of the range wait for that."""
    pending = bytearray()
    released = 0
    async with aclosing(fetch.pieces()) as pieces:
        async for piece in pieces:
            if piece.offset == 0:
                if released:
                    raise SourceFailed
                pending.clear()
            pending += piece.data[max(0, offset - piece.offset) : max(0, end - piece.offset)]
            ready = len(pending) - tail
            if ready > 0:
                released += ready
                yield bytes(pending[:ready])
                del pending[:ready]
            if not tail and released == end - offset:
                return
    if pending:
        yield bytes(pending)
