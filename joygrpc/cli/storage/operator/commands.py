"""Commands of a storage bucket's operator."""

from pathlib import Path

import click

from joygrpc.chain import calls
from joygrpc.chain.ss58 import InvalidAddress, decode_account
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.commands import U64, storage_command
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.operator_metadata import operator_description, published_by_storage_operator
from joygrpc.cli.onchain.transaction import transact, worker
from joygrpc.pb.joystream.metadata import storage_pb2

_BUCKET = click.option("-i", "--bucketId", "bucket_id", type=U64, required=True, help="Bucket.")
_WORKER = click.option(
    "-w", "--workerId", "--operatorId", "worker_id", type=U64, required=True, help="The operator's worker id."
)


@storage_command("accept-invitation")
@_BUCKET
@_WORKER
@click.option(
    "-t",
    "--transactorAccountId",
    "transactor",
    required=True,
    metavar="ADDRESS",
    help="Account (SS58) that will sign the bucket's acceptances.",
)
def accept_invitation(access: Access, bucket_id: int, worker_id: int, transactor: str) -> None:
    """Take over a bucket to which the worker is invited."""
    try:
        account = decode_account(transactor)
    except InvalidAddress as error:
        raise CommandFailed(f"--transactorAccountId: {error}", access.exits.invalid) from None
    call = calls.accept_storage_bucket_invitation(worker_id, bucket_id, "0x" + account.hex())
    transact(access, worker(worker_id), call)


@storage_command("set-metadata")
@_BUCKET
@_WORKER
@click.option("-e", "--endpoint", metavar="URL", help="Root URL of the node's REST API.")
@click.option(
    "-j", "--jsonFile", "file", type=click.Path(path_type=Path), help="File: {endpoint, location, extra}, all optional."
)
@click.option("--mesh-endpoint", metavar="URL", help='grpc://host:port or grpcs://…; put into extra as {"grpc": …}.')
@click.option(
    "-q",
    "--storageSquidEndpoint",
    "query_node",
    metavar="URL",
    help="Query node to ask for the extra that is published, so that the mesh endpoint is put into that.",
)
def set_metadata(
    access: Access,
    bucket_id: int,
    worker_id: int,
    endpoint: str | None,
    file: Path | None,
    mesh_endpoint: str | None,
    query_node: str | None,
) -> None:
    """Publish the node's endpoint and place; what is not given stays as it was published before.

    A mesh endpoint makes a new extra, unless the file has one or a query node is asked for the published one.
    """
    if (endpoint is None) == (file is None) and (file is not None or mesh_endpoint is None):
        raise CommandFailed("give either --endpoint or --jsonFile (or --mesh-endpoint)", access.exits.usage)
    message = storage_pb2.StorageBucketOperatorMetadata()
    published = query_node and published_by_storage_operator(query_node, bucket_id, access.exits)
    operator_description(
        message,
        access.exits,
        endpoint=endpoint,
        file=file,
        mesh_endpoint=mesh_endpoint,
        published=published or None,
    )
    call = calls.set_storage_operator_metadata(worker_id, bucket_id, message.SerializeToString())
    transact(access, worker(worker_id), call)
