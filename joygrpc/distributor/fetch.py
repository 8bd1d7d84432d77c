"""Bringing the bytes of one object from its sources, going on with the next source where one fails."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from joygrpc.content import (
    GROUP_SIZE,
    InvalidMultihash,
    InvalidTree,
    TreeBuilder,
    TreeSlice,
    decode_multihash,
    group_count,
    group_span,
    verify_group,
)
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.attempts import Attempts
from joygrpc.distributor.errors import SourceFailed
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.sources import Source, SourceError, SourceProblem


@dataclass(frozen=True, slots=True)
class Block:
    """Verified bytes of neighbouring groups, whole ones."""

    run: GroupRun
    data: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that nobody vouches for yet. One at offset 0 after others takes them all back."""

    offset: int
    data: bytes


class Fetch:
    """One object's fetch; keeps in mind which sources failed. Raises `NoSource`, `SourceFailed` or `SourceStalled` when none is left."""

    def __init__(self, wanted: DirectoryObject, sources: Sequence[Source], links: PeerLinks) -> None:
        self.wanted = wanted
        self._sources = tuple(sources)
        self._links = links
        self._attempts = Attempts(sources)
        self._treeless: set[Source] = set()

    def __repr__(self) -> str:
        return f"<Fetch {self.wanted.object_id} {self._attempts!r}>"

    async def prove(self, run: GroupRun) -> TreeSlice | None:
        """The verified tree of some groups, from the first source that has it; None when no source has one.

        An object of one group needs no source for that.
        """
        try:
            root = decode_multihash(self.wanted.multihash)
            if group_count(self.wanted.size) == 1:
                return TreeSlice.parse(b"", self.wanted.size, root, 0, self.wanted.size)
        except (InvalidMultihash, InvalidTree):
            raise SourceFailed("The data object has no valid multihash") from None
        if self._attempts.current is None:
            raise self._attempts.verdict()
        offset, _ = group_span(run.first, self.wanted.size)
        _, end = group_span(run.end - 1, self.wanted.size)
        for source in self._attempts.with_trees():
            if source in self._treeless:
                continue
            try:
                return await self._links.tree(source, self.wanted, offset, end - offset)
            except SourceError as error:
                if error.problem is SourceProblem.NO_TREE:
                    self._treeless.add(source)
                else:
                    self._attempts.give_up(source, error.problem)
        if self._attempts.current is None:
            raise self._attempts.verdict()
        return None

    async def blocks(self, run: GroupRun, proof: TreeSlice) -> AsyncGenerator[Block, None]:
        """The groups of a run, in order, each verified against the proof, which must cover them."""
        group = run.first
        while group < run.end:
            source = self._attempts.current
            if source is None:
                raise self._attempts.verdict()
            first = group
            try:
                async with aclosing(self._verified(source, GroupRun(group, run.end - group), proof)) as blocks:
                    async for block in blocks:
                        group = block.run.end
                        yield block
            except SourceError as error:
                self._attempts.fail(source, error.problem, progressed=group > first)

    async def _verified(self, source: Source, run: GroupRun, proof: TreeSlice) -> AsyncGenerator[Block, None]:
        """What one source sends of a run, verified."""
        size = self.wanted.size
        offset, _ = group_span(run.first, size)
        _, end = group_span(run.end - 1, size)
        if offset == end:
            if not verify_group(0, b"", proof):
                raise self._links.blame(source, SourceProblem.LIED, "an empty object with another multihash")
            yield Block(run, b"")
            return
        group = run.first
        pending = bytearray()
        started, delivered = monotonic(), 0
        async with aclosing(self._links.read(source, self.wanted, offset, end - offset)) as pieces:
            async for piece in pieces:
                pending += piece
                offset += len(piece)
                whole = len(pending) if offset == end else len(pending) // GROUP_SIZE * GROUP_SIZE
                if not whole:
                    continue
                data = bytes(memoryview(pending)[:whole])
                del pending[:whole]
                right = await asyncio.to_thread(_right_groups, group, data, proof)
                if right:
                    good = data[: right * GROUP_SIZE]
                    delivered += len(good)
                    yield Block(GroupRun(group, right), good)
                group += right
                if right * GROUP_SIZE < len(data):
                    raise self._links.blame(source, SourceProblem.LIED, f"group {group} is wrong")
        self._links.book.delivered(source.peer.endpoint, delivered, monotonic() - started)

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """The whole object, hashed on its way; it ends without an error only if the whole hash is right.

        A source that breaks off is followed by the next one at the same place. If the hash then turns out wrong, nobody knows whose bytes were: all is
        taken back, and each source gets one chance to deliver the object alone.
        """
        root = decode_multihash(self.wanted.multihash)
        # Sources that took part in an object with a wrong hash, together with others.
        mixing = True
        while True:
            builder = TreeBuilder()
            contributors: list[Source] = []
            while builder.size < self.wanted.size or not contributors:
                source = self._attempts.current
                if source is None:
                    raise self._attempts.verdict()
                if not mixing and contributors:
                    builder, contributors = TreeBuilder(), []
                before = builder.size
                try:
                    async with aclosing(
                        self._links.read(source, self.wanted, before, self.wanted.size - before)
                    ) as pieces:
                        async for data in pieces:
                            if source not in contributors:
                                contributors.append(source)
                            offset = builder.size
                            await asyncio.to_thread(builder.update, data)
                            yield Piece(offset, data)
                except SourceError as error:
                    self._attempts.fail(source, error.problem, progressed=builder.size > before)
            if builder.finish().root == root:
                return
            if len(contributors) == 1:
                self._links.blame(contributors[0], SourceProblem.LIED, "the whole hash is wrong")
                self._attempts.give_up(contributors[0], SourceProblem.LIED)
            else:
                mixing = False


def _right_groups(first: int, data: bytes, proof: TreeSlice) -> int:
    """How many groups at the start of `data` are right; the first of them is group `first`. Blocks."""
    view = memoryview(data)
    right = 0
    while view:
        if not verify_group(first + right, view[:GROUP_SIZE], proof):
            break
        view = view[GROUP_SIZE:]
        right += 1
    return right
