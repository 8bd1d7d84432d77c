"""Transactions that wait for a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from joygrpc.devnet.chain.extrinsics import Extrinsic, SignatureFields

Status = str | dict[str, str]
Watcher = Callable[[Status], None]
"""Told what becomes of a transaction, in the words of the JSON-RPC subscription."""


class TransactionRefused(Exception):
    """A transaction that the pool does not take; `code` and texts are those of the JSON-RPC error."""

    def __init__(self, code: int, message: str, data: str) -> None:
        super().__init__(data)
        self.code, self.message, self.data = code, message, data

    @classmethod
    def invalid(cls, why: str) -> TransactionRefused:
        """A transaction that cannot ever go into a block as things stand."""
        return cls(1010, "Invalid Transaction", why)


@dataclass(slots=True)
class Pending:
    """A transaction in the pool and who wants to hear of it."""

    extrinsic: Extrinsic
    signed: SignatureFields
    watchers: list[Watcher] = field(default_factory=list)

    def tell(self, status: Status) -> None:
        """Say to all watchers what became of the transaction."""
        for watcher in list(self.watchers):
            watcher(status)


class Mempool:
    """Pending transactions by sender and nonce, in order of arrival."""

    def __init__(self, capacity: int = 8192) -> None:
        self._capacity = capacity
        self._by_hash: dict[str, Pending] = {}
        self._by_sender: dict[str, dict[int, Pending]] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def __iter__(self) -> Iterator[Pending]:
        return iter(list(self._by_hash.values()))

    def add(self, pending: Pending) -> None:
        """Take a transaction; of two with the same sender and nonce the one with the higher tip stays."""
        extrinsic, signed = pending.extrinsic, pending.signed
        if extrinsic.hash in self._by_hash:
            raise TransactionRefused(1013, "Transaction Already Imported", extrinsic.hash)
        if len(self._by_hash) >= self._capacity:
            raise TransactionRefused(1016, "Immediately Dropped", "The transaction pool is full.")
        queue = self._by_sender.setdefault(signed.signer, {})
        rival = queue.get(signed.nonce)
        if rival is not None:
            if signed.tip <= rival.signed.tip:
                raise TransactionRefused(
                    1014,
                    f"Priority is too low: ({rival.signed.tip} vs {signed.tip})",
                    "The transaction has too low priority to replace another transaction already in the pool.",
                )
            self.remove(rival)
            rival.tell({"usurped": extrinsic.hash})
            queue = self._by_sender.setdefault(signed.signer, {})
        queue[signed.nonce] = pending
        self._by_hash[extrinsic.hash] = pending

    def put_back(self, pending: Pending) -> None:
        """Take a transaction again whose block is no more; its nonce is free, since it was used in that block."""
        self._by_sender.setdefault(pending.signed.signer, {})[pending.signed.nonce] = pending
        self._by_hash[pending.extrinsic.hash] = pending

    def remove(self, pending: Pending) -> None:
        """Forget a transaction."""
        self._by_hash.pop(pending.extrinsic.hash, None)
        queue = self._by_sender.get(pending.signed.signer)
        if queue is not None:
            queue.pop(pending.signed.nonce, None)
            if not queue:
                del self._by_sender[pending.signed.signer]

    def next_nonce(self, sender: str, nonce: int) -> int:
        """The first nonce from `nonce` that no pending transaction of the sender has."""
        queue = self._by_sender.get(sender, {})
        while nonce in queue:
            nonce += 1
        return nonce

    def ready(self, nonce_of: Callable[[str], int], count: int) -> list[Pending]:
        """Up to `count` transactions that can go into a block now, each sender's in order of nonces."""
        chosen: list[Pending] = []
        expected: dict[str, int] = {}
        # Arrival order decides between senders; a later nonce that came first waits for the earlier one.
        for arrived in self._by_hash.values():
            sender = arrived.signed.signer
            if sender in expected:
                continue
            nonce = expected[sender] = nonce_of(sender)
            queue = self._by_sender[sender]
            while nonce in queue and len(chosen) < count:
                chosen.append(queue[nonce])
                nonce += 1
        return chosen

    def __repr__(self) -> str:
        return f"<Mempool of {len(self._by_hash)} from {len(self._by_sender)} senders>"
