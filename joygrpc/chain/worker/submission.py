"""Sending transactions: nonces, refusals, and following them to their block or its finality."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from joygrpc.chain.errors import ChainError, ChainUnavailable, SignerLocked, TransactionRefused
from joygrpc.chain.outcomes import judge_refusal
from joygrpc.chain.port import SubmitOutcome
from joygrpc.chain.ss58 import encode_account
from joygrpc.chain.wire import LogNotice, Setup, SubmitRequest
from joygrpc.chain.worker.connection import Connection
from joygrpc.chain.worker.extrinsics import Inclusion, SignedExtrinsic, account_nonce, inclusion, sign
from joygrpc.chain.worker.keyring import Keyring, Signer
from joygrpc.chain.worker.queries import QueryThread
from joygrpc.chain.worker.subscription import RequestRefused, Subscription, SubscriptionLost

_ATTEMPTS = 5
_RETRY_S = 0.3


@dataclass(slots=True)
class AccountNonces:
    """Nonces of one account, given out in order; `lock` is held from the choice until the pool has answered."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    in_flight: int = 0
    following: int | None = None

    def choose(self, on_chain: int) -> int:
        """The next nonce, given what the node says.

        The node counts what lies in its pool. While transactions of ours are under way it may still be behind (behind one address there can be
        several nodes), so ours count as well; otherwise the node alone is right, since others may use the key.
        """
        if self.in_flight and self.following is not None:
            return max(on_chain, self.following)
        return on_chain

    def sent(self, nonce: int) -> None:
        """The pool took a transaction with that nonce."""
        self.in_flight += 1
        self.following = nonce + 1

    def ended(self, *, included: bool) -> None:
        """A transaction is no longer followed. One that never got in leaves a gap, which only the node's count closes."""
        self.in_flight -= 1
        if not included:
            self.following = None


class Submitter:
    """Sends transactions, each in the calling thread."""

    def __init__(self, setup: Setup, keyring: Keyring, chain: QueryThread, notify: Callable[[object], None]) -> None:
        self._setup = setup
        self._keyring = keyring
        self._chain = chain
        self._notify = notify
        self._accounts: dict[bytes, AccountNonces] = {}
        self._accounts_lock = threading.Lock()

    def submit(self, wanted: SubmitRequest) -> SubmitOutcome:
        """Sign, send and follow; the outcome is `unknown` when the transaction may be under way but cannot be followed any more.

        Raises `SignerLocked`, `TransactionRefused`, `CallInvalid`, or `ChainUnavailable` when surely nothing was sent.
        """
        signer = self._keyring.find(wanted.account)
        if signer is None:
            raise SignerLocked
        with self._accounts_lock:
            nonces = self._accounts.setdefault(wanted.account, AccountNonces())
        deadline = time.monotonic() + wanted.time_limit_s
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(_RETRY_S * attempt)
            with Subscription(self._setup.url, self._setup.connect_timeout_s) as watch:
                with nonces.lock:
                    nonce, signed = self._sign(wanted, signer, nonces)
                    sent = self._send(watch, signed)
                    if sent is None:
                        nonces.following = None
                        continue
                    if isinstance(sent, SubmitOutcome):
                        return sent
                    nonces.sent(nonce)
                outcome = None
                try:
                    outcome = self._follow(watch, wanted, signed, deadline)
                finally:
                    with nonces.lock:
                        nonces.ended(included=outcome is not None and outcome.status in ("included", "finalized"))
                return outcome
        raise TransactionRefused("The chain's pool keeps refusing the transaction's nonce")

    def _sign(self, wanted: SubmitRequest, signer: Signer, nonces: AccountNonces) -> tuple[int, SignedExtrinsic]:
        def work(connection: Connection) -> tuple[int, SignedExtrinsic]:
            address = encode_account(wanted.account, int(connection.substrate.ss58_format))
            nonce = nonces.choose(account_nonce(connection, address))
            return nonce, sign(connection, wanted.calls, wanted.mode, signer, nonce, self._setup.mortality_blocks)

        return cast("tuple[int, SignedExtrinsic]", self._chain.call(work, wanted.time_limit_s))

    def _send(self, watch: Subscription, signed: SignedExtrinsic) -> SubmitOutcome | bool | None:
        """True when the pool took it, None when it has to be signed anew, an outcome when that is all there is to know."""
        try:
            watch.start("author_submitAndWatchExtrinsic", [signed.data], self._setup.rpc_timeout_s)
        except SubscriptionLost as error:
            if not error.sent:
                raise ChainUnavailable from error
            return SubmitOutcome("unknown", signed.extrinsic_hash, reason="connection lost")
        except RequestRefused as error:
            verdict = judge_refusal(error.code, error.message, error.data)
            self._notify(
                LogNotice(
                    "transaction_not_taken", (("verdict", verdict), ("message", error.message), ("data", error.data))
                )
            )
            match verdict:
                case "stale" | "resend":
                    return None
                case "known":
                    return SubmitOutcome("unknown", signed.extrinsic_hash, reason="already in the pool")
                case "full":
                    return SubmitOutcome("dropped", signed.extrinsic_hash, reason=error.message)
                case "refused":
                    raise TransactionRefused(
                        f"The chain refused the transaction: {error.data or error.message}"
                    ) from error
        return True

    def _follow(
        self, watch: Subscription, wanted: SubmitRequest, signed: SignedExtrinsic, deadline: float
    ) -> SubmitOutcome:
        reason = "time limit"
        try:
            for status in watch.results(deadline):
                match status:
                    case {"inBlock": str(block_hash)} if not wanted.wait_for_finality:
                        return self._landed("included", block_hash, wanted, signed, deadline)
                    case {"finalized": str(block_hash)}:
                        return self._landed("finalized", block_hash, wanted, signed, deadline)
                    case {"finalityTimeout": _}:
                        reason = "finality timeout"
                        break
                    case "dropped" | "invalid":
                        return SubmitOutcome("dropped", signed.extrinsic_hash, reason=str(status))
                    case {"usurped": _}:
                        return SubmitOutcome("dropped", signed.extrinsic_hash, reason="usurped")
        except SubscriptionLost:
            reason = "connection lost"
        except TimeoutError:
            pass
        return SubmitOutcome("unknown", signed.extrinsic_hash, reason=reason)

    def _landed(
        self, status: str, block_hash: str, wanted: SubmitRequest, signed: SignedExtrinsic, deadline: float
    ) -> SubmitOutcome:
        try:
            found = cast(
                "Inclusion",
                self._chain.call(
                    lambda connection: inclusion(connection, block_hash, signed.data, wanted.mode, len(wanted.calls)),
                    max(deadline - time.monotonic(), self._setup.rpc_timeout_s),
                ),
            )
        except ChainError:
            return SubmitOutcome("unknown", signed.extrinsic_hash, reason="events not readable")
        return SubmitOutcome(
            "finalized" if status == "finalized" else "included",
            signed.extrinsic_hash,
            found.block,
            found.items,
            found.events,
        )
