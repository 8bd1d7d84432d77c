"""A command that is one call: find the signer, show the fee, ask, send, tell."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click

from joygrpc.chain import Call, ChainEvent, SubmitOutcome
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.answers import show
from joygrpc.cli.onchain.confirmation import confirmed
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.explanations import explained
from joygrpc.cli.onchain.session import ChainSession, plain, run, tell

Signer = Callable[[ChainSession], Awaitable[str]]
Result = Callable[[Sequence[ChainEvent]], object]


async def lead(session: ChainSession) -> str:
    """Signed by the working group's lead."""
    return await session.lead()


def worker(worker_id: int) -> Signer:
    """Signed by a worker's role account."""
    return lambda session: session.worker(worker_id)


def field_of_event(name: str, field: str) -> Result:
    """The field of the first `Storage` event of that name."""

    def find(events: Sequence[ChainEvent]) -> object:
        return next((e.fields[field] for e in events if (e.pallet, e.name) == ("Storage", name)), None)

    return find


def transact(access: Access, signer: Signer, call: Call, result: Result | None = None) -> None:
    """Make the call; prints `result` of its events on standard output, or all facts in the form asked for. Raises `CommandFailed`."""
    run(access, lambda session: _transact(session, signer, call, result))


async def _transact(session: ChainSession, signer: Signer, call: Call, result: Result | None) -> None:
    access = session.access
    account = await signer(session)
    facts: dict[str, Any] = {
        "call": f"{call.pallet}.{call.function}",
        "arguments": plain(dict(call.args)),
        "signer": account,
    }
    if access.dry_run:
        facts["encoded"] = await session.chain.encoded_call([call])
    fee = await session.fee([call], account)
    facts["fee"] = str(fee)
    if access.dry_run:
        show(facts, access.form)
        return
    tell(f"{facts['call']}, signed by {account}, fee {session.amount(fee)}")
    if not confirmed("Send it?", access.confirm):
        tell("Nothing was sent")
        return
    outcome = await session.submit([call], account)
    _raise_failure(outcome, access.exits.transaction)
    assert outcome.block is not None
    tell(f"{outcome.status} in block {outcome.block.number} ({outcome.extrinsic_hash})")
    value = None if result is None else result(outcome.events)
    if access.form != "text":
        show({**facts, **outcome_facts(outcome), "result": plain(value)}, access.form)
    elif value is not None:
        click.echo(value)


def _raise_failure(outcome: SubmitOutcome, code: int) -> None:
    for item in outcome.items:
        if item.error is not None:
            raise CommandFailed(explained(item.error, item.error_docs), code)


def outcome_facts(outcome: SubmitOutcome) -> dict[str, Any]:
    """Where a transaction is, for an answer."""
    assert outcome.block is not None
    return {
        "status": outcome.status,
        "extrinsicHash": outcome.extrinsic_hash,
        "block": outcome.block.number,
        "blockHash": outcome.block.block_hash,
    }
