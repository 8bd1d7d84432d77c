"""Callbacks of options that turn texts into what the chain knows."""

import click

from joygrpc.cli.exit_codes import DistributorExit, StorageExit
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.options import integer_list
from joygrpc.content.ids import BagId, DistributionBucketId, InvalidBagId, InvalidDistributionBucketId


def integers(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[int, ...]:
    """Of an option that is given repeatedly: numbers, also comma separated. Raises `InvalidIntegerList`."""
    return tuple(number for text in texts for number in integer_list(context, option, text) or ())


def bag_of_text(_context: click.Context, _option: click.Parameter, text: str) -> BagId:
    """A bag id of a storage command."""
    try:
        return BagId.parse(text)
    except InvalidBagId as error:
        raise CommandFailed(str(error), StorageExit.INVALID_PARAMETERS) from None


def bags_of_texts(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[BagId, ...]:
    """Bag ids of a storage command, each once; also comma separated."""
    bags = (bag_of_text(context, option, part) for text in texts for part in text.split(","))
    return tuple(dict.fromkeys(bags))


def distributed_bag_of_text(_context: click.Context, _option: click.Parameter, text: str) -> BagId:
    """A bag id of a distributor command."""
    try:
        return BagId.parse(text)
    except InvalidBagId as error:
        raise CommandFailed(str(error), DistributorExit.INVALID_INPUT) from None


def distribution_bucket_of_text(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """A distribution bucket id, `family:index`."""
    try:
        return str(DistributionBucketId.parse(text))
    except InvalidDistributionBucketId as error:
        raise CommandFailed(str(error), DistributorExit.UNEXPECTED) from None
