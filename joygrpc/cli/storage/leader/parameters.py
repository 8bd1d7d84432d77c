"""Commands about the whole storage network."""

from typing import Literal

import click

from joygrpc.chain import calls
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.commands import U32, U64, U128, storage_command
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.transaction import lead, transact

_MULTIHASH_LENGTH = 46


@storage_command("update-voucher-limits")
@click.option("-o", "--objects", type=U64, required=True, help="Objects, at most.")
@click.option("-s", "--size", type=U64, required=True, help="Bytes, at most.")
def update_voucher_limits(access: Access, objects: int, size: int) -> None:
    """Set how high the limits of any bucket may be set."""
    transact(access, lead, calls.update_storage_buckets_voucher_max_limits(size, objects))


@storage_command("update-bag-limit")
@click.option("-l", "--limit", type=U32, required=True, help="Buckets, at most.")
def update_bag_limit(access: Access, limit: int) -> None:
    """Set in how many storage buckets a bag may be."""
    transact(access, lead, calls.update_storage_buckets_per_bag_limit(limit))


@storage_command("update-data-fee")
@click.option("-f", "--fee", type=U128, required=True, help="Fee in the token's smallest unit.")
def update_data_fee(access: Access, fee: int) -> None:
    """Set the fee per megabyte of new objects."""
    transact(access, lead, calls.update_data_size_fee(fee))


@storage_command("update-data-object-bloat-bond")
@click.option("-v", "--value", type=U128, required=True, help="Bond in the token's smallest unit.")
def update_data_object_bloat_bond(access: Access, value: int) -> None:
    """Set the bond per new object."""
    transact(access, lead, calls.update_data_object_state_bloat_bond(value))


@storage_command("update-dynamic-bag-policy")
@click.option("-n", "--number", type=U32, required=True, help="Buckets of a new bag.")
@click.option(
    "-t", "--bagType", "bag_type", type=click.Choice(["Channel", "Member"]), required=True, help="Kind of bag."
)
def update_dynamic_bag_policy(access: Access, number: int, bag_type: Literal["Channel", "Member"]) -> None:
    """Set in how many storage buckets a new bag begins."""
    transact(access, lead, calls.update_number_of_storage_buckets_in_dynamic_bag_creation_policy(bag_type, number))


@storage_command("set-global-uploading-status")
@click.option("-s", "--set", "status", type=click.Choice(["on", "off"]), required=True, help="on: BLOCKED.")
def set_global_uploading_status(access: Access, status: str) -> None:
    """Block uploads to the whole network (on), or allow them (off)."""
    transact(access, lead, calls.update_uploading_blocked_status(status == "on"))


@storage_command("update-blacklist")
@click.option("-a", "--add", multiple=True, metavar="MULTIHASH...", help="Multihashes to add.")
@click.option("-r", "--remove", multiple=True, metavar="MULTIHASH...", help="Multihashes to remove.")
def update_blacklist(access: Access, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
    """Change the multihashes that no new object may have; objects that exist are untouched."""
    if not add and not remove:
        raise CommandFailed("give --add or --remove", access.exits.invalid)
    for text in (*add, *remove):
        if len(text) != _MULTIHASH_LENGTH or not text.isascii():
            raise CommandFailed(f"not a multihash of {_MULTIHASH_LENGTH} characters: {text}", access.exits.invalid)
    transact(access, lead, calls.update_blacklist(remove, add))
