"""Bulk commands: each makes its plan; how a plan is carried out is the same for all."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from joygrpc.chain.decoding import empty_bag
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.answers import FORMS, form_of
from joygrpc.cli.onchain.commands import U64, storage_command
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.values import bags_of_texts, integers
from joygrpc.cli.storage.leader.bulk.facts import Facts
from joygrpc.cli.storage.leader.bulk.planning import (
    Plan,
    plan_copies,
    plan_emptying,
    plan_replication,
    plan_updates,
)
from joygrpc.cli.storage.leader.bulk.report import Form
from joygrpc.cli.storage.leader.bulk.running import BulkOptions, run_bulk
from joygrpc.content.ids import BagId

_MAX_BATCH = 10_000


def bulk_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every bulk command; they reach it as keyword arguments that `options_of` takes."""
    for option in reversed(
        (
            click.option(
                "-b",
                "--batchSize",
                "batch_size",
                type=click.IntRange(1, _MAX_BATCH),
                default=100,
                show_default=True,
                help="Bags in one transaction.",
            ),
            click.option(
                "--skipBucketsSummary", "skip_buckets", is_flag=True, help="Leave the buckets out of the result."
            ),
            click.option(
                "--skipTxSummary", "skip_transactions", is_flag=True, help="Leave the transactions out of it."
            ),
            click.option("--skipConfirmation", "skip_confirmation", is_flag=True, help="The same as --yes."),
            click.option("--partial", is_flag=True, help="Do what can be done when not everything can."),
            click.option(
                "-o",
                "--output",
                metavar="FILE",
                help=f"File for the result (JSON); it is up to date after every transaction. {', '.join(FORMS)}: form of the answer.",
            ),
        )
    ):
        function = option(function)
    return function


def options_of(access: Access, values: dict[str, Any], **form: Any) -> tuple[Access, BulkOptions]:
    """The bulk options out of a command's values."""
    output: str | None = values["output"]
    if output in FORMS:
        access, output = replace(access, form=form_of(output)), None
    if values["skip_confirmation"]:
        access = replace(access, confirm="never")
    elif access.confirm == "ask_at_terminal":
        # The reference asks for these alone, so scripts know it.
        access = replace(access, confirm="ask")
    options = BulkOptions(
        batch_size=values["batch_size"],
        partial=values["partial"],
        file=None if output is None else Path(output),
        form=Form(not values["skip_buckets"], not values["skip_transactions"], **form),
    )
    return access, options


def check_buckets(facts: Facts, bucket_ids: Collection[int], access: Access) -> None:
    """Raises `CommandFailed` for buckets that do not exist."""
    if missing := sorted(set(bucket_ids) - facts.buckets.keys()):
        raise CommandFailed(f"no such storage bucket: {', '.join(map(str, missing))}", access.exits.invalid)


@storage_command("update-bags", output_is_form=False)
@click.option(
    "-i", "--bagIds", "bag_ids", multiple=True, required=True, callback=bags_of_texts, metavar="BAG...", help="Bags."
)
@click.option("-a", "--add", multiple=True, callback=integers, metavar="BUCKET...", help="Buckets to add.")
@click.option("-r", "--remove", multiple=True, callback=integers, metavar="BUCKET...", help="Buckets to remove.")
@click.option(
    "-s",
    "--updateStrategy",
    "strategy",
    type=click.Choice(["atomic", "force"]),
    default="atomic",
    show_default=True,
    help="atomic: all bags or none; force: as many as can be.",
)
@bulk_options
def update_bags(
    access: Access,
    bag_ids: tuple[BagId, ...],
    add: tuple[int, ...],
    remove: tuple[int, ...],
    strategy: Literal["atomic", "force"],
    **values: Any,
) -> None:
    """Change in which storage buckets some bags are; what is so already is left out."""
    if not add and not remove:
        raise CommandFailed("give --add or --remove", access.exits.invalid)
    if set(add) & set(remove):
        raise CommandFailed("a bucket cannot be added and removed at once", access.exits.invalid)
    # The reference does not ask here.
    asks = access.confirm
    access, options = options_of(access, values)
    access = replace(access, confirm="never" if values["skip_confirmation"] else asks)
    if strategy == "atomic":
        options = replace(options, mode="batch_all", batch_size=_MAX_BATCH)

    def plan(facts: Facts) -> Plan:
        check_buckets(facts, {*add, *remove}, access)
        # Static bags exist without having been written.
        known = {bag_id: empty_bag(bag_id) for bag_id in bag_ids if bag_id.kind in ("council", "working_group")}
        known |= {bag.bag_id: bag for bag in facts.bags}
        if missing := [str(bag_id) for bag_id in bag_ids if bag_id not in known]:
            raise CommandFailed(f"no such bag: {', '.join(missing)}", access.exits.invalid)
        return plan_updates(facts, [known[bag_id] for bag_id in bag_ids], add, remove)

    run_bulk(access, options, plan)


@storage_command("copy-bags", output_is_form=False)
@click.option(
    "--from", "sources", multiple=True, required=True, callback=integers, metavar="BUCKET...", help="Sources."
)
@click.option("--to", "targets", multiple=True, required=True, callback=integers, metavar="BUCKET...", help="Targets.")
@click.option("--copies", type=click.IntRange(1), default=1, show_default=True, help="Targets that each bag gets.")
@bulk_options
def copy_bags(access: Access, sources: tuple[int, ...], targets: tuple[int, ...], copies: int, **values: Any) -> None:
    """Put every bag of some buckets into others too.

    A target that has a bag already counts, so that the command can be repeated.
    """
    if both := sorted(set(sources) & set(targets)):
        raise CommandFailed(f"source and target at once: {', '.join(map(str, both))}", access.exits.invalid)
    if copies > len(set(targets)):
        raise CommandFailed(f"{copies} copies need as many targets", access.exits.invalid)
    access, options = options_of(access, values)

    def plan(facts: Facts) -> Plan:
        check_buckets(facts, {*sources, *targets}, access)
        return plan_copies(facts, sources, targets, copies)

    run_bulk(access, options, plan)


@storage_command("empty-bucket", output_is_form=False)
@click.option("--id", "bucket_id", type=U64, required=True, help="Bucket.")
@bulk_options
def empty_bucket(access: Access, bucket_id: int, **values: Any) -> None:
    """Take all bags from a bucket. It gives them to nobody: use copy-bags or set-replication for that."""
    access, options = options_of(access, values)

    def plan(facts: Facts) -> Plan:
        check_buckets(facts, [bucket_id], access)
        return plan_emptying(facts, bucket_id)

    run_bulk(access, options, plan)


@storage_command("set-replication", output_is_form=False)
@click.option("-r", "--rate", type=click.IntRange(1), required=True, help="Buckets that each bag shall be in.")
@click.option(
    "-a",
    "--activeOnly/--no-activeOnly",
    "active_only",
    default=True,
    show_default=True,
    help="Whether only buckets with an operator count and get bags.",
)
@bulk_options
def set_replication(access: Access, rate: int, active_only: bool, **values: Any) -> None:
    """Bring every bag to a number of buckets.

    A bag with too few gets the buckets with most free bytes, one with too many leaves those with least. The plan is made from the chain, so a
    run that was interrupted is taken up by running it again.
    """
    access, options = options_of(access, values, active_only=active_only)

    def plan(facts: Facts) -> Plan:
        if rate > facts.bag_limit:
            raise CommandFailed(
                f"a bag may be in {facts.bag_limit} buckets at most; update-bag-limit changes that",
                access.exits.invalid,
            )
        return plan_replication(facts, rate, active_only=active_only)

    run_bulk(access, options, plan)
