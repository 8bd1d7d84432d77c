"""The message that an operator publishes, from flags and a file."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from joygrpc.cli.onchain.exits import CommandFailed, Exits
from joygrpc.cli.onchain.metadata_files import FamilyFile, OperatorFile, checked, read_metadata
from joygrpc.pb.joystream.metadata import storage_pb2
from joygrpc.query_node import QueryNodeClient, QueryNodeError

TITLE = "OperatorMetadata"
Published = Callable[[], str | None]
OperatorMessage = storage_pb2.StorageBucketOperatorMetadata | storage_pb2.DistributionBucketOperatorMetadata


def operator_description(
    message: OperatorMessage,
    exits: Exits,
    *,
    endpoint: str | None = None,
    file: Path | None = None,
    mesh_endpoint: str | None = None,
    published: Published | None = None,
) -> None:
    """Fill the message; `published` tells what `extra` is now, if the mesh endpoint shall be put into that. Raises `CommandFailed`."""
    if file is not None:
        content = read_metadata(file, OperatorFile, TITLE, exits)
    else:
        content = checked(OperatorFile, {} if endpoint is None else {"endpoint": endpoint}, TITLE, exits)
    if content.endpoint is not None:
        message.endpoint = content.endpoint
    if (location := content.location) is not None:
        # An empty message clears what was published, so it has to be there.
        message.location.SetInParent()
        if location.country_code is not None:
            message.location.country_code = location.country_code
        if location.city is not None:
            message.location.city = location.city
        if (point := location.coordinates) is not None:
            message.location.coordinates.SetInParent()
            if point.latitude is not None:
                message.location.coordinates.latitude = point.latitude
            if point.longitude is not None:
                message.location.coordinates.longitude = point.longitude
    extra = content.extra
    if mesh_endpoint is not None:
        if extra is None and published is not None:
            extra = published()
        extra = with_mesh_endpoint(extra, mesh_endpoint, exits)
    if extra is not None:
        message.extra = extra


def with_mesh_endpoint(extra: str | None, mesh_endpoint: str, exits: Exits) -> str:
    """`extra` with the mesh address in it. Raises `CommandFailed` when it is text of another kind, or the address is none."""
    scheme, _, place = mesh_endpoint.partition("://")
    host, _, port = place.rpartition(":")
    if scheme not in ("grpc", "grpcs") or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise CommandFailed(
            f"--mesh-endpoint is grpc://host:port or grpcs://host:port, not {mesh_endpoint}", exits.invalid_metadata
        )
    content: object = {}
    if extra:
        try:
            content = json.loads(extra)
        except ValueError:
            content = None
    if not isinstance(content, dict):
        raise CommandFailed(
            "extra is not a JSON object, so the mesh endpoint cannot be put into it", exits.invalid_metadata
        )
    return json.dumps(content | {"grpc": mesh_endpoint}, separators=(",", ":"))


def published_by_storage_operator(query_node: str, bucket_id: int, exits: Exits) -> Published:
    """Asks a query node for the `extra` of a storage bucket's operator. What it gives raises `CommandFailed` when there is no answer."""

    async def ask(client: QueryNodeClient) -> str | None:
        return next((bucket.extra for bucket in await client.storage_buckets() if bucket.id == bucket_id), None)

    return lambda: _asked(query_node, ask, exits)


def published_by_distribution_operator(query_node: str, bucket_id: str, worker_id: int, exits: Exits) -> Published:
    """The same for an operator of a distribution bucket."""

    async def ask(client: QueryNodeClient) -> str | None:
        buckets = [bucket for bucket in await client.distribution_buckets() if bucket.id == bucket_id]
        operators = [operator for bucket in buckets for operator in bucket.operators if operator.worker_id == worker_id]
        return operators[0].extra if operators else None

    return lambda: _asked(query_node, ask, exits)


def _asked(url: str, ask: Callable[[QueryNodeClient], Awaitable[str | None]], exits: Exits) -> str | None:
    async def connected() -> str | None:
        async with QueryNodeClient(url) as client:
            return await ask(client)

    try:
        return asyncio.run(connected())
    except QueryNodeError as error:
        raise CommandFailed(f"the query node {url} does not say what is published: {error}", exits.chain) from None


def family_description(file: Path, exits: Exits) -> bytes:
    """The serialised `DistributionBucketFamilyMetadata` of a file. Raises `CommandFailed`."""
    content = read_metadata(file, FamilyFile, "BucketFamilyMetadata", exits)
    message = storage_pb2.DistributionBucketFamilyMetadata(latency_test_targets=content.latency_test_targets)
    if content.region is not None:
        message.region = content.region
    if content.description is not None:
        message.description = content.description
    for area in content.areas:
        part = message.areas.add()
        if area.continent_code is not None:
            part.continent = storage_pb2.GeographicalArea.Continent.Value(area.continent_code)
        if area.country_code is not None:
            part.country_code = area.country_code
        if area.subdivision_code is not None:
            part.subdivision_code = area.subdivision_code
    return message.SerializeToString()
