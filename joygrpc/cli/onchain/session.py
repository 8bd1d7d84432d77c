"""A command's connection to the chain: who signs, what it costs, sending, and what became of it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import click

from joygrpc.chain import (
    BatchMode,
    Call,
    ChainConfig,
    ChainError,
    ChainProperties,
    KeyInvalid,
    KeySource,
    SignerLocked,
    SubmitOutcome,
    SubstrateChain,
    TransactionRefused,
)
from joygrpc.chain.ss58 import InvalidAddress
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.exits import CommandFailed

T = TypeVar("T")

_DEVELOPMENT = frozenset({"Development", "Local"})


class ChainSession:
    """What a command does on the chain; made by `run`."""

    def __init__(self, access: Access, chain: SubstrateChain, properties: ChainProperties) -> None:
        self.access = access
        self.chain = chain
        self._properties = properties

    async def lead(self) -> str:
        """The account of the working group's lead, whose key must be here. Raises `CommandFailed`."""
        group, exits = self.access.group, self.access.exits
        lead = await self.chain.lead(group)
        if lead is None:
            raise CommandFailed(f"the {group} working group has no lead now", exits.usage)
        return self._with_key(lead.role_account, f"the lead of the {group} working group (worker {lead.worker_id})")

    async def worker(self, worker_id: int) -> str:
        """The role account of a worker, whose key must be here. Raises `CommandFailed`."""
        group, exits = self.access.group, self.access.exits
        worker = await self.chain.worker(group, worker_id)
        if worker is None:
            raise CommandFailed(f"there is no worker {worker_id} in the {group} working group", exits.no_worker)
        return self._with_key(worker.role_account, f"worker {worker_id} of the {group} working group")

    def _with_key(self, account: str, whose: str) -> str:
        signers = self.chain.signers()
        if account in signers:
            return account
        have = ", ".join(signers) if signers else "none"
        raise CommandFailed(
            f"{whose} signs with the account {account}, whose key was not given\n  keys given: {have}",
            self.access.exits.no_key,
        )

    def amount(self, units: int) -> str:
        """Money as text, in the chain's token."""
        whole, rest = divmod(units, 10**self._properties.token_decimals)
        fraction = f"{rest:0{self._properties.token_decimals}d}".rstrip("0") if rest else ""
        return f"{whole}{'.' if fraction else ''}{fraction} {self._properties.token_symbol}".rstrip()

    async def fee(self, calls: Sequence[Call], signer: str, mode: BatchMode = "single") -> int:
        """What it would cost, in the smallest unit; warns when the account has less."""
        fee = await self.chain.estimate_fee(calls, signer, mode)
        balance = await self.chain.free_balance(signer)
        if balance < fee:
            tell(f"Warning: {signer} has {self.amount(balance)}, which does not pay the fee of {self.amount(fee)}")
        return fee

    async def submit(self, calls: Sequence[Call], signer: str, mode: BatchMode = "single") -> SubmitOutcome:
        """Send and follow until it is in a block (or final). Raises `CommandFailed` when it is not in a block, or nobody knows."""
        wait_for = "finalized" if self.access.finalized else "included"
        outcome = await self.chain.submit(calls, signer, mode, wait_for)  # type: ignore[arg-type]
        if outcome.status == "dropped":
            raise CommandFailed(
                f"the transaction {outcome.extrinsic_hash} will not be in any block: {outcome.reason}",
                self.access.exits.transaction,
            )
        if outcome.status == "unknown":
            raise CommandFailed(
                f"nobody knows what became of the transaction {outcome.extrinsic_hash} ({outcome.reason}): "
                "look whether it has happened before you try again",
                self.access.exits.transaction,
            )
        return outcome


def tell(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


def run(access: Access, work: Callable[[ChainSession], Awaitable[T]], *, signs: bool = True) -> T:
    """Connect, do the work, and give its result. Raises `CommandFailed` for all that the chain and the keys may do.

    `signs`: whether keys are needed; without, none are read.
    """
    if signs and not access.keys.any:
        raise CommandFailed("no account was given that could sign", access.exits.usage)
    keys = access.keys.source(access.exits) if signs else KeySource()
    _configure_log()
    exits = access.exits
    try:
        return asyncio.run(_connected(access, keys, work))
    except KeyInvalid as error:
        raise CommandFailed(error.message, exits.file_invalid) from None
    except SignerLocked as error:
        raise CommandFailed(error.message, exits.no_key) from None
    except TransactionRefused as error:
        raise CommandFailed(f"Cannot send the extrinsic: {error.message}", exits.chain) from None
    except ChainError as error:
        raise CommandFailed(f"{error.message} ({access.url})", exits.chain) from None
    except InvalidAddress as error:
        raise CommandFailed(str(error), exits.invalid) from None


async def _connected(access: Access, keys: KeySource, work: Callable[[ChainSession], Awaitable[T]]) -> T:
    async with _chain(access, keys) as chain:
        if access.development and (kind := await chain.chain_type()) not in _DEVELOPMENT:
            raise CommandFailed(f"--dev is for development chains; this one is {kind}", access.exits.not_development)
        return await work(ChainSession(access, chain, await chain.properties()))


@contextlib.asynccontextmanager
async def _chain(access: Access, keys: KeySource) -> AsyncIterator[SubstrateChain]:
    async with SubstrateChain(ChainConfig(url=access.url, keys=keys)) as chain:
        yield chain


def _configure_log() -> None:
    """Failures are told as errors of the command; with DEBUG=true the chain client's own log is shown too."""
    from joygrpc.config.log import LogLevel, LogSettings
    from joygrpc.telemetry import configure_logging

    level: LogLevel = "debug" if os.environ.get("DEBUG", "").lower() == "true" else "error"
    configure_logging(LogSettings(level=level))


def plain(value: Any) -> Any:
    """A call's arguments as JSON has them."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
