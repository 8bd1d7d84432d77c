"""What each event does to the entities."""

from __future__ import annotations

from typing import Any

import pytest

from joygrpc.devnet.events import EVENT_FIELDS, Event
from joygrpc.pb.joystream.metadata.storage_pb2 import StorageBucketOperatorMetadata

from .blocks import ACCOUNT, CHANNEL, HASHES, OTHER, TRANSACTOR, Chain, bag_created, event, upload_params
from .conftest import Ask


async def bucket(ask: Ask, bucket_id: str = "0") -> Any:
    data = await ask(
        """query ($id: String!) { storageBucketById(id: $id) {
          id acceptingNewBags dataObjectsSizeLimit dataObjectCountLimit dataObjectsCount dataObjectsSize
          operatorMetadata { nodeEndpoint }
          operatorStatus { __typename
            ... on StorageBucketOperatorStatusInvited { workerId }
            ... on StorageBucketOperatorStatusActive { workerId transactorAccountId } }
        } }""",
        id=bucket_id,
    )
    return data["storageBucketById"]


async def test_life_of_a_storage_bucket(chain: Chain, ask: Ask) -> None:
    await chain.block(event("StorageBucketCreated", 0, None, True, 10, 1))
    assert await bucket(ask) == {
        "id": "0",
        "acceptingNewBags": True,
        "dataObjectsSizeLimit": "10",
        "dataObjectCountLimit": "1",
        "dataObjectsCount": "0",
        "dataObjectsSize": "0",
        "operatorMetadata": None,
        "operatorStatus": {"__typename": "StorageBucketOperatorStatusMissing"},
    }
    await chain.block(event("StorageBucketOperatorInvited", 0, 7))
    assert (await bucket(ask))["operatorStatus"]["workerId"] == 7
    await chain.block(event("StorageBucketInvitationCancelled", 0))
    assert (await bucket(ask))["operatorStatus"] == {"__typename": "StorageBucketOperatorStatusMissing"}
    metadata = StorageBucketOperatorMetadata(endpoint="http://a.example/").SerializeToString()
    await chain.block(
        event("StorageBucketOperatorInvited", 0, 8),
        event("StorageBucketInvitationAccepted", 0, 8, TRANSACTOR),
        event("StorageOperatorMetadataSet", 0, 8, metadata),
        event("StorageOperatorMetadataSet", 0, 8, b"\xff not a message"),
        event("StorageBucketStatusUpdated", 0, False),
        event("StorageBucketVoucherLimitsSet", 0, 30, 3),
    )
    row = await bucket(ask)
    assert row["operatorStatus"]["transactorAccountId"] == TRANSACTOR
    assert row["operatorMetadata"] == {"nodeEndpoint": "http://a.example/"}
    assert (row["acceptingNewBags"], row["dataObjectsSizeLimit"], row["dataObjectCountLimit"]) == (False, "30", "3")
    voucher = {"size_limit": 2**64 - 1, "objects_limit": 4, "size_used": 5, "objects_used": 6}
    await chain.block(event("VoucherChanged", 0, voucher), event("StorageBucketOperatorRemoved", 0))
    row = await bucket(ask)
    assert row["dataObjectsSizeLimit"] == "18446744073709551615"
    assert (row["dataObjectCountLimit"], row["dataObjectsSize"], row["dataObjectsCount"]) == ("4", "5", "6")
    assert (row["operatorMetadata"], row["operatorStatus"]["__typename"]) == (
        None,
        "StorageBucketOperatorStatusMissing",
    )
    await chain.block(event("StorageBucketDeleted", 0))
    assert await bucket(ask) is None


OBJECT = "id isAccepted acceptingBucketId size stateBloatBond createdAt storageBag { id }"


async def test_life_of_objects(story: Chain, ask: Ask) -> None:
    async def objects() -> dict[str, Any]:
        data = await ask(f"query {{ storageDataObjects {{ {OBJECT} }} }}")
        return {row["id"]: row for row in data["storageDataObjects"]}

    before = await objects()
    assert before["0"] == {
        "id": "0",
        "isAccepted": True,
        "acceptingBucketId": "0",
        "size": "100",
        "stateBloatBond": "5",
        "createdAt": "2023-11-14T22:13:38.000000Z",
        "storageBag": {"id": CHANNEL},
    }
    assert (before["2"]["isAccepted"], before["2"]["acceptingBucketId"]) == (False, None)
    await story.block(
        event("DataObjectsUpdated", upload_params(CHANNEL, 11, 12, bond=9), [20, 21], [0]),
        event("DataObjectsMoved", CHANNEL, "static:wg:storage", [1]),
        event("PendingDataObjectsAccepted", 3, 1, CHANNEL, [2, 20]),
        event("PendingDataObjectsAccepted", 0, 1, CHANNEL, [2]),
    )
    after = await objects()
    assert sorted(after) == ["1", "10", "2", "20", "21", "3"]
    assert after["1"]["storageBag"] == {"id": "static:wg:storage"}
    assert (after["2"]["isAccepted"], after["2"]["acceptingBucketId"]) == (True, "0")
    assert (after["21"]["size"], after["21"]["stateBloatBond"]) == ("12", "9")


async def test_deleting_a_bag_deletes_its_objects_one_event_each(story: Chain, ask: Ask) -> None:
    await story.block(event("DynamicBagDeleted", CHANNEL))
    data = await ask(
        """query {
          storageBags { id }
          storageDataObjects { id }
          storageBucketBags { id }
          distributionBucketBags { id }
          events(orderBy: id_ASC) {
            id inBlock inExtrinsic indexInBlock timestamp data { ... on DataObjectDeletedEventData { dataObjectId } }
          }
        }"""
    )
    assert [bag["id"] for bag in data["storageBags"]] == [OTHER, "static:council"]
    assert [row["id"] for row in data["storageDataObjects"]] == ["10", "3"]
    assert [row["id"] for row in data["storageBucketBags"]] == ["0-static:council", f"3-{OTHER}"]
    assert [row["id"] for row in data["distributionBucketBags"]] == [f"0:0-{OTHER}", f"0:1-{OTHER}"]
    assert [row["id"] for row in data["events"]] == ["00000000", "00000001", "00000002", "00000003"]
    assert [row["data"]["dataObjectId"] for row in data["events"]] == ["4", "0", "1", "2"]
    assert data["events"][0] == {
        "id": "00000000",
        "inBlock": 4,
        "inExtrinsic": "0x" + "ee" * 32,
        "indexInBlock": 1,
        "timestamp": "2023-11-14T22:13:44.000000Z",
        "data": {"dataObjectId": "4"},
    }


async def test_links_follow_the_buckets_of_a_bag(story: Chain, ask: Ask) -> None:
    await story.block(
        event("StorageBucketsUpdatedForBag", CHANNEL, [1, 2], [0]),
        event("DistributionBucketsUpdatedForBag", CHANNEL, 0, [1], [0]),
        event("StorageBucketsUpdatedForBag", "static:wg:storage", [2], []),
    )
    data = await ask(
        """query { storageBags(orderBy: id_ASC) {
          id owner { __typename ... on StorageBagOwnerChannel { channelId } ... on StorageBagOwnerWorkingGroup { workingGroupId } }
          storageBuckets { id storageBucket { id } } distributionBuckets { id distributionBucket { id } }
        } }"""
    )
    bags = {bag["id"]: bag for bag in data["storageBags"]}
    assert [link["storageBucket"]["id"] for link in bags[CHANNEL]["storageBuckets"]] == ["1", "2", "3"]
    assert bags[CHANNEL]["distributionBuckets"] == [{"id": f"0:1-{CHANNEL}", "distributionBucket": {"id": "0:1"}}]
    assert bags[CHANNEL]["owner"] == {"__typename": "StorageBagOwnerChannel", "channelId": "1"}
    assert bags["static:wg:storage"]["owner"] == {
        "__typename": "StorageBagOwnerWorkingGroup",
        "workingGroupId": "storage",
    }
    assert bags["static:council"]["owner"] == {"__typename": "StorageBagOwnerCouncil"}


async def test_life_of_distribution_buckets(story: Chain, ask: Ask) -> None:
    query = """query { distributionBuckets { id acceptingNewBags distributing operators { id status } } }"""
    await story.block(
        event("DistributionBucketStatusUpdated", "0:0", False),
        event("DistributionBucketModeUpdated", "0:0", False),
        event("DistributionBucketOperatorRemoved", "0:0", 3),
        event("DistributionBucketInvitationCancelled", "0:1", 4),
        event("DistributionBucketOperatorInvited", "0:1", 5),
    )
    assert (await ask(query))["distributionBuckets"] == [
        {"id": "0:0", "acceptingNewBags": False, "distributing": False, "operators": []},
        {
            "id": "0:1",
            "acceptingNewBags": False,
            "distributing": True,
            "operators": [{"id": "0:1-5", "status": "INVITED"}],
        },
    ]
    assert (await ask("query { distributionBucketOperatorMetadata { id } }"))[
        "distributionBucketOperatorMetadata"
    ] == []
    await story.block(event("DistributionBucketDeleted", "0:1"))
    assert [row["id"] for row in (await ask(query))["distributionBuckets"]] == ["0:0"]
    await story.block(event("DistributionBucketFamilyDeleted", 0))
    data = await ask(
        "query { distributionBuckets { id } distributionBucketFamilies { id } distributionBucketFamilyMetadata { id } }"
    )
    assert data == {"distributionBuckets": [], "distributionBucketFamilies": [], "distributionBucketFamilyMetadata": []}


async def test_content_ids_are_text(chain: Chain, ask: Ask) -> None:
    await chain.block(bag_created("dynamic:member:5", [1], [1], [], []))
    data = await ask(
        "query { storageDataObjects { ipfsHash storageBag { owner { ... on StorageBagOwnerMember { memberId } } } } }"
    )
    assert data["storageDataObjects"] == [{"ipfsHash": HASHES[0], "storageBag": {"owner": {"memberId": "5"}}}]


async def test_other_events_change_nothing(story: Chain, ask: Ask) -> None:
    before = await ask("query { storageBuckets { id acceptingNewBags } storageDataObjects { id isAccepted } }")
    await story.block(
        Event("Balances", "Transfer", {"from": ACCOUNT, "to": ACCOUNT, "amount": 1}),
        event("UploadingBlockStatusUpdated", True),
        event("StorageOperatorRemarked", 1, 0, b"hello"),
    )
    assert await ask("query { storageBuckets { id acceptingNewBags } storageDataObjects { id isAccepted } }") == before


@pytest.mark.parametrize("name", sorted(EVENT_FIELDS["Storage"]))
async def test_an_event_with_fields_of_other_types_is_refused_or_ignored(name: str, chain: Chain) -> None:
    """No event is taken in half: a chain that changes its fields is noticed at once."""
    wrong = event(name, *(object() for _ in EVENT_FIELDS["Storage"][name]))
    handled = name in chain.node._projection._handlers
    if handled:
        with pytest.raises(TypeError, match="event field"):
            await chain.block(wrong)
    else:
        await chain.block(wrong)
