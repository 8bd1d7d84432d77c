"""Commands of a distribution bucket's operator."""

from pathlib import Path

import click

from joygrpc.chain import calls
from joygrpc.cli.distributor.configuration import BUCKET, WORKER, distributor_command
from joygrpc.cli.onchain.access import Access
from joygrpc.cli.onchain.exits import CommandFailed
from joygrpc.cli.onchain.operator_metadata import operator_description, published_by_distribution_operator
from joygrpc.cli.onchain.transaction import transact, worker
from joygrpc.pb.joystream.metadata import storage_pb2


@distributor_command("accept-invitation")
@BUCKET
@WORKER
def accept_invitation(access: Access, bucket_id: str, worker_id: int) -> None:
    """Take over a bucket to which the worker is invited."""
    transact(access, worker(worker_id), calls.accept_distribution_bucket_invitation(worker_id, bucket_id))


@distributor_command("set-metadata")
@BUCKET
@WORKER
@click.option("-e", "--endpoint", metavar="URL", help="Root URL of the node's REST API.")
@click.option(
    "-i", "--input", "file", type=click.Path(path_type=Path), help="File: {endpoint, location, extra}, all optional."
)
@click.option("--mesh-endpoint", metavar="URL", help='grpc://host:port or grpcs://…; put into extra as {"grpc": …}.')
@click.option(
    "--storageSquidEndpoint",
    "query_node",
    metavar="URL",
    help="Query node to ask for the extra that is published, so that the mesh endpoint is put into that.",
)
def set_metadata(
    access: Access,
    bucket_id: str,
    worker_id: int,
    endpoint: str | None,
    file: Path | None,
    mesh_endpoint: str | None,
    query_node: str | None,
) -> None:
    """Publish the node's endpoint and place; what is not given stays as it was published before.

    A mesh endpoint makes a new extra, unless the file has one or a query node is asked for the published one.
    """
    if endpoint is not None and file is not None:
        raise CommandFailed("give either --endpoint or --input", access.exits.usage)
    message = storage_pb2.DistributionBucketOperatorMetadata()
    published = query_node and published_by_distribution_operator(query_node, bucket_id, worker_id, access.exits)
    operator_description(
        message,
        access.exits,
        endpoint=endpoint,
        file=file,
        mesh_endpoint=mesh_endpoint,
        published=published or None,
    )
    call = calls.set_distribution_operator_metadata(worker_id, bucket_id, message.SerializeToString())
    transact(access, worker(worker_id), call)
