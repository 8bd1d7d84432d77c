"""Bags, their objects and their links to buckets, as the chain's events tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from joygrpc.devnet.query_node.event_fields import EventFields, Handler, Moment
from joygrpc.devnet.query_node.shapes import TYPE_OF
from joygrpc.devnet.query_node.tables import Row, Tables

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_EVENT_ID_LENGTH: Final = 8


@dataclass(slots=True)
class BagProjection:
    """Keeps StorageBag, StorageDataObject, the two link entities and Event."""

    tables: Tables
    _events: int = field(default=0, init=False)

    def handlers(self) -> Mapping[str, Handler]:
        """What to do for each event, by its name."""
        return {
            "DynamicBagCreated": self._bag_created,
            "DynamicBagDeleted": self._bag_deleted,
            "StorageBucketsUpdatedForBag": self._storage_buckets_updated,
            "DistributionBucketsUpdatedForBag": self._distribution_buckets_updated,
            "DataObjectsUploaded": self._objects_uploaded,
            "DataObjectsUpdated": self._objects_updated,
            "PendingDataObjectsAccepted": self._objects_accepted,
            "DataObjectsMoved": self._objects_moved,
            "DataObjectsDeleted": self._objects_deleted,
        }

    def _bag_created(self, fields: EventFields, moment: Moment) -> None:
        params = fields.record("bag_creation_parameters")
        bag = params.text("bag_id")
        self._ensure_bag(bag)
        for bucket in params.numbers("storage_buckets"):
            self._link_storage(bag, str(bucket))
        for bucket_id in params.texts("distribution_buckets"):
            self._link_distribution(bag, bucket_id)
        bond = params.number("expected_data_object_state_bloat_bond")
        self._add_objects(bag, fields.numbers("data_object_ids"), params, bond, moment)

    def _bag_deleted(self, fields: EventFields, moment: Moment) -> None:
        bag = fields.text("bag_id")
        for object_id in tuple(self.tables["StorageDataObject"].ids_by(("storageBag",), bag).ascending()):
            self._delete_object(object_id, moment)
        for links in ("StorageBucketBag", "DistributionBucketBag"):
            for link in tuple(self.tables[links].ids_by(("bag",), bag).ascending()):
                self.tables[links].delete(link)
        self.tables["StorageBag"].delete(bag)

    def _storage_buckets_updated(self, fields: EventFields, _moment: Moment) -> None:
        bag = fields.text("bag_id")
        self._ensure_bag(bag)
        for bucket in fields.numbers("removed_buckets"):
            self.tables["StorageBucketBag"].delete(f"{bucket}-{bag}")
        for bucket in fields.numbers("added_buckets"):
            self._link_storage(bag, str(bucket))

    def _distribution_buckets_updated(self, fields: EventFields, _moment: Moment) -> None:
        bag, family = fields.text("bag_id"), fields.number("family_id")
        self._ensure_bag(bag)
        for index in fields.numbers("removed_bucket_indices"):
            self.tables["DistributionBucketBag"].delete(f"{family}:{index}-{bag}")
        for index in fields.numbers("added_bucket_indices"):
            self._link_distribution(bag, f"{family}:{index}")

    def _objects_uploaded(self, fields: EventFields, moment: Moment) -> None:
        params = fields.record("upload_parameters")
        bag = params.text("bag_id")
        self._add_objects(bag, fields.numbers("data_object_ids"), params, fields.number("state_bloat_bond"), moment)

    def _objects_updated(self, fields: EventFields, moment: Moment) -> None:
        params = fields.record("upload_parameters")
        bond = params.number("expected_data_object_state_bloat_bond")
        self._add_objects(params.text("bag_id"), fields.numbers("uploaded_data_object_ids"), params, bond, moment)
        for object_id in fields.numbers("removed_data_object_ids"):
            self._delete_object(str(object_id), moment)

    def _objects_accepted(self, fields: EventFields, _moment: Moment) -> None:
        bucket = str(fields.number("bucket_id"))
        for object_id in fields.numbers("data_object_ids"):
            self.tables["StorageDataObject"].change(str(object_id), isAccepted=True, acceptingBucketId=bucket)

    def _objects_moved(self, fields: EventFields, _moment: Moment) -> None:
        bag = fields.text("dest_bag_id")
        self._ensure_bag(bag)
        for object_id in fields.numbers("data_object_ids"):
            self.tables["StorageDataObject"].change(str(object_id), storageBag=bag)

    def _objects_deleted(self, fields: EventFields, moment: Moment) -> None:
        for object_id in fields.numbers("data_object_ids"):
            self._delete_object(str(object_id), moment)

    def _ensure_bag(self, bag: str) -> None:
        if self.tables["StorageBag"].get(bag) is None:
            self.tables["StorageBag"].put({"id": bag, "owner": bag_owner(bag)})

    def _link_storage(self, bag: str, bucket: str) -> None:
        self.tables["StorageBucketBag"].put({"id": f"{bucket}-{bag}", "storageBucket": bucket, "bag": bag})

    def _link_distribution(self, bag: str, bucket: str) -> None:
        self.tables["DistributionBucketBag"].put({"id": f"{bucket}-{bag}", "distributionBucket": bucket, "bag": bag})

    def _add_objects(self, bag: str, ids: list[int], params: EventFields, bond: int, moment: Moment) -> None:
        self._ensure_bag(bag)
        for object_id, creation in zip(ids, params.records("object_creation_list"), strict=True):
            row: Row = {
                "id": str(object_id),
                "createdAt": moment.timestamp,
                "isAccepted": False,
                "acceptingBucketId": None,
                "size": creation.number("size"),
                "storageBag": bag,
                "ipfsHash": creation.data("ipfs_content_id").decode(errors="replace"),
                "type": None,
                "stateBloatBond": bond,
                "unsetAt": None,
            }
            self.tables["StorageDataObject"].put(row)

    def _delete_object(self, object_id: str, moment: Moment) -> None:
        if not self.tables["StorageDataObject"].delete(object_id):
            return
        for subtitle in tuple(self.tables["VideoSubtitle"].ids_by(("asset",), object_id).ascending()):
            self.tables["VideoSubtitle"].delete(subtitle)
        self.tables["Event"].put(
            {
                "id": event_id(self._events),
                "inBlock": moment.block,
                "inExtrinsic": moment.extrinsic,
                "indexInBlock": moment.index,
                "timestamp": moment.timestamp,
                "data": {TYPE_OF: "DataObjectDeletedEventData", "dataObjectId": object_id},
            }
        )
        self._events += 1


def event_id(number: int) -> str:
    """The indexer's id of its n-th event, counted from 0: base 36, eight digits."""
    digits = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits.rjust(_EVENT_ID_LENGTH, "0")


def bag_owner(bag: str) -> dict[str, object]:
    """The owner that the id of a bag tells."""
    match bag.split(":"):
        case ["static", "council"]:
            return {TYPE_OF: "StorageBagOwnerCouncil"}
        case ["static", "wg", group]:
            return {TYPE_OF: "StorageBagOwnerWorkingGroup", "workingGroupId": group}
        case ["dynamic", "member", member]:
            return {TYPE_OF: "StorageBagOwnerMember", "memberId": member}
        case ["dynamic", "channel", channel]:
            return {TYPE_OF: "StorageBagOwnerChannel", "channelId": channel}
    raise ValueError(f"not a bag id: {bag!r}")
