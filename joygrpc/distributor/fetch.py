"""Bringing the bytes of one object from its sources, going on with the next source where one fails."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from joygrpc.content import (
    GROUP_SIZE,
    InvalidMultihash,
    InvalidTree,
    Tree,
    TreeBuilder,
    TreeSlice,
    decode_multihash,
    group_count,
    group_span,
    verify_group,
)
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.attempts import Attempts
from joygrpc.distributor.demands import Purpose, Running
from joygrpc.distributor.errors import SourceFailed
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.hedging import first_answer
from joygrpc.distributor.links import PeerLinks
from joygrpc.distributor.sources import Source, SourceError, SourceProblem

CV_BYTES = 32
HEDGE_AFTER = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class Block:
    """Verified bytes of neighbouring groups, whole ones."""

    run: GroupRun
    data: bytes
    hashes: bytes
    """The chaining values of the groups, 32 bytes each."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that nobody vouches for yet. One at offset 0 after others takes them all back."""

    offset: int
    data: bytes


class Claim:
    """Groups that one stream brings. `next` moves on as they come; `end` may move back while they do, when others take over what is far away."""

    def __init__(self, run: GroupRun, purpose: Purpose = Purpose.URGENT) -> None:
        self.first = self.next = run.first
        self.end = run.end
        self.purpose = purpose
        self.source: Source | None = None
        """Whom the bytes come from now."""
        self.heard_at: float | None = None
        """When something came last, in seconds of the monotonic clock; None while no source is asked."""

    def __repr__(self) -> str:
        return f"<Claim {self.next} to {self.end}, {self.purpose.value}, from {self.source}>"

    def ask(self, source: Source | None) -> None:
        """Begin to wait for a source, or for none."""
        self.source = source
        self.heard_at = None if source is None else monotonic()

    def silent(self, now: float, delay_s: float) -> bool:
        """Whether a source was asked and nothing has come from it for long."""
        return self.heard_at is not None and now - self.heard_at >= delay_s

    def running(self, now: float, delay_s: float) -> Running:
        """What a decision needs to know of it."""
        return Running(self.next, self.end, self.silent(now, delay_s))


class Fetch:
    """One object's fetch; keeps in mind which sources failed. Raises `NoSource`, `SourceFailed` or `SourceStalled` when none is left.

    Several streams may share it. A second source is asked for a tree when the first one is silent for `hedge_after`, if `may_hedge` agrees.
    """

    def __init__(
        self,
        wanted: DirectoryObject,
        sources: Sequence[Source],
        links: PeerLinks,
        *,
        hedge_after: timedelta = HEDGE_AFTER,
        may_hedge: Callable[[], bool] = lambda: True,
    ) -> None:
        self.wanted = wanted
        self._sources = tuple(sources)
        self._links = links
        self._hedge_after_s = hedge_after.total_seconds()
        self._may_hedge = may_hedge
        self._attempts = Attempts(sources)
        self._treeless: set[Source] = set()
        self.tree: Tree | None = None
        """The object's tree, once all of `pieces` came and was right."""

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

        async def ask(source: Source) -> TreeSlice | None:
            try:
                return await self._links.tree(source, self.wanted, offset, end - offset)
            except SourceError as error:
                if error.problem is SourceProblem.NO_TREE:
                    self._treeless.add(source)
                else:
                    self._attempts.give_up(source, error.problem)
                return None

        candidates = [source for source in self._attempts.with_trees() if source not in self._treeless]
        proof = await first_answer(candidates, ask, self._hedge_after_s, self._may_hedge)
        if proof is None and self._attempts.current is None:
            raise self._attempts.verdict()
        return proof

    def outrun(self, source: Source) -> None:
        """Another source brought what this one was silent about: others are asked before it."""
        self._links.blame(source, SourceProblem.STALLED, "another source was faster")
        self._attempts.fail(source, SourceProblem.STALLED, progressed=True)

    async def blocks(
        self, claim: Claim, proof: TreeSlice, avoid: Callable[[], Collection[Source]] = tuple
    ) -> AsyncGenerator[Block, None]:
        """The groups of a claim, in order, each verified against the proof, which must cover them; it may shrink meanwhile.

        A group counts as brought when the next block is asked for. `avoid` names sources that are asked only when there is no other.
        """
        while claim.next < claim.end:
            source = self._attempts.choose(avoid())
            if source is None:
                raise self._attempts.verdict()
            first = claim.next
            try:
                async with aclosing(self._verified(source, claim, proof)) as blocks:
                    async for block in blocks:
                        yield block
                        claim.next = block.run.end
                        claim.heard_at = monotonic()
                        if claim.next >= claim.end:
                            break
            except SourceError as error:
                self._attempts.fail(source, error.problem, progressed=claim.next > first)
            finally:
                claim.ask(None)

    async def _verified(self, source: Source, claim: Claim, proof: TreeSlice) -> AsyncGenerator[Block, None]:
        """What one source sends of a claim, verified."""
        size = self.wanted.size
        run = GroupRun(claim.next, claim.end - claim.next)
        offset, _ = group_span(run.first, size)
        _, end = group_span(run.end - 1, size)
        if offset == end:
            if not verify_group(0, b"", proof):
                raise self._links.blame(source, SourceProblem.LIED, "an empty object with another multihash")
            yield Block(run, b"", proof.group_cvs)
            return
        group = run.first
        pending = bytearray()
        started, delivered = monotonic(), 0
        reading = self._links.read(source, self.wanted, offset, end - offset, begun=lambda: claim.ask(source))
        async with aclosing(reading) as pieces:
            async for piece in pieces:
                claim.heard_at = monotonic()
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
                    yield Block(GroupRun(group, right), good, _hashes(proof, group, right))
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
            tree = builder.finish()
            if tree.root == root:
                self.tree = tree
                return
            if len(contributors) == 1:
                self._links.blame(contributors[0], SourceProblem.LIED, "the whole hash is wrong")
                self._attempts.give_up(contributors[0], SourceProblem.LIED)
            else:
                mixing = False


def _hashes(proof: TreeSlice, first: int, count: int) -> bytes:
    start = (first - proof.groups.start) * CV_BYTES
    return proof.group_cvs[start : start + count * CV_BYTES]


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
