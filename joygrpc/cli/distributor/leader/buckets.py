"""Commands about one distribution bucket."""

from collections.abc import Sequence

import click

from joygrpc.chain import ChainEvent, calls
from joygrpc.chain.decoding import distribution_bucket_of
from joygrpc.cli.distributor.configuration import BUCKET, FAMILY, WORKER, distributor_command
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.transaction import field_of_event, lead, transact
from joygrpc.content.ids import DistributionBucketId

_YES_NO = click.Choice(["yes", "no"])


@distributor_command("create-bucket")
@FAMILY
@click.option(
    "-a", "--acceptingBags", "accepting", type=_YES_NO, default="no", show_default=True, help="Takes new bags."
)
def create_bucket(access: Access, family_id: int, accepting: str) -> None:
    """Create a bucket of a family; prints its index in the family."""
    transact(access, lead, calls.create_distribution_bucket(family_id, accepting == "yes"), _index_of_created)


def _index_of_created(events: Sequence[ChainEvent]) -> int:
    bucket = field_of_event("DistributionBucketCreated", "bucket_id")(events)
    return DistributionBucketId.parse(distribution_bucket_of(bucket)).index


@distributor_command("delete-bucket")
@BUCKET
def delete_bucket(access: Access, bucket_id: str) -> None:
    """Delete a bucket without bags and operators."""
    transact(access, lead, calls.delete_distribution_bucket(bucket_id))


@distributor_command("update-bucket-status")
@BUCKET
@click.option("-a", "--acceptingBags", "accepting", type=_YES_NO, required=True, help="Takes new bags.")
def update_bucket_status(access: Access, bucket_id: str, accepting: str) -> None:
    """Let a bucket take new bags, or not."""
    transact(access, lead, calls.update_distribution_bucket_status(bucket_id, accepting == "yes"))


@distributor_command("update-bucket-mode")
@BUCKET
@click.option("-d", "--mode", type=click.Choice(["on", "off"]), required=True, help="on: delivers.")
def update_bucket_mode(access: Access, bucket_id: str, mode: str) -> None:
    """Let a bucket deliver, or not."""
    transact(access, lead, calls.update_distribution_bucket_mode(bucket_id, mode == "on"))


@distributor_command("invite-bucket-operator")
@BUCKET
@WORKER
def invite_bucket_operator(access: Access, bucket_id: str, worker_id: int) -> None:
    """Invite a worker to operate a bucket."""
    transact(access, lead, calls.invite_distribution_bucket_operator(bucket_id, worker_id))


@distributor_command("cancel-invitation")
@BUCKET
@WORKER
def cancel_invitation(access: Access, bucket_id: str, worker_id: int) -> None:
    """Take an invitation back."""
    transact(access, lead, calls.cancel_distribution_bucket_operator_invite(bucket_id, worker_id))


@distributor_command("remove-bucket-operator")
@BUCKET
@WORKER
def remove_bucket_operator(access: Access, bucket_id: str, worker_id: int) -> None:
    """Dismiss an operator of a bucket."""
    transact(access, lead, calls.remove_distribution_bucket_operator(bucket_id, worker_id))
