"""The blocks of the chain, those that forks left behind, and the states after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joygrpc.devnet.chain.archive import Archive, Loaded
from joygrpc.devnet.chain.headers import Block
from joygrpc.devnet.chain.state import Branch, State, StateAt, StateHistory


class BlockTree:
    """One chain from block 0 to the best one; of the last `depth` blocks everything is in memory, older ones are archived.

    What is written to the archive raises ArchiveFailed, and the tree must not be used any more.
    """

    def __init__(self, depth: int, archive: Archive | None) -> None:
        self.history = StateHistory(depth)
        self.finalized_number = 0
        self._archive = archive
        self._hashes: list[bytes] = []
        self._blocks: dict[bytes, Block] = {}
        self._left: dict[bytes, tuple[Block, Branch]] = {}

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def best(self) -> Block:
        """The newest block."""
        return self._blocks[self._hashes[-1]]

    @property
    def finalized(self) -> Block:
        """The newest final block."""
        return self._blocks[self._hashes[self.finalized_number]]

    def hash_of(self, number: int) -> bytes | None:
        """The hash at a height; None where there is no block."""
        return self._hashes[number] if 0 <= number < len(self._hashes) else None

    def block(self, block_hash: bytes) -> Block | None:
        """A block by hash; None for an unknown one, or one that is out of the window and not archived.

        Those that a fork left behind are still known, as in other nodes.
        """
        if (block := self._blocks.get(block_hash)) is not None:
            return block
        if (left := self._left.get(block_hash)) is not None:
            return left[0]
        return None if self._archive is None else self._archive.block(block_hash)

    def state(self, block: Block) -> State | None:
        """The state after a block; None when it is out of the window."""
        if (left := self._left.get(block.hash)) is not None:
            return left[1]
        return StateAt(self.history, block.number) if self.history.covers(block.number) else None

    def load(self, loaded: Loaded) -> None:
        """Begin with what an archive has; all of it counts as final."""
        self._hashes = loaded.hashes
        self._blocks = {loaded.best.hash: loaded.best}
        self.finalized_number = loaded.best.number
        self.history.load(loaded.oldest, loaded.state)
        for number, changes in loaded.changes:
            self.history.commit(number, changes)

    def append(self, block: Block, encoded_events: bytes, changes: Mapping[bytes, bytes | None]) -> None:
        """The next block and what it wrote."""
        self.history.commit(block.number, changes)
        self._hashes.append(block.hash)
        self._blocks[block.hash] = block
        if self._archive is not None:
            self._archive.store(block, encoded_events, changes)

    def leave(self, blocks: Sequence[Block]) -> None:
        """Go back before the newest blocks, which are given oldest first and none of which is final."""
        base = StateAt(self.history, blocks[0].number - 1)
        changes: dict[bytes, bytes | None] = {}
        for block in blocks:
            changes |= {key: self.history.get(key, block.number) for key in block.changed_keys}
            self._left[block.hash] = (block, Branch(base, dict(changes)))
        for _ in blocks:
            del self._blocks[self._hashes.pop()]
            self.history.retract()
            if self._archive is not None:
                self._archive.retract()

    def finalize_next(self) -> Block:
        """Make one more block final; forgets what leaves the window."""
        self.finalized_number += 1
        number = self.finalized_number - self.history.depth
        if number >= 0:
            self._blocks.pop(self._hashes[number], None)
            self._left = {key: left for key, left in self._left.items() if left[0].number > number}
        return self.finalized

    def __repr__(self) -> str:
        return f"<BlockTree at {len(self) - 1}, final {self.finalized_number}, {len(self._left)} left behind>"
