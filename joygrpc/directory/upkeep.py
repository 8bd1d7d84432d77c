"""Keeps the picture true: follows finalized blocks, takes snapshots, fetches what comes into scope."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from joygrpc.chain import BlockPruned, Chain, ChainError, ChainHead, ChainUnavailable, FinalizedBlock
from joygrpc.chain.decoding import UndecodableValue
from joygrpc.chain.events import StorageFact, storage_facts_of
from joygrpc.content import InvalidBagId
from joygrpc.directory.config import DirectoryConfig
from joygrpc.directory.errors import ChainBehind, DirectoryError, QueryNodeBehind, SnapshotFailed
from joygrpc.directory.facts import DirectoryChange
from joygrpc.directory.journal import Journal
from joygrpc.directory.picture import Picture
from joygrpc.directory.snapshot import Staging
from joygrpc.query_node import QueryNodePort, QueryNodeStatus

log = structlog.get_logger(__name__)

_BAGS_AT_ONCE = 50
_RETRY_S = 1.0

OnChange = Callable[[Sequence[DirectoryChange], Sequence[StorageFact]], Awaitable[None]]
"""Told of what changed for the node, and of everything that a block changed."""


@dataclass(slots=True)
class Heights:
    """What query node and chain said last."""

    query_node: int = 0
    query_node_version: str = ""
    chain_head: int = 0


class Upkeep:
    """Writes the picture; all its methods may run at the same time.

    How a picture becomes exact: the journal holds what every block after some height changed. A snapshot begins when the query node stands at H1, and
    its pages tell of heights from H1 to H2. Everything that blocks after H1 changed is then applied to it, up to a block that is not below H2; facts
    that are applied twice change nothing. So it is the picture of one height, although the query node went on meanwhile.
    """

    def __init__(
        self,
        chain: Chain,
        query_node: QueryNodePort,
        config: DirectoryConfig,
        picture: Picture,
        on_change: OnChange,
        on_gap: Callable[[], None],
    ) -> None:
        self._chain = chain
        self._query_node = query_node
        self._config = config
        self._picture = picture
        self._on_change = on_change
        self._on_gap = on_gap
        self.journal: Journal | None = None
        self._last_hash = ""
        self._writing = asyncio.Lock()
        self._progress = asyncio.Event()
        self.heights = Heights()
        self.exact = False
        """Whether the picture is known to be whole: a snapshot of this run, and no block missed since."""
        self._resumed = False

    def __repr__(self) -> str:
        return f"<Upkeep at {self._picture.state.height}, {'exact' if self.exact else 'not exact'}, {self.journal!r}>"

    async def follow(self) -> None:
        """Take in finalized blocks for ever."""
        while True:
            try:
                await self._resume()
                while self.journal is None:
                    await self._until_progress()
                journal = self.journal
                async with aclosing(self._chain.finalized_blocks(journal.height)) as blocks:
                    async for block in blocks:
                        await self._take_in(journal, block)
            except BlockPruned:
                await self._lose_thread()
            except (ChainError, DirectoryError) as error:
                log.warning("directory_cannot_follow", reason=error.reason)
                await asyncio.sleep(_RETRY_S)

    async def take_snapshot(self) -> None:
        """Replace the picture by a new one; raises `QueryNodeError`, `SnapshotFailed` or `ChainError`, and leaves it as it is then."""
        first = await self._status()
        genesis_hash = (await self._genesis_hash()) or self._picture.state.genesis_hash
        await self._until_resumed()
        if self.journal is None:
            self.journal = Journal(first.height, self._config.journal_blocks)
            self._last_hash = ""
            self._wake()
        journal = self.journal
        if first.height < journal.start:
            raise QueryNodeBehind
        staging_path = self._config.path.with_name(self._config.path.name + ".next")
        async with Staging(staging_path, self._config.scope) as staging:
            await staging.fill(self._query_node, self._config.page_size)
            last = await self._status()
            if last.height < first.height:
                raise SnapshotFailed("The query node went back while it was read")
            still = last.height == first.height
            await self._until_height(journal, last.height, still)
            async with self._writing:
                if self.journal is not journal:
                    raise SnapshotFailed("The chain was lost while the query node was read")
                facts = _since(journal, first.height)
                await staging.apply(facts)
                height = max(journal.height, last.height)
                head = ChainHead(height, self._last_hash if height == journal.height else "")
                changed = await self._picture.replace(
                    staging.path,
                    head,
                    genesis_hash,
                    facts,
                    height - self._config.journal_blocks,
                )
                self.exact = True
        log.info("directory_snapshot", height=height, rows_changed=changed)
        self._wake()
        await self._on_change([DirectoryChange("snapshot")], [])

    async def load_missing_bags(self) -> None:
        """Fetch the objects of bags that came into scope; raises `QueryNodeError`, `SnapshotFailed` or `DirectoryUnusable`."""
        tried: set[str] = set()
        while self._picture.state.exists and (bag_ids := await self._picture.bags_to_load(_BAGS_AT_ONCE)):
            if not tried.isdisjoint(bag_ids):
                # An object was moved into it that the query node does not know to be there.
                raise QueryNodeBehind
            tried.update(bag_ids)
            await self._load_bags(bag_ids)

    async def _load_bags(self, bag_ids: Sequence[str]) -> None:
        journal = self.journal
        status = await self._status()
        if journal is None or status.height < journal.start:
            raise QueryNodeBehind
        objects = await self._query_node.objects(bag_ids)
        async with self._writing:
            if self.journal is not journal:
                raise SnapshotFailed("The chain was lost while the query node was read")
            loaded = await self._picture.load_bags(bag_ids, objects, _since(journal, status.height))
        log.info("directory_bags_loaded", bags=len(loaded), objects=len(objects))
        await self._on_change([DirectoryChange("bag_changed", (), bag_id) for bag_id in loaded], [])

    async def look_around(self) -> None:
        """Ask query node and chain how far they are; raises the first error after both were asked."""
        failure: Exception | None = None
        try:
            await self._status()
        except Exception as error:
            failure = error
        self.heights.chain_head = (await self._chain.best_head()).number
        if failure is not None:
            raise failure

    async def until_exists(self) -> None:
        """Wait for the first picture."""
        while not self._picture.state.exists:
            await self._until_progress()

    async def until_height(self, height: int) -> None:
        """Wait until the picture has a height."""
        while self._picture.state.height < height:
            await self._until_progress()

    async def _take_in(self, journal: Journal, block: FinalizedBlock) -> None:
        try:
            facts = storage_facts_of(block.events)
        except (UndecodableValue, InvalidBagId) as error:
            log.exception("directory_event_not_understood", block=block.head.number)
            raise BlockPruned from error
        changes: list[DirectoryChange] = []
        async with self._writing:
            state = self._picture.state
            if state.exists and block.head.number > state.height:
                changes = await self._picture.apply_block(block.head, facts)
            # Last, so that a block that could not be written comes again.
            journal.append(block.head.number, facts)
            self._last_hash = block.head.block_hash
        self._wake()
        await self._on_change(changes, facts)

    async def _resume(self) -> None:
        """Go on from the picture's height when it is of this chain; drop it when it is not."""
        state = self._picture.state
        if self._resumed:
            return
        if not state.exists:
            pass
        elif await self._is_other_chain():
            log.warning("directory_of_another_chain", height=state.height)
            async with self._writing:
                await self._picture.clear()
        else:
            self._last_hash = state.block_hash
            self.journal = Journal(state.height, self._config.journal_blocks)
        self._resumed = True
        self._wake()

    async def _until_resumed(self) -> None:
        """Wait until it is known whether an old picture is of this chain."""
        try:
            async with asyncio.timeout(self._config.catch_up_timeout.total_seconds()):
                while not self._resumed:
                    await self._until_progress()
        except TimeoutError as error:
            raise ChainUnavailable from error

    async def _is_other_chain(self) -> bool:
        state = self._picture.state
        properties = await self._chain.properties()
        if state.genesis_hash and properties.genesis_hash != state.genesis_hash:
            return True
        if not state.block_hash:
            return False
        found = await self._chain.block_hash(state.height)
        if found is None and (await self._chain.finalized_head()).number < state.height:
            # A node that catches up, or a chain begun anew: time tells.
            return not await self._chain.is_syncing()
        return found is not None and found != state.block_hash

    async def _lose_thread(self) -> None:
        """A block is missing: only a snapshot helps, and nothing of the picture when the chain is another one."""
        log.warning("directory_lost_the_chain", height=self._picture.state.height)
        self.exact = False
        self.journal = None
        await asyncio.sleep(_RETRY_S)
        while True:
            try:
                if await self._is_other_chain():
                    async with self._writing:
                        await self._picture.clear()
                break
            except (ChainError, DirectoryError):
                await asyncio.sleep(_RETRY_S)
        self._on_gap()
        # The snapshot begins a new journal.
        while self.journal is None:
            await self._until_progress()

    async def _until_height(self, journal: Journal, reached: int, still: bool) -> None:
        """Wait until the journal has what a snapshot lacks: blocks up to `reached`, unless the query node stood still, and up to the picture."""
        try:
            async with asyncio.timeout(self._config.catch_up_timeout.total_seconds()):
                while self.journal is journal:
                    enough = max(journal.height, reached) if still else journal.height
                    if enough >= self._picture.state.height and (still or journal.height >= reached):
                        return
                    await self._until_progress()
        except TimeoutError as error:
            raise ChainBehind from error

    async def _until_progress(self) -> None:
        await self._progress.wait()

    def _wake(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()

    async def _status(self) -> QueryNodeStatus:
        status = await self._query_node.status()
        self.heights.query_node, self.heights.query_node_version = status.height, status.version
        return status

    async def _genesis_hash(self) -> str | None:
        try:
            return (await self._chain.properties()).genesis_hash
        except ChainUnavailable:
            return None


def _since(journal: Journal, height: int) -> list[StorageFact]:
    try:
        return list(journal.since(height))
    except ValueError as error:
        # It took so long that the first of its blocks are forgotten.
        raise SnapshotFailed("The query node took too long") from error
