import pytest

from joygrpc.chain.decoding import UndecodableValue
from joygrpc.chain.event_fields import EVENT_FIELDS, name_fields
from joygrpc.chain.events import (
    BagCreated,
    BagDeleted,
    BagDistributionChanged,
    BagStorageChanged,
    CreatedObject,
    DistributionBucketCreated,
    DistributionBucketFlagsSet,
    DistributionOperatorChanged,
    ObjectsAccepted,
    ObjectsCreated,
    ObjectsDeleted,
    ObjectsMoved,
    StorageBucketCreated,
    StorageFact,
    StorageMetadataSet,
    StorageOperatorCleared,
    StorageOperatorSet,
    storage_facts,
    storage_facts_of,
)
from joygrpc.chain.port import ChainEvent
from joygrpc.content import BagId

BAG = {"Dynamic": {"Channel": 7}}
CHANNEL = BagId.channel(7)
CID = "gW" + "z" * 44
BUCKET = {"distribution_bucket_family_id": 2, "distribution_bucket_index": 1}
UPLOAD = {
    "bag_id": BAG,
    "object_creation_list": [{"size": 5, "ipfs_content_id": CID}, {"size": 6, "ipfs_content_id": CID}],
}
CREATED = ObjectsCreated(CHANNEL, (CreatedObject(3, 5, CID), CreatedObject(4, 6, CID)))


def event(name: str, *values: object) -> ChainEvent:
    return ChainEvent("Storage", name, dict(zip(EVENT_FIELDS["Storage"][name], values, strict=True)), 1)


@pytest.mark.parametrize(
    ("told", "facts"),
    [
        (event("DataObjectsUploaded", [3, 4], UPLOAD, 1), [CREATED]),
        (event("DataObjectsUpdated", UPLOAD, [3, 4], [1]), [CREATED, ObjectsDeleted(CHANNEL, (1,))]),
        (
            event("DataObjectsUpdated", {"bag_id": BAG, "object_creation_list": []}, [], [1, 2]),
            [ObjectsDeleted(CHANNEL, (1, 2))],
        ),
        (
            event(
                "DynamicBagCreated",
                {**UPLOAD, "bag_id": {"Channel": 7}, "storage_buckets": [0, 3], "distribution_buckets": [BUCKET]},
                [3, 4],
            ),
            [BagCreated(CHANNEL, (0, 3), ("2:1",)), CREATED],
        ),
        (event("DynamicBagDeleted", {"Channel": 7}), [BagDeleted(CHANNEL)]),
        (event("PendingDataObjectsAccepted", 1, 2, BAG, [3]), [ObjectsAccepted(CHANNEL, 1, (3,))]),
        (event("DataObjectsDeleted", "j4…", BAG, [3]), [ObjectsDeleted(CHANNEL, (3,))]),
        (
            event("DataObjectsMoved", BAG, {"Static": "Council"}, [3]),
            [ObjectsMoved(CHANNEL, BagId.council(), (3,))],
        ),
        (event("StorageBucketsUpdatedForBag", BAG, [1], [2, 3]), [BagStorageChanged(CHANNEL, (1,), (2, 3))]),
        (
            event("DistributionBucketsUpdatedForBag", BAG, 2, [0, 1], [5]),
            [BagDistributionChanged(CHANNEL, ("2:0", "2:1"), ("2:5",))],
        ),
        (event("StorageBucketCreated", 1, None, True, 5, 6), [StorageBucketCreated(1, None, True)]),
        (event("StorageBucketInvitationAccepted", 1, 2, "j4…"), [StorageOperatorSet(1, 2, "j4…")]),
        (event("StorageBucketOperatorRemoved", 1), [StorageOperatorCleared(1, removed=True)]),
        (event("StorageBucketInvitationCancelled", 1), [StorageOperatorCleared(1, removed=False)]),
        (event("StorageOperatorMetadataSet", 1, 2, "\n\x01a"), [StorageMetadataSet(1, b"\n\x01a")]),
        (event("StorageOperatorMetadataSet", 1, 2, "0x0aff"), [StorageMetadataSet(1, b"\n\xff")]),
        (event("DistributionBucketCreated", 2, False, BUCKET), [DistributionBucketCreated("2:1", False)]),
        (
            event("DistributionBucketModeUpdated", BUCKET, False),
            [DistributionBucketFlagsSet("2:1", distributing=False)],
        ),
        (event("DistributionBucketOperatorInvited", BUCKET, 4), [DistributionOperatorChanged("2:1", 4, "invited")]),
        (event("DistributionBucketInvitationAccepted", 4, BUCKET), [DistributionOperatorChanged("2:1", 4, "active")]),
        (event("DistributionBucketOperatorRemoved", BUCKET, 4), [DistributionOperatorChanged("2:1", 4, "none")]),
        (event("VoucherChanged", 1, {}), []),
        (ChainEvent("Content", "ChannelCreated", {}, 1), []),
    ],
    ids=lambda value: value.name if isinstance(value, ChainEvent) else "",
)
def test_events_as_facts(told: ChainEvent, facts: list[StorageFact]) -> None:
    assert list(storage_facts(told)) == facts


def test_facts_of_a_block_keep_their_order() -> None:
    told = [event("DataObjectsUploaded", [3, 4], UPLOAD, 1), event("DataObjectsDeleted", "j4…", BAG, [3])]
    assert storage_facts_of(told) == (CREATED, ObjectsDeleted(CHANNEL, (3,)))


@pytest.mark.parametrize(
    "told",
    [
        ChainEvent("Storage", "DataObjectsDeleted", {}, 1),
        event("StorageBucketDeleted", "one"),
        event("DataObjectsDeleted", "j4…", BAG, 3),
        event("DataObjectsUploaded", [3], UPLOAD, 1),
    ],
)
def test_events_of_another_shape_are_refused(told: ChainEvent) -> None:
    with pytest.raises(ValueError):
        storage_facts(told)


@pytest.mark.parametrize(
    ("names", "attributes", "fields"),
    [
        ((), None, {}),
        (("index", "error"), {"index": 1, "error": "E"}, {"index": 1, "error": "E"}),
        ((None,), {"Channel": 7}, {"bag_id": {"Channel": 7}}),
    ],
)
def test_names_of_fields(names: tuple[str | None, ...], attributes: object, fields: dict[str, object]) -> None:
    assert name_fields("Storage", "DynamicBagDeleted", names, attributes) == fields


def test_fields_that_nobody_names_go_by_position() -> None:
    assert name_fields("Other", "Thing", (None, None), (1, 2)) == {"0": 1, "1": 2}


def test_undecodable_values_are_value_errors() -> None:
    assert issubclass(UndecodableValue, ValueError)
