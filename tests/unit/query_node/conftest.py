"""The client against the devnet's query node, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from joygrpc.devnet.events import EVENT_FIELDS, Event, FinalizedBlock
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.query_node import QueryNode
from joygrpc.pb.joystream.metadata.storage_pb2 import (
    DistributionBucketFamilyMetadata,
    DistributionBucketOperatorMetadata,
    StorageBucketOperatorMetadata,
)
from joygrpc.query_node import QueryNodeClient

TRANSACTOR = "0x" + "ab" * 32
OBJECTS_PER_BAG = 5
BAGS = 4


def event(name: str, *values: object) -> Event:
    """An event of the storage pallet with its fields in order."""
    return Event("Storage", name, dict(zip(EVENT_FIELDS["Storage"][name], values, strict=True)))


def multihash(object_id: int) -> str:
    return f"gW9T{object_id:042d}"


def bag_created(number: int, storage: list[int], distribution: list[str]) -> Event:
    """Channel bag `number` with its share of the objects; an object's size is 100 times its id, plus 1."""
    ids = list(range(number * OBJECTS_PER_BAG, (number + 1) * OBJECTS_PER_BAG))
    params = {
        "bag_id": f"dynamic:channel:{number}",
        "object_creation_list": [
            {"size": object_id * 100 + 1, "ipfs_content_id": multihash(object_id).encode()} for object_id in ids
        ],
        "state_bloat_bond_source_account_id": TRANSACTOR,
        "expected_data_size_fee": 0,
        "expected_data_object_state_bloat_bond": 5,
        "storage_buckets": storage,
        "distribution_buckets": distribution,
    }
    return event("DynamicBagCreated", params, ids)


EVENTS = (
    event("StorageBucketCreated", 0, None, True, 1000, 10),
    event("StorageBucketCreated", 1, 7, False, 1000, 10),
    *(event("StorageBucketCreated", bucket_id, 8, True, 1000, 10) for bucket_id in range(2, 12)),
    event("StorageBucketInvitationAccepted", 2, 8, TRANSACTOR),
    event(
        "StorageOperatorMetadataSet",
        2,
        8,
        StorageBucketOperatorMetadata(endpoint="http://a.example/", extra='{"grpc":"x"}').SerializeToString(),
    ),
    event("DistributionBucketFamilyCreated", 0),
    event("DistributionBucketFamilyCreated", 1),
    event(
        "DistributionBucketFamilyMetadataSet",
        1,
        DistributionBucketFamilyMetadata(region="eu", latency_test_targets=["t.example"]).SerializeToString(),
    ),
    event("DistributionBucketCreated", 0, True, "0:0"),
    event("DistributionBucketCreated", 1, False, "1:0"),
    event("DistributionBucketModeUpdated", "1:0", False),
    event("DistributionBucketOperatorInvited", "0:0", 3),
    event("DistributionBucketOperatorInvited", "0:0", 12),
    event("DistributionBucketInvitationAccepted", 12, "0:0"),
    event(
        "DistributionBucketMetadataSet",
        12,
        "0:0",
        DistributionBucketOperatorMetadata(endpoint="http://e.example/").SerializeToString(),
    ),
    bag_created(0, [2], ["0:0"]),
    bag_created(1, [2, 10], ["1:0", "0:0"]),
    bag_created(2, [10], []),
    bag_created(3, [], ["1:0"]),
    event("PendingDataObjectsAccepted", 2, 8, "dynamic:channel:0", [0, 1]),
    event("DataObjectsDeleted", TRANSACTOR, "dynamic:channel:3", [19]),
)
"""Four bags with objects 0 to 18; object 19 is deleted."""


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def node(faults: Faults) -> QueryNode:
    node = QueryNode(faults)
    await node.apply(FinalizedBlock(1, "0x" + "00" * 32, 1_700_000_000_000, EVENTS))
    return node


@pytest.fixture
async def url(node: QueryNode) -> AsyncIterator[str]:
    app = web.Application()
    node.add_routes(app)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/graphql"))


@pytest.fixture
async def client(url: str) -> AsyncIterator[QueryNodeClient]:
    """Pages of four rows, so that every list takes several."""
    async with QueryNodeClient(url, timedelta(seconds=10), page_size=4) as client:
        yield client
