"""Commands about families of distribution buckets."""

from pathlib import Path

import click

from joygrpc.chain import calls
from joygrpc.cli.distributor.configuration import FAMILY, distributor_command
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.operator_metadata import family_description
from joygrpc.cli.onchain.transaction import field_of_event, lead, transact


@distributor_command("create-bucket-family")
def create_bucket_family(access: Access) -> None:
    """Create a family of distribution buckets; prints its id."""
    result = field_of_event("DistributionBucketFamilyCreated", "family_id")
    transact(access, lead, calls.create_distribution_bucket_family(), result)


@distributor_command("delete-bucket-family")
@FAMILY
def delete_bucket_family(access: Access, family_id: int) -> None:
    """Delete a family whose buckets have no bags and in which no new bag begins."""
    transact(access, lead, calls.delete_distribution_bucket_family(family_id))


@distributor_command("set-bucket-family-metadata")
@FAMILY
@click.option("-i", "--input", "file", type=click.Path(path_type=Path), required=True, help="JSON file.")
def set_bucket_family_metadata(access: Access, family_id: int, file: Path) -> None:
    """Describe a family.

    The file holds an object, all optional: region, description, areas (each with one of continentCode, countryCode and subdivisionCode),
    latencyTestTargets (texts).
    """
    metadata = family_description(file, access.exits)
    transact(access, lead, calls.set_distribution_bucket_family_metadata(family_id, metadata))
