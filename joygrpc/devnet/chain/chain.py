"""The chain: a ledger, its blocks, and the transactions on their way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import structlog

from joygrpc.devnet.chain.archive import Archive, ArchiveFailed
from joygrpc.devnet.chain.execution import Execution
from joygrpc.devnet.chain.extrinsics import Extrinsic, MalformedExtrinsic, decode_extrinsic, encode_inherent
from joygrpc.devnet.chain.headers import Block, Header, blake2_256, hex0x
from joygrpc.devnet.chain.mempool import Mempool, Pending, TransactionRefused, Watcher
from joygrpc.devnet.chain.state import StateHistory
from joygrpc.devnet.events import Event, FinalizedBlock
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.ledger.balances import TREASURY, deposit
from joygrpc.devnet.ledger.calls import Call
from joygrpc.devnet.ledger.dispatch import Dispatcher
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.tables import Table
from joygrpc.devnet.metadata.runtime import Runtime
from joygrpc.devnet.scale import encode_compact

log = structlog.get_logger(__name__)
T = TypeVar("T")

_BLOCK_HASHES_IN_STATE: Final = 2400
_EXTRINSICS_PER_BLOCK: Final = 256


class ChainStalled(RuntimeError):
    """No block can be made: the `stalled` fault is set."""


class Chain:
    """Makes blocks out of transactions and of what an administrator asks for.

    Once a block could not be archived, every attempt to make another raises ArchiveFailed.
    Not thread-safe: everything happens on one event loop. `finality_lag` is how many blocks finality stays behind;
    `depth` is how many blocks back state and blocks can be asked for.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        faults: Faults,
        archive: Archive | None = None,
        finality_lag: int = 0,
        depth: int = 4096,
    ) -> None:
        self.runtime = runtime
        self.faults = faults
        self.finality_lag = finality_lag
        self.ledger = Ledger(runtime.limits)
        self.execution = Execution(self.ledger, runtime, faults)
        self._administration = Dispatcher(self.ledger, runtime)  # injected failures are for transactions
        self.mempool = Mempool()
        self.history = StateHistory(depth)
        self.on_block: list[Callable[[Block], None]] = []
        self.on_finalized: list[Callable[[Block], None]] = []
        self.on_transaction: list[Callable[[], None]] = []
        self._archive = archive
        self._failure: ArchiveFailed | None = None
        self._hashes: list[bytes] = []
        self._blocks: dict[bytes, Block] = {}
        self._watched: dict[int, list[Pending]] = {}
        self._finalized_number = 0
        self._start()

    # Blocks

    @property
    def best(self) -> Block:
        """The newest block."""
        return self._blocks[self._hashes[-1]]

    @property
    def finalized(self) -> Block:
        """The newest final block."""
        return self._blocks[self._hashes[self._finalized_number]]

    @property
    def genesis_hash(self) -> bytes:
        """The hash of block 0."""
        return self._hashes[0]

    def hash_of(self, number: int) -> bytes | None:
        """The hash at a height; None where there is no block."""
        return self._hashes[number] if 0 <= number < len(self._hashes) else None

    def block(self, block_hash: bytes) -> Block | None:
        """A block by hash; None for an unknown one, or one that is out of the window and not archived."""
        block = self._blocks.get(block_hash)
        if block is None and self._archive is not None:
            block = self._archive.block(block_hash)
        return block

    def finalized_block(self, number: int) -> FinalizedBlock | None:
        """A final block with its events, as the query node reads it; None where there is none yet, or no more."""
        block_hash = self.hash_of(number)
        if block_hash is None or number > self._finalized_number:
            return None
        block = self.block(block_hash)
        if block is None:
            return None
        hashes = tuple(hex0x(blake2_256(raw)) for raw in block.extrinsics)
        return FinalizedBlock(number, hex0x(block.hash), block.timestamp_ms, block.events, hashes)

    @property
    def finalized_number(self) -> int:
        """The height of the newest final block."""
        return self._finalized_number

    @property
    def has_ready_transactions(self) -> bool:
        """Whether the pool holds something for the next block."""
        return bool(self.mempool.ready(self.execution.nonce, 1))

    @property
    def has_unfinal_transactions(self) -> bool:
        """Whether a block that is not final yet holds transactions."""
        return any(self._watched.values())

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

    def _ensure_moving(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self.faults.stalled:
            raise ChainStalled("the chain is stalled")

    def _begin_block(self) -> None:
        self.ledger.block_number = len(self._hashes)
        self.ledger.extrinsic_index = None

    def _finish_block(self) -> Block:
        timestamp_ms = max(time.time_ns() // 1_000_000, self.best.timestamp_ms + 1)
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
        block = self._store(timestamp_ms, extrinsics, self.ledger.take_events())
        for listener in list(self.on_block):
            listener(block)
        self._watched[block.number] = included
        for pending in included:
            pending.tell({"inBlock": hex0x(block.hash)})
        self._finalize()
        return block

    def _finalize(self) -> None:
        while self._finalized_number < self.best.number - self.finality_lag:
            self._finalized_number += 1
            block = self.finalized
            for pending in self._watched.pop(block.number, ()):
                pending.tell({"finalized": hex0x(block.hash)})
            for listener in list(self.on_finalized):
                listener(block)
            self._prune(block.number - self.history.depth)

    def _prune(self, number: int) -> None:
        if number >= 0:
            self._blocks.pop(self._hashes[number], None)

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
        next_number = len(self._hashes)
        birth = self.hash_of(signed.era.birth(next_number))
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
            self._hashes = loaded.hashes
            self._blocks = {loaded.best.hash: loaded.best}
            self._finalized_number = loaded.best.number
            self.history.load(loaded.best.number, loaded.state)
            return
        for cell in self.ledger.cells():
            cell.settle()
        deposit(self.ledger, TREASURY, self.runtime.limits.existential_deposit)
        self.ledger.take_events()
        self._store(time.time_ns() // 1_000_000, (), ())

    def _store(self, timestamp_ms: int, extrinsics: tuple[bytes, ...], events: tuple[Event, ...]) -> Block:
        number = len(self._hashes)
        parent = self.best.header if self._hashes else None
        parent_hash = parent.hash if parent else bytes(32)
        encoded_events = self._encode_events(events)
        changes = {
            self._key("System", "Number"): number.to_bytes(4, "little"),
            self._key("System", "ParentHash"): parent_hash,
            self._key("System", "Events"): encoded_events,
            self._key("System", "EventCount"): len(events).to_bytes(4, "little"),
            self._key("System", "ExtrinsicCount"): len(extrinsics).to_bytes(4, "little"),
            self._key("Timestamp", "Now"): timestamp_ms.to_bytes(8, "little"),
            **self._block_hash_changes(number, parent_hash),
            **self._encode_changes(self.ledger.journal.commit()),
        }
        header = Header(
            parent_hash=parent_hash,
            number=number,
            state_root=_state_root(parent.state_root if parent else bytes(32), changes.items()),
            extrinsics_root=blake2_256(b"".join(extrinsics)),
        )
        block = Block(header, timestamp_ms, extrinsics, events, frozenset(changes))
        self.history.commit(number, changes)
        self._hashes.append(block.hash)
        self._blocks[block.hash] = block
        if self._archive is not None:
            try:
                self._archive.store(block, encoded_events, changes)
            except ArchiveFailed as failure:
                self._failure = failure
                raise
        return block

    def _block_hash_changes(self, number: int, parent_hash: bytes) -> dict[bytes, bytes | None]:
        changes: dict[bytes, bytes | None] = {}
        if number:
            changes[self._key("System", "BlockHash", number - 1)] = parent_hash
        if number > _BLOCK_HASHES_IN_STATE:
            changes[self._key("System", "BlockHash", number - 1 - _BLOCK_HASHES_IN_STATE)] = None
        return changes

    def _key(self, pallet: str, item: str, *keys: Any) -> bytes:
        return self.runtime.item(pallet, item).raw_key(*keys)

    def _encode_changes(self, changed: Iterable[tuple[Table[Any, Any], Any]]) -> dict[bytes, bytes | None]:
        changes: dict[bytes, bytes | None] = {}
        for table, key in changed:
            item = self.runtime.item(table.pallet, table.item)
            parts = key if len(item.keys) != 1 else (key,)
            changes[item.raw_key(*parts)] = item.value.encode(table[key]) if key in table else None
        return changes

    def _encode_events(self, events: tuple[Event, ...]) -> bytes:
        out = bytearray(encode_compact(len(events)))
        for event in events:
            if event.extrinsic_index is None:
                out.append(2)  # phase Initialization
            else:
                out += b"\0" + event.extrinsic_index.to_bytes(4, "little")
            self.runtime.events.write({event.pallet: {event.name: event.fields}}, out)
            out.append(0)  # no topics
        return bytes(out)

    def __repr__(self) -> str:
        return f"<Chain at {self.best.number}, final {self._finalized_number}, {len(self.mempool)} pending>"


def _state_root(previous: bytes, changes: Iterable[tuple[bytes, bytes | None]]) -> bytes:
    """A digest that changes with the state; not the root of a trie, since nobody asks for proofs."""
    parts = (key + (b"\0" if value is None else b"\1" + value) for key, value in sorted(changes))
    return blake2_256(previous + b"".join(parts))
