"""The command about one bag."""

import click

from joygrpc.chain import calls
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.commands import storage_command
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.transaction import lead, transact
from joygrpc.cli.onchain.values import bag_of_text, integers
from joygrpc.content.ids import BagId


@storage_command("update-bag")
@click.option("-i", "--bagId", "bag_id", required=True, callback=bag_of_text, metavar="BAG", help="Bag.")
@click.option("-a", "--add", multiple=True, callback=integers, metavar="BUCKET...", help="Buckets to add.")
@click.option("-r", "--remove", multiple=True, callback=integers, metavar="BUCKET...", help="Buckets to remove.")
def update_bag(access: Access, bag_id: BagId, add: tuple[int, ...], remove: tuple[int, ...]) -> None:
    """Change in which storage buckets a bag is."""
    if not add and not remove:
        raise CommandFailed("give --add or --remove", access.exits.invalid)
    transact(access, lead, calls.update_storage_buckets_for_bag(bag_id, add, remove))
