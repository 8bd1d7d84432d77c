"""Carrying a bulk command out: facts from the chain, the plan shown and confirmed, batches sent one after the other."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joygrpc.chain import BatchMode, SubmitOutcome
from joygrpc.chain.calls import update_storage_buckets_for_bag
from joygrpc.chain.decoding import int_of
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.answers import show, show_table
from joygrpc.cli.onchain.confirmation import confirmed
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.explanations import explained
from joygrpc.cli.onchain.session import ChainSession, run, tell
from joygrpc.cli.storage.leader.bulk.facts import BagChange, Facts
from joygrpc.cli.storage.leader.bulk.planning import Plan, bags_without_bucket, batches
from joygrpc.cli.storage.leader.bulk.report import Form, SentBatch, bag_rows, bucket_rows, carried_out, planned, sized

_BUCKET_TITLES = ("bucket", "gets", "leaves", "used before", "used after", "free after")
_BAG_TITLES = ("bag", "size", "in buckets", "change")

MakePlan = Callable[[Facts], Plan]
"""Raises `CommandFailed` for buckets or bags that do not exist."""


@dataclass(frozen=True, slots=True)
class BulkOptions:
    """How a bulk command behaves."""

    batch_size: int
    mode: BatchMode = "force_batch"
    partial: bool = False
    """Whether what can be done is done when not all can."""
    file: Path | None = None
    form: Form = field(default_factory=Form)


def run_bulk(access: Access, options: BulkOptions, make_plan: MakePlan) -> None:
    """Plan, show, ask, send. Raises `CommandFailed`, also when a change failed."""
    _check_writable(options.file, access)
    run(access, lambda session: _Bulk(session, options).run(make_plan), signs=not access.dry_run)


def _check_writable(file: Path | None, access: Access) -> None:
    if file is None:
        return
    parent = file.absolute().parent
    if not os.access(parent, os.W_OK) or file.is_dir() or (file.exists() and not os.access(file, os.W_OK)):
        raise CommandFailed(f"{file} cannot be written", access.exits.file_missing)


class _Bulk:
    """One run of a bulk command."""

    def __init__(self, session: ChainSession, options: BulkOptions) -> None:
        self._session = session
        self._access = session.access
        self._options = options
        self._form = options.form

    async def run(self, make_plan: MakePlan) -> None:
        plan = make_plan(await self._facts())
        if self._access.dry_run:
            self._show_plan(plan)
            return
        self._tell_plan(plan, err=True)
        if plan.shortfalls and not self._options.partial:
            raise CommandFailed("not everything can be done; --partial does what can be done", self._access.exits.usage)
        if not plan.changes:
            tell("There is nothing to change")
            self._answer(carried_out(plan, (), (), self._form))
            return
        signer = await self._session.lead()
        count = -(-len(plan.changes) // self._options.batch_size)
        first = next(batches(plan, self._options.batch_size))
        fee = await self._session.fee([_call(change) for change in first], signer, self._options.mode)
        about = "" if count == 1 else f" each, about {self._session.amount(fee * count)} in all"
        tell(
            f"{count} transaction{'s' if count > 1 else ''}, signed by {signer}, fee {self._session.amount(fee)}{about}"
        )
        if not confirmed("Carry the plan out?", self._access.confirm):
            tell("Nothing was sent")
            return
        await self._send(plan, signer, count)

    async def _facts(self) -> Facts:
        chain = self._session.chain
        limit = await chain.storage_value("Storage", "StorageBucketsPerBagLimit")
        return Facts.of(await chain.storage_buckets(), await chain.bags(), int_of(limit))

    async def _send(self, plan: Plan, signer: str, count: int) -> None:
        sent: list[SentBatch] = []
        shown: list[Mapping[str, Any]] = []
        now = plan.facts
        answer = carried_out(plan, sent, shown, self._form)
        with _progress(len(plan.changes)) as advance:
            for number, changes in enumerate(batches(plan, self._options.batch_size), start=1):
                try:
                    outcome = await self._session.submit([_call(c) for c in changes], signer, self._options.mode)
                except CommandFailed as error:
                    raise CommandFailed(
                        f"{error.message}\nrun the command again: it goes on where the chain stands",
                        self._access.exits.transaction,
                    ) from None
                batch = SentBatch(outcome.extrinsic_hash, _outcomes(changes, outcome), now)
                now = batch.then
                sent.append(batch)
                shown.append(batch.shown(self._form))
                answer = carried_out(plan, sent, shown, self._form)
                self._write(answer)
                assert outcome.block is not None
                advance(
                    len(changes),
                    f"batch {number}/{count}: {len(batch.made)} done, {len(batch.failed)} failed, block {outcome.block.number}",
                )
        self._answer(answer, written=True)
        if failed := [pair for batch in sent for pair in batch.failed]:
            kinds = dict.fromkeys(error for _, error in failed)
            bags = ", ".join(str(change.bag.bag_id) for change, _ in failed[:10])
            lines = [
                f"{len(failed)} of {len(plan.changes)} changes failed: {bags}",
                *(explained(kind) for kind in kinds),
            ]
            raise CommandFailed("\n".join(lines), self._access.exits.transaction)

    def _show_plan(self, plan: Plan) -> None:
        answer = planned(plan, self._form)
        self._write(answer)
        if self._access.form in ("json", "yaml"):
            show(answer, self._access.form)
        else:
            self._tell_plan(plan, err=False)

    def _tell_plan(self, plan: Plan, *, err: bool) -> None:
        def line(text: str) -> None:
            print(text, file=sys.stderr if err else sys.stdout)

        if plan.changes:
            show_table(_BAG_TITLES, bag_rows(plan), err=err)
            if self._form.buckets:
                show_table(_BUCKET_TITLES, bucket_rows(plan), err=err)
        answer = planned(plan, Form(buckets=False, active_only=self._form.active_only))
        usage = answer["totalStorageUsage"]
        line(f"{len(plan.changes)} of {len(plan.facts.bags)} bags change")
        line(f"storage used: {sized(int(usage['before']))} before, {sized(int(usage['after']))} after")
        if rate := answer.get("avgReplicationRate"):
            line(f"average replication: {rate['before']} before, {rate['after']} after")
        for short in plan.shortfalls[:10]:
            line(
                f"{short.bag.bag_id} ({sized(short.bag.objects_total_size)}) lacks {short.copies} copies: {short.reason}"
            )
        if len(plan.shortfalls) > 10:
            line(f"… and {len(plan.shortfalls) - 10} more bags that lack copies")
        if lost := bags_without_bucket(plan):
            line(
                f"WARNING: {len(lost)} bags leave their last bucket, for instance {lost[0].bag_id}: nobody will keep them"
            )

    def _answer(self, answer: Mapping[str, Any], *, written: bool = False) -> None:
        """The result: into the file if there is one, else on standard output."""
        if self._options.file is not None:
            if not written:
                self._write(answer)
            tell(f"the result is in {self._options.file}")
        if self._options.file is None or self._access.form != "text":
            show(answer, "json" if self._access.form == "text" else self._access.form)

    def _write(self, answer: Mapping[str, Any]) -> None:
        """Replaces the file at once, so that whoever interrupts the command finds it whole."""
        if self._options.file is None:
            return
        beside = self._options.file.with_name(f".{self._options.file.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(answer, indent=2) + "\n", encoding="utf-8")
            beside.replace(self._options.file)
        except OSError as error:
            raise CommandFailed(
                f"{self._options.file} cannot be written: {error.strerror}", self._access.exits.file_missing
            ) from None


def _call(change: BagChange) -> Any:
    return update_storage_buckets_for_bag(change.bag.bag_id, change.add, change.remove)


def _outcomes(changes: tuple[BagChange, ...], outcome: SubmitOutcome) -> tuple[tuple[BagChange, str | None], ...]:
    return tuple((change, item.error) for change, item in zip(changes, outcome.items, strict=True))


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int, str], None]]:
    """A bar at a terminal, else a line for each batch."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _, text: print(text, file=sys.stderr, flush=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("bags", total=total)
        yield lambda count, text: progress.update(task, advance=count, description=text)
