"""The queries of today's storage and distributor nodes, word for word."""

from __future__ import annotations

import pytest

from .blocks import CHANNEL, HASHES, OTHER, TRANSACTOR, Chain
from .conftest import Ask

pytestmark = pytest.mark.usefixtures("story")


async def test_ids_of_active_storage_buckets(ask: Ask) -> None:
    data = await ask(
        """query getAllStorageBuckets {
          storageBuckets(where: { operatorStatus: { isTypeOf_eq: "StorageBucketOperatorStatusActive" } }) { id }
        }"""
    )
    assert data == {"storageBuckets": [{"id": "0"}, {"id": "3"}]}


async def test_storage_buckets_of_a_worker(ask: Ask) -> None:
    query = """query getBucketsByWorker($workerId: Int) {
      storageBuckets(where: { operatorStatus: {
        isTypeOf_eq: "StorageBucketOperatorStatusActive", workerId_eq: $workerId
      } }) { id }
    }"""
    assert await ask(query, workerId=1) == {"storageBuckets": [{"id": "0"}, {"id": "3"}]}
    # Worker 2 is invited only.
    assert await ask(query, workerId=2) == {"storageBuckets": []}


async def test_details_of_storage_buckets(ask: Ask) -> None:
    data = await ask(
        """query getStorageBucketDetails($ids: [String!]) {
          storageBuckets(where: { id_in: $ids }) {
            id
            operatorMetadata { id nodeEndpoint }
            operatorStatus {
              __typename
              ... on StorageBucketOperatorStatusActive { workerId transactorAccountId }
              ... on StorageBucketOperatorStatusInvited { workerId }
            }
          }
        }""",
        ids=["0", "1", "2", "99"],
    )
    assert data["storageBuckets"] == [
        {
            "id": "0",
            "operatorMetadata": {"id": "0", "nodeEndpoint": "http://storage.example/"},
            "operatorStatus": {
                "__typename": "StorageBucketOperatorStatusActive",
                "workerId": 1,
                "transactorAccountId": TRANSACTOR,
            },
        },
        {
            "id": "1",
            "operatorMetadata": None,
            "operatorStatus": {"__typename": "StorageBucketOperatorStatusInvited", "workerId": 2},
        },
        {"id": "2", "operatorMetadata": None, "operatorStatus": {"__typename": "StorageBucketOperatorStatusMissing"}},
    ]


async def test_bags_of_storage_buckets(ask: Ask) -> None:
    query = """query getStorageBagDetails($bucketIds: [String!]) {
      storageBags(where: { storageBuckets_some: { storageBucket: { id_in: $bucketIds } } }) {
        id
        storageBuckets { storageBucket { id } }
      }
    }"""
    both = [{"storageBucket": {"id": "0"}}, {"storageBucket": {"id": "3"}}]
    assert (await ask(query, bucketIds=["0"]))["storageBags"] == [
        {"id": CHANNEL, "storageBuckets": both},
        {"id": "static:council", "storageBuckets": [{"storageBucket": {"id": "0"}}]},
    ]
    assert (await ask(query, bucketIds=["1"]))["storageBags"] == []


async def test_object_ids_of_bags_page_by_page(ask: Ask) -> None:
    query = """query getDataObjectIds($bagIds: [String!], $isAccepted: Boolean, $limit: Int, $after: String) {
      storageDataObjectsConnection(
        where: { storageBag: { id_in: $bagIds }, isAccepted_eq: $isAccepted }
        first: $limit, after: $after, orderBy: id_ASC
      ) {
        edges { node { id } }
        pageInfo { startCursor endCursor hasNextPage }
      }
    }"""
    first = (await ask(query, bagIds=[CHANNEL, "static:council"], limit=3))["storageDataObjectsConnection"]
    # Ids order as text.
    assert [edge["node"]["id"] for edge in first["edges"]] == ["0", "1", "10"]
    assert first["pageInfo"]["hasNextPage"] is True
    cursor = first["pageInfo"]["endCursor"]
    rest = (await ask(query, bagIds=[CHANNEL, "static:council"], limit=3, after=cursor))["storageDataObjectsConnection"]
    assert [edge["node"]["id"] for edge in rest["edges"]] == ["2"]
    assert rest["pageInfo"]["hasNextPage"] is False
    accepted = await ask(query, bagIds=[CHANNEL], isAccepted=True, limit=10)
    assert [edge["node"]["id"] for edge in accepted["storageDataObjectsConnection"]["edges"]] == ["0", "1"]


async def test_objects_of_one_bag_and_existence(ask: Ask) -> None:
    data = await ask(
        "query ($bagId: String) { storageDataObjects(where: { storageBag: { id_eq: $bagId } }) { id } }", bagId=CHANNEL
    )
    assert data["storageDataObjects"] == [{"id": "0"}, {"id": "1"}, {"id": "2"}]
    data = await ask(
        "query ($ids: [String!]) { storageDataObjects(where: { id_in: $ids }) { id } }", ids=["1", "4", "99"]
    )
    assert data["storageDataObjects"] == [{"id": "1"}]


async def test_details_of_objects(ask: Ask) -> None:
    data = await ask(
        """query getDataObjectDetails($ids: [String!]) {
          storageDataObjects(where: { id_in: $ids }) { id size ipfsHash storageBag { id } }
        }""",
        ids=["1"],
    )
    assert data["storageDataObjects"] == [
        {"id": "1", "size": "200", "ipfsHash": HASHES[1], "storageBag": {"id": CHANNEL}}
    ]
    data = await ask(
        """query getPendingDetails($ids: [String!]) {
          storageDataObjects(where: { id_in: $ids }) {
            id isAccepted ipfsHash storageBag { id storageBuckets { storageBucket { id } } }
          }
        }""",
        ids=["2"],
    )
    buckets = [{"storageBucket": {"id": "0"}}, {"storageBucket": {"id": "3"}}]
    assert data["storageDataObjects"] == [
        {
            "id": "2",
            "isAccepted": False,
            "ipfsHash": HASHES[2],
            "storageBag": {"id": CHANNEL, "storageBuckets": buckets},
        }
    ]


async def test_deletion_events(ask: Ask) -> None:
    data = await ask(
        """query getDeletions($ids: [String!]) {
          events(where: { data: { isTypeOf_eq: "DataObjectDeletedEventData", dataObjectId_in: $ids } }) {
            data { ... on DataObjectDeletedEventData { dataObjectId } }
          }
        }""",
        ids=["0", "4"],
    )
    assert data == {"events": [{"data": {"dataObjectId": "4"}}]}


async def test_state_of_the_indexer(ask: Ask, story: Chain) -> None:
    data = await ask("query { squidStatus { height } squidVersion { version } }")
    assert data == {"squidStatus": {"height": story.number}, "squidVersion": {"version": "joygrpc-devnet"}}


async def test_object_details_of_a_distributor(ask: Ask) -> None:
    query = """query getDataObjectDetails($id: String!) {
      storageDataObjectByUniqueInput(where: { id: $id }) {
        id size ipfsHash isAccepted
        type { __typename ... on DataObjectTypeVideoSubtitle { subtitle { mimeType } } }
        storageBag {
          storageBuckets { storageBucket { id operatorMetadata { nodeEndpoint } operatorStatus { __typename } } }
          distributionBuckets { distributionBucket { id operators { workerId status } } }
        }
      }
    }"""
    active = {"__typename": "StorageBucketOperatorStatusActive"}
    found = (await ask(query, id="0"))["storageDataObjectByUniqueInput"]
    assert found == {
        "id": "0",
        "size": "100",
        "ipfsHash": HASHES[0],
        "isAccepted": True,
        "type": None,
        "storageBag": {
            "storageBuckets": [
                {
                    "storageBucket": {
                        "id": "0",
                        "operatorMetadata": {"nodeEndpoint": "http://storage.example/"},
                        "operatorStatus": active,
                    }
                },
                {"storageBucket": {"id": "3", "operatorMetadata": None, "operatorStatus": active}},
            ],
            "distributionBuckets": [
                {"distributionBucket": {"id": "0:0", "operators": [{"workerId": 3, "status": "ACTIVE"}]}}
            ],
        },
    }
    assert await ask(query, id="99") == {"storageDataObjectByUniqueInput": None}


async def test_media_type_of_a_subtitle(ask: Ask, story: Chain) -> None:
    story.node.set_subtitle(2, "text/vtt")
    data = await ask(
        """query ($id: String!) { storageDataObjectByUniqueInput(where: { id: $id }) {
          type { ... on DataObjectTypeVideoSubtitle { subtitle { mimeType } } }
        } }""",
        id="2",
    )
    assert data["storageDataObjectByUniqueInput"]["type"] == {"subtitle": {"mimeType": "text/vtt"}}


async def test_supported_objects_of_a_distributor(ask: Ask) -> None:
    by_id = await ask(
        "query ($ids: [String!]) { distributionBuckets(where: { id_in: $ids }) { id bags { bag { id } } } }",
        ids=["0:1"],
    )
    assert by_id["distributionBuckets"] == [{"id": "0:1", "bags": [{"bag": {"id": OTHER}}]}]
    by_worker = await ask(
        """query ($workerId: Int!) {
          distributionBuckets(where: { operators_some: { workerId_eq: $workerId, status_eq: ACTIVE } }) {
            id bags { bag { id } }
          }
        }""",
        workerId=3,
    )
    bags = [{"bag": {"id": CHANNEL}}, {"bag": {"id": OTHER}}]
    assert by_worker["distributionBuckets"] == [{"id": "0:0", "bags": bags}]
    objects = await ask(
        """query ($ids: [String!], $limit: Int) {
          storageBags(where: { id_in: $ids }, limit: $limit) {
            id objects { id size ipfsHash type { ... on DataObjectTypeVideoSubtitle { subtitle { mimeType } } } }
          }
        }""",
        ids=[OTHER],
        limit=1,
    )
    assert objects["storageBags"] == [
        {"id": OTHER, "objects": [{"id": "3", "size": "10", "ipfsHash": HASHES[0], "type": None}]}
    ]


async def test_active_storage_endpoints(ask: Ask) -> None:
    data = await ask(
        """query { storageBuckets(where: { operatorStatus: { isTypeOf_eq: "StorageBucketOperatorStatusActive" } }) {
          id operatorMetadata { nodeEndpoint }
        } }"""
    )
    assert data["storageBuckets"] == [
        {"id": "0", "operatorMetadata": {"nodeEndpoint": "http://storage.example/"}},
        {"id": "3", "operatorMetadata": None},
    ]


async def test_families_with_areas(ask: Ask) -> None:
    data = await ask(
        """query { distributionBucketFamilies {
          id
          metadata { id region description latencyTestTargets areas {
            ... on GeographicalAreaContinent { continentCode }
            ... on GeographicalAreaCountry { countryCode }
            ... on GeographicalAreaSubdivistion { subdivisionCode }
          } }
          buckets { id bucketIndex acceptingNewBags distributing family { id } operators {
            id workerId status metadata { nodeEndpoint nodeLocation { countryCode } extra }
          } }
        } }"""
    )
    family = data["distributionBucketFamilies"][0]
    assert family["metadata"] == {
        "id": "0",
        "region": "eu-west",
        "description": "West of Europe",
        "latencyTestTargets": ["ping.example"],
        "areas": [{"continentCode": "EU"}, {"countryCode": "FR"}, {"subdivisionCode": "ES-CT"}],
    }
    metadata = {"nodeEndpoint": "http://edge.example/", "nodeLocation": None, "extra": None}
    assert family["buckets"] == [
        {
            "id": "0:0",
            "bucketIndex": 0,
            "acceptingNewBags": True,
            "distributing": True,
            "family": {"id": "0"},
            "operators": [{"id": "0:0-3", "workerId": 3, "status": "ACTIVE", "metadata": metadata}],
        },
        {
            "id": "0:1",
            "bucketIndex": 1,
            "acceptingNewBags": False,
            "distributing": True,
            "family": {"id": "0"},
            "operators": [{"id": "0:1-4", "workerId": 4, "status": "INVITED", "metadata": None}],
        },
    ]
