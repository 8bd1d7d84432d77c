"""Commands about bags in distribution buckets."""

import re
from typing import Literal

import click

from joygrpc.chain import calls
from joygrpc.cli.distributor.configuration import FAMILY, distributor_command
from joygrpc.cli.exit_codes import DistributorExit
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.commands import U32
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.transaction import lead, transact
from joygrpc.cli.onchain.values import distributed_bag_of_text, integers
from joygrpc.content.ids import BagId


@distributor_command("set-buckets-per-bag-limit")
@click.option("-l", "--limit", type=U32, required=True, help="Buckets, at most.")
def set_buckets_per_bag_limit(access: Access, limit: int) -> None:
    """Set in how many distribution buckets a bag may be."""
    transact(access, lead, calls.update_distribution_buckets_per_bag_limit(limit))


@distributor_command("update-bag")
@click.option("-b", "--bagId", "bag_id", required=True, callback=distributed_bag_of_text, metavar="BAG", help="Bag.")
@FAMILY
@click.option("-a", "--add", multiple=True, callback=integers, metavar="INDEX...", help="Buckets to add.")
@click.option("-r", "--remove", multiple=True, callback=integers, metavar="INDEX...", help="Buckets to remove.")
def update_bag(access: Access, bag_id: BagId, family_id: int, add: tuple[int, ...], remove: tuple[int, ...]) -> None:
    """Change in which buckets of a family a bag is; buckets are named by their indices in the family."""
    transact(access, lead, calls.update_distribution_buckets_for_bag(bag_id, family_id, add, remove))


def policy_of_texts(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """Pairs of family and number of buckets, from `family:count`."""
    pairs = []
    for text in (part for given in texts for part in given.split(",")):
        found = re.fullmatch(r"([0-9]{1,20}):([0-9]{1,10})", text.strip())
        if found is None:
            raise CommandFailed(f"a policy is written family:count, not {text}", DistributorExit.UNEXPECTED)
        pairs.append((int(found[1]), int(found[2])))
    if len({family for family, _ in pairs}) < len(pairs):
        raise CommandFailed("a family stands twice in the policy", DistributorExit.UNEXPECTED)
    return tuple(pairs)


@distributor_command("update-dynamic-bag-policy")
@click.option("-t", "--type", "bag_type", type=click.Choice(["Member", "Channel"]), required=True, help="Kind of bag.")
@click.option(
    "-p", "--policy", multiple=True, callback=policy_of_texts, metavar="FAMILY:COUNT...", help="Buckets of a family."
)
def update_dynamic_bag_policy(
    access: Access, bag_type: Literal["Channel", "Member"], policy: tuple[tuple[int, int], ...]
) -> None:
    """Set in how many buckets of which families a new bag begins; replaces what held before."""
    transact(access, lead, calls.update_families_in_dynamic_bag_creation_policy(bag_type, dict(policy)))
