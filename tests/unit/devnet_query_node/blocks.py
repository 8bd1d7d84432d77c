"""Blocks as the devnet's chain would make them."""

from __future__ import annotations

from joygrpc.devnet.events import EVENT_FIELDS, Event, FinalizedBlock
from joygrpc.devnet.query_node import QueryNode
from joygrpc.pb.joystream.metadata.storage_pb2 import (
    DistributionBucketFamilyMetadata,
    DistributionBucketOperatorMetadata,
    GeographicalArea,
    StorageBucketOperatorMetadata,
)

TRANSACTOR = "0x" + "ab" * 32
ACCOUNT = "0x" + "cd" * 32
CHANNEL = "dynamic:channel:1"
OTHER = "dynamic:channel:2"
HASHES = [f"gW9T5gSXhgQB5LaqmnJrLVVpHawhM7youzHnuY6HyGBD{n}" for n in range(10)]


def event(name: str, *values: object) -> Event:
    """An event of the storage pallet with its fields in order."""
    fields = dict(zip(EVENT_FIELDS["Storage"][name], values, strict=True))
    return Event("Storage", name, fields, extrinsic_index=0)


def creations(*sizes: int) -> list[dict[str, object]]:
    return [{"size": size, "ipfs_content_id": HASHES[n].encode()} for n, size in enumerate(sizes)]


def upload_params(bag: str, *sizes: int, bond: int = 5) -> dict[str, object]:
    return {
        "bag_id": bag,
        "object_creation_list": creations(*sizes),
        "state_bloat_bond_source_account_id": ACCOUNT,
        "expected_data_size_fee": 0,
        "expected_data_object_state_bloat_bond": bond,
    }


def bag_created(bag: str, ids: list[int], sizes: list[int], storage: list[int], distribution: list[str]) -> Event:
    params = {**upload_params(bag, *sizes), "storage_buckets": storage, "distribution_buckets": distribution}
    return event("DynamicBagCreated", params, ids)


class Chain:
    """Feeds a query node with blocks, six seconds apart."""

    def __init__(self, node: QueryNode) -> None:
        self.node = node
        self.number = 0

    async def block(self, *events: Event) -> None:
        self.number += 1
        await self.node.apply(
            FinalizedBlock(
                number=self.number,
                hash=f"0x{self.number:064x}",
                timestamp_ms=1_700_000_000_000 + 6000 * self.number,
                events=events,
                extrinsic_hashes=("0x" + "ee" * 32,),
            )
        )


STORY: tuple[tuple[Event, ...], ...] = (
    (
        event("StorageBucketCreated", 0, 1, True, 1000, 10),
        event("StorageBucketCreated", 1, 2, False, 2000, 20),
        event("StorageBucketCreated", 2, None, True, 0, 0),
        event("StorageBucketCreated", 3, 1, True, 4000, 40),
        event("StorageBucketInvitationAccepted", 0, 1, TRANSACTOR),
        event("StorageBucketInvitationAccepted", 3, 1, TRANSACTOR),
        event(
            "StorageOperatorMetadataSet",
            0,
            1,
            StorageBucketOperatorMetadata(endpoint="http://storage.example/", extra="spare").SerializeToString(),
        ),
    ),
    (
        event("DistributionBucketFamilyCreated", 0),
        event(
            "DistributionBucketFamilyMetadataSet",
            0,
            DistributionBucketFamilyMetadata(
                region="eu-west",
                description="West of Europe",
                areas=[
                    GeographicalArea(continent=GeographicalArea.EU),
                    GeographicalArea(country_code="FR"),
                    GeographicalArea(subdivision_code="ES-CT"),
                ],
                latency_test_targets=["ping.example"],
            ).SerializeToString(),
        ),
        event("DistributionBucketCreated", 0, True, "0:0"),
        event("DistributionBucketCreated", 0, False, "0:1"),
        event("DistributionBucketOperatorInvited", "0:0", 3),
        event("DistributionBucketInvitationAccepted", 3, "0:0"),
        event("DistributionBucketOperatorInvited", "0:1", 4),
        event(
            "DistributionBucketMetadataSet",
            3,
            "0:0",
            DistributionBucketOperatorMetadata(endpoint="http://edge.example/").SerializeToString(),
        ),
    ),
    (
        bag_created(CHANNEL, [0, 1, 2], [100, 200, 300], [0, 3], ["0:0"]),
        bag_created(OTHER, [3, 4], [10, 20], [3], ["0:0", "0:1"]),
        event("StorageBucketsUpdatedForBag", "static:council", [0], []),
        event("DataObjectsUploaded", [10], upload_params("static:council", 77), 5),
    ),
    (
        event("PendingDataObjectsAccepted", 0, 1, CHANNEL, [0, 1]),
        event("DataObjectsDeleted", ACCOUNT, OTHER, [4]),
    ),
)
"""Four blocks: buckets 0 and 3 active (worker 1), 1 invited, 2 missing; family 0 with buckets 0:0 and 0:1; three bags."""
