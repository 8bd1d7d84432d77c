"""The chain: a ledger, its blocks, and the transactions on their way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from joygrpc.devnet.chain.archive import Archive, ArchiveFailed
from joygrpc.devnet.chain.block_tree import BlockTree
from joygrpc.devnet.chain.execution import Execution
from joygrpc.devnet.chain.extrinsics import Extrinsic, MalformedExtrinsic, decode_extrinsic, encode_inherent
from joygrpc.devnet.chain.headers import Block, Header, blake2_256, hex0x
from joygrpc.devnet.chain.mempool import Mempool, Pending, TransactionRefused, Watcher
from joygrpc.devnet.chain.writing import encode_changes, encode_events, state_root
from joygrpc.devnet.events import Event, FinalizedBlock
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.ledger.balances import TREASURY, deposit
from joygrpc.devnet.ledger.calls import Call
from joygrpc.devnet.ledger.dispatch import Dispatcher
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.tables import Entry
from joygrpc.devnet.metadata.runtime import Runtime

log = structlog.get_logger(__name__)
T = TypeVar("T")

_BLOCK_HASHES_IN_STATE: Final = 2400
_EXTRINSICS_PER_BLOCK: Final = 256
FIXED_START_MS: Final = 1_640_995_200_000
"""The time of block 0 where times are fixed: the beginning of 2022."""


class ChainStalled(RuntimeError):
    """No block can be made: the `stalled` fault is set."""


class NotForkable(RuntimeError):
    """The blocks to replace are final, or there are not as many."""


@dataclass(frozen=True, slots=True)
class _Unfinal:
    """What it takes to undo a block."""

    block: Block
    included: tuple[Pending, ...]
    entries: tuple[Entry, ...]


class Chain:
    """Makes blocks out of transactions and of what an administrator asks for.

    Once a block could not be archived, every attempt to make another raises ArchiveFailed.
    Not thread-safe: everything happens on one event loop. `finality_lag` is how many blocks finality stays behind;
    `depth` is how many blocks back state and blocks can be asked for. With `fixed_step_ms`, each block's time is
    its parent's plus that, from `FIXED_START_MS`, so that the same calls always give the same hashes.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        faults: Faults,
        archive: Archive | None = None,
        finality_lag: int = 0,
        depth: int = 4096,
        fixed_step_ms: int | None = None,
    ) -> None:
        self.runtime = runtime
        self.faults = faults
        self.finality_lag = finality_lag
        self.ledger = Ledger(runtime.limits)
        self.execution = Execution(self.ledger, runtime, faults)
        self._administration = Dispatcher(self.ledger, runtime)  # injected failures are for transactions
        self.mempool = Mempool()
        self.blocks = BlockTree(depth, archive)
        self.on_block: list[Callable[[Block], None]] = []
        self.on_finalized: list[Callable[[Block], None]] = []
        self.on_transaction: list[Callable[[], None]] = []
        self._archive = archive
        self._failure: ArchiveFailed | None = None
        self._unfinal: list[_Unfinal] = []
        self._fixed_step_ms = fixed_step_ms
        self._not_before_ms = 0
        self._start()

    # Blocks

    @property
    def best(self) -> Block:
        """The newest block."""
        return self.blocks.best

    @property
    def genesis_hash(self) -> bytes:
        """The hash of block 0."""
        genesis = self.blocks.hash_of(0)
        assert genesis is not None, "a chain begins with block 0"
        return genesis

    def finalized_block(self, number: int) -> FinalizedBlock | None:
        """A final block with its events, as the query node reads it; None where there is none yet, or no more."""
        block_hash = self.blocks.hash_of(number)
        if block_hash is None or number > self.blocks.finalized_number:
            return None
        block = self.blocks.block(block_hash)
        if block is None:
            return None
        hashes = tuple(hex0x(blake2_256(raw)) for raw in block.extrinsics)
        return FinalizedBlock(number, hex0x(block.hash), block.timestamp_ms, block.events, hashes)

    @property
    def has_ready_transactions(self) -> bool:
        """Whether the pool holds something for the next block."""
        return bool(self.mempool.ready(self.execution.nonce, 1))

    @property
    def has_unfinal_transactions(self) -> bool:
        """Whether a block that is not final yet holds transactions."""
        return any(unfinal.included for unfinal in self._unfinal)

    # Making blocks

    def seal(self) -> Block:
        """Make a block of what waits in the pool; raises ChainStalled."""
        self._ensure_moving()
        self._begin_block()
        return self._finish_block()

    def perform(self, action: Callable[[Ledger, Dispatcher], T]) -> tuple[T, Block]:
        """Make a block whose state the action may change directly, before the waiting transactions.

        Its events belong to no extrinsic. If it raises, there is no block and nothing has changed; raises ChainStalled.
        """
        self._ensure_moving()
        with self.ledger.attempt():
            self._begin_block()
            result = action(self.ledger, self._administration)
        return result, self._finish_block()

    def fork(self, depth: int = 1, *, again: bool = True) -> Block:
        """Replace the newest `depth` blocks by as many new ones, as when another author's win; raises ChainStalled, NotForkable.

        Their transactions go into the first new block that takes them, or without `again` back into the pool for the
        block after. What an administrator did in the blocks is undone.
        """
        self._ensure_moving()
        if not 1 <= depth <= len(self._unfinal):
            raise NotForkable(f"{len(self._unfinal)} blocks are not final; finality_lag says how many stay so")
        left = self._leave(depth)
        retracted = [pending for unfinal in left for pending in unfinal.included]
        if again:
            self._put_back(retracted)
        changed = frozenset[bytes]().union(*(unfinal.block.changed_keys for unfinal in left))
        for _ in range(depth):
            self._begin_block()
            block = self._finish_block(changed)
            changed = frozenset()
        if not again:
            self._put_back(retracted)
        return block

    def _leave(self, depth: int) -> list[_Unfinal]:
        """Go back `depth` blocks; gives what was left, oldest first."""
        left = self._unfinal[-depth:]
        del self._unfinal[-depth:]
        self._not_before_ms = left[-1].block.timestamp_ms + 1
        for unfinal in reversed(left):
            self.ledger.journal.revert(unfinal.entries)
            for pending in unfinal.included:
                pending.tell({"retracted": hex0x(unfinal.block.hash)})
        with self._last_failure():
            self.blocks.leave([unfinal.block for unfinal in left])
        return left

    def _put_back(self, retracted: list[Pending]) -> None:
        for pending in retracted:
            self.mempool.put_back(pending)
        if retracted:
            for listener in list(self.on_transaction):
                listener()

    def _ensure_moving(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self.faults.stalled:
            raise ChainStalled("the chain is stalled")

    def _begin_block(self) -> None:
        self.ledger.block_number = len(self.blocks)
        self.ledger.extrinsic_index = None

    def _finish_block(self, also_changed: frozenset[bytes] = frozenset()) -> Block:
        timestamp_ms = self._next_timestamp_ms()
        inherent = encode_inherent(self.runtime, Call("Timestamp", "set", {"now": timestamp_ms}))
        self.ledger.extrinsic_index = 0
        self.execution.apply_inherent()
        included: list[Pending] = []
        for pending in self.mempool.ready(self.execution.nonce, _EXTRINSICS_PER_BLOCK):
            self.mempool.remove(pending)
            try:
                self._validate(pending.extrinsic)
            except TransactionRefused:
                pending.tell("invalid")
                continue
            included.append(pending)
            self.ledger.extrinsic_index = len(included)
            self.execution.apply(pending.extrinsic, pending.signed)
        self.ledger.extrinsic_index = None
        extrinsics = (inherent, *(pending.extrinsic.raw for pending in included))
        entries = self.ledger.journal.entries()
        block = self._store(timestamp_ms, extrinsics, self.ledger.take_events(), also_changed)
        self._unfinal.append(_Unfinal(block, tuple(included), entries))
        for listener in list(self.on_block):
            listener(block)
        for pending in included:
            pending.tell({"inBlock": hex0x(block.hash)})
        self._finalize()
        return block

    def _finalize(self) -> None:
        while self.blocks.finalized_number < self.best.number - self.finality_lag:
            block = self.blocks.finalize_next()
            for pending in self._unfinal.pop(0).included:
                pending.tell({"finalized": hex0x(block.hash)})
            for listener in list(self.on_finalized):
                listener(block)

    def _next_timestamp_ms(self) -> int:
        parent_ms = self.best.timestamp_ms
        planned_ms = time.time_ns() // 1_000_000 if self._fixed_step_ms is None else parent_ms + self._fixed_step_ms
        return max(planned_ms, parent_ms + 1, self._not_before_ms)

    # Transactions

    def submit(self, raw: bytes, watcher: Watcher | None = None) -> str:
        """Take a transaction into the pool and give its hash; raises TransactionRefused."""
        try:
            extrinsic = decode_extrinsic(self.runtime, raw)
        except MalformedExtrinsic as error:
            raise TransactionRefused(1001, "Extrinsic has invalid format", str(error)) from error
        signed = extrinsic.signed
        if signed is None:
            raise TransactionRefused(1011, "Unknown Transaction Validity", "Only inherents are unsigned")
        self._validate(extrinsic, future=True)
        pending = Pending(extrinsic, signed, [watcher] if watcher else [])
        if (rule := self.execution.drops(extrinsic.call)) is not None:
            log.info("devnet.transaction_dropped", call=str(extrinsic.call), hash=extrinsic.hash)
            pending.tell("ready")
            if rule.notify:
                pending.tell("dropped")
            return extrinsic.hash
        self.mempool.add(pending)
        ready = signed.nonce <= self.mempool.next_nonce(signed.signer, self.execution.nonce(signed.signer)) - 1
        pending.tell("ready" if ready else "future")
        for listener in list(self.on_transaction):
            listener()
        return extrinsic.hash

    def next_nonce(self, account: str) -> int:
        """The nonce of the account's next transaction, those in the pool counted."""
        return self.mempool.next_nonce(account, self.execution.nonce(account))

    def _validate(self, extrinsic: Extrinsic, *, future: bool = False) -> None:
        signed = extrinsic.signed
        assert signed is not None, "inherents never reach the pool"
        next_number = len(self.blocks)
        birth = self.blocks.hash_of(signed.era.birth(next_number))
        if birth is None:
            raise TransactionRefused.invalid("Transaction has an ancient birth block")
        if not extrinsic.verify(self.genesis_hash, birth):
            raise TransactionRefused.invalid("Transaction has a bad signature")
        nonce = self.execution.nonce(signed.signer)
        if signed.nonce < nonce:
            raise TransactionRefused.invalid("Transaction is outdated")
        if signed.nonce > nonce and not future:
            raise TransactionRefused.invalid("Transaction will be valid in the future")
        self.execution.ensure_payable(signed)

    # State

    def _start(self) -> None:
        loaded = self._archive.load(self.ledger, self.runtime) if self._archive is not None else None
        if loaded is not None:
            self.blocks.load(loaded)
            return
        for cell in self.ledger.cells():
            cell.settle()
        deposit(self.ledger, TREASURY, self.runtime.limits.existential_deposit)
        self.ledger.take_events()
        self._store(time.time_ns() // 1_000_000 if self._fixed_step_ms is None else FIXED_START_MS, (), ())

    def _store(
        self,
        timestamp_ms: int,
        extrinsics: tuple[bytes, ...],
        events: tuple[Event, ...],
        also_changed: frozenset[bytes] = frozenset(),
    ) -> Block:
        number = len(self.blocks)
        parent = self.best.header if number else None
        parent_hash = parent.hash if parent else bytes(32)
        encoded_events = encode_events(self.runtime, events)
        changes = {
            self._key("System", "Number"): number.to_bytes(4, "little"),
            self._key("System", "ParentHash"): parent_hash,
            self._key("System", "Events"): encoded_events,
            self._key("System", "EventCount"): len(events).to_bytes(4, "little"),
            self._key("System", "ExtrinsicCount"): len(extrinsics).to_bytes(4, "little"),
            self._key("Timestamp", "Now"): timestamp_ms.to_bytes(8, "little"),
            **self._block_hash_changes(number, parent_hash),
            **encode_changes(self.runtime, self.ledger.journal.commit()),
        }
        header = Header(
            parent_hash=parent_hash,
            number=number,
            state_root=state_root(parent.state_root if parent else bytes(32), changes.items()),
            extrinsics_root=blake2_256(b"".join(extrinsics)),
        )
        block = Block(header, timestamp_ms, extrinsics, events, also_changed.union(changes))
        with self._last_failure():
            self.blocks.append(block, encoded_events, changes)
        return block

    @contextmanager
    def _last_failure(self) -> Iterator[None]:
        """Lets what the archive could not write be the end of the chain."""
        try:
            yield
        except ArchiveFailed as failure:
            self._failure = failure
            raise

    def _block_hash_changes(self, number: int, parent_hash: bytes) -> dict[bytes, bytes | None]:
        changes: dict[bytes, bytes | None] = {}
        if number:
            changes[self._key("System", "BlockHash", number - 1)] = parent_hash
        if number > _BLOCK_HASHES_IN_STATE:
            changes[self._key("System", "BlockHash", number - 1 - _BLOCK_HASHES_IN_STATE)] = None
        return changes

    def _key(self, pallet: str, item: str, *keys: Any) -> bytes:
        return self.runtime.item(pallet, item).raw_key(*keys)

    def __repr__(self) -> str:
        return f"<Chain at {self.best.number}, final {self.blocks.finalized_number}, {len(self.mempool)} pending>"
