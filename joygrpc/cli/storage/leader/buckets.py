"""Commands about one storage bucket."""

from collections.abc import Callable
from typing import Any

import click

from joygrpc.chain import calls
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.commands import U64, storage_command
from joygrpc.cli.onchain.transaction import field_of_event, lead, transact

_BUCKET: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "-i", "--bucketId", "bucket_id", type=U64, required=True, help="Bucket."
)


@storage_command("create-bucket")
@click.option("-s", "--size", type=U64, default=0, show_default=True, help="Bytes that it may hold.")
@click.option("-n", "--number", type=U64, default=0, show_default=True, help="Objects that it may hold.")
@click.option("-i", "--invited", type=U64, help="Worker to invite.")
@click.option("-a", "--allow/--no-allow", default=False, help="Whether it takes new bags.  [default: no]")
def create_bucket(access: Access, size: int, number: int, invited: int | None, allow: bool) -> None:
    """Create a storage bucket; prints its id.

    Its limits may not be higher than the network's (update-voucher-limits). Unlike the reference, a bucket takes new bags only with --allow.
    """
    call = calls.create_storage_bucket(invited, allow, size, number)
    transact(access, lead, call, field_of_event("StorageBucketCreated", "bucket_id"))


@storage_command("delete-bucket")
@_BUCKET
def delete_bucket(access: Access, bucket_id: int) -> None:
    """Delete a bucket that holds no bag; its operator is not asked."""
    transact(access, lead, calls.delete_storage_bucket(bucket_id))


@storage_command("invite-operator")
@_BUCKET
@click.option("-w", "--operatorId", "--workerId", "worker_id", type=U64, required=True, help="Storage worker.")
def invite_operator(access: Access, bucket_id: int, worker_id: int) -> None:
    """Invite a worker to operate a bucket."""
    transact(access, lead, calls.invite_storage_bucket_operator(bucket_id, worker_id))


@storage_command("cancel-invite")
@_BUCKET
def cancel_invite(access: Access, bucket_id: int) -> None:
    """Take the invitation to a bucket back."""
    transact(access, lead, calls.cancel_storage_bucket_operator_invite(bucket_id))


@storage_command("remove-operator")
@_BUCKET
def remove_operator(access: Access, bucket_id: int) -> None:
    """Dismiss a bucket's operator; its bags stay with the bucket."""
    transact(access, lead, calls.remove_storage_bucket_operator(bucket_id))


@storage_command("set-bucket-limits")
@_BUCKET
@click.option("-o", "--objects", type=U64, required=True, help="Objects that it may hold.")
@click.option("-s", "--size", type=U64, required=True, help="Bytes that it may hold.")
def set_bucket_limits(access: Access, bucket_id: int, objects: int, size: int) -> None:
    """Set how much a bucket may hold; it may be less than it holds now."""
    transact(access, lead, calls.set_storage_bucket_voucher_limits(bucket_id, size, objects))


@storage_command("update-bucket-status")
@_BUCKET
@click.option("-s", "--set", "status", type=click.Choice(["on", "off"]), required=True, help="on: takes new bags.")
def update_bucket_status(access: Access, bucket_id: int, status: str) -> None:
    """Let a bucket take new bags, or not."""
    transact(access, lead, calls.update_storage_bucket_status(bucket_id, status == "on"))
