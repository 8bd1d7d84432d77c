"""Delivering objects that the cache does not take, straight from their sources."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

from joygrpc.content import GROUP_SIZE, SNIFF_BYTES
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.errors import SourceFailed
from joygrpc.distributor.fetch import Claim, Fetch
from joygrpc.distributor.fills import PeersOf
from joygrpc.distributor.groups import GroupRun, groups_of_range
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.media_type import media_type_of
from joygrpc.distributor.proofs import Proofs, covered

REMEMBERED_TYPES = 4096

FIRST_PULL_GROUPS = 2
LONGEST_PULL_GROUPS = 16
"""Groups (4 MiB) that are asked of a source at a time."""


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

        A few MiB are asked for at a time and held while the reader takes them, so that a slow one keeps no connection to a source busy. From sources
        without a tree, all but the last group come as the source sends them, before the whole hash is known, and a wrong one ends them with
        `SourceFailed`; without `whole_hash` they come unverified.
        """
        sources = self._links.ranked(tuple(await self._peers_of(wanted.bag_id)), wanted.object_id)
        fetch = Fetch(wanted, sources, self._links)
        proofs = Proofs(fetch)
        run = groups_of_range(offset, end - offset, wanted.size)
        if run.count and await proofs.of(run) is not None:
            async with aclosing(_pulled(fetch, proofs, run)) as blocks:
                async for first, data in blocks:
                    if wanted_part := data[max(0, offset - first) : end - first]:
                        yield wanted_part
        elif run.count:
            async with aclosing(_held_back(fetch, offset, end, GROUP_SIZE if whole_hash else 0)) as pieces:
                async for data in pieces:
                    yield data


async def _pulled(fetch: Fetch, proofs: Proofs, run: GroupRun) -> AsyncGenerator[tuple[int, bytes], None]:
    """Verified pieces of a run with their offsets; the next ones are fetched while the reader takes those that are here."""
    following: asyncio.Task[tuple[GroupRun, list[tuple[int, bytes]]]] | None = None
    most = FIRST_PULL_GROUPS
    try:
        while run.count or following is not None:
            if following is None:
                part = GroupRun(run.first, min(run.count, most))
                following = asyncio.ensure_future(_pull(fetch, proofs, part))
            brought, blocks = await following
            following = None
            run = GroupRun(brought.end, run.end - brought.end)
            most = min(2 * most, LONGEST_PULL_GROUPS)
            if run.count:
                following = asyncio.ensure_future(_pull(fetch, proofs, GroupRun(run.first, min(run.count, most))))
            for block in blocks:
                yield block
    finally:
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _pull(fetch: Fetch, proofs: Proofs, run: GroupRun) -> tuple[GroupRun, list[tuple[int, bytes]]]:
    proof = await proofs.of(run)
    if proof is None:
        # Those who had the tree of its beginning have gone since.
        raise SourceFailed
    part = covered(run, proof)
    async with aclosing(fetch.blocks(Claim(part), proof)) as blocks:
        return part, [(block.run.first * GROUP_SIZE, block.data) async for block in blocks]


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
