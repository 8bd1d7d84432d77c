"""Storage buckets and what their operators publish, as the chain's events tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joygrpc.devnet.query_node.event_fields import EventFields, Handler, Moment
from joygrpc.devnet.query_node.operator_metadata import storage_operator_metadata
from joygrpc.devnet.query_node.shapes import TYPE_OF
from joygrpc.devnet.query_node.tables import Tables


def _status(kind: str, **values: object) -> dict[str, object]:
    return {TYPE_OF: f"StorageBucketOperatorStatus{kind}", **values}


@dataclass(frozen=True, slots=True)
class StorageProjection:
    """Keeps StorageBucket and StorageBucketOperatorMetadata."""

    tables: Tables

    def handlers(self) -> Mapping[str, Handler]:
        """What to do for each event, by its name."""
        return {
            "StorageBucketCreated": self._bucket_created,
            "StorageBucketDeleted": self._bucket_deleted,
            "StorageBucketStatusUpdated": self._status_updated,
            "StorageBucketOperatorInvited": self._operator_invited,
            "StorageBucketInvitationCancelled": self._invitation_cancelled,
            "StorageBucketInvitationAccepted": self._invitation_accepted,
            "StorageBucketOperatorRemoved": self._operator_removed,
            "StorageOperatorMetadataSet": self._operator_metadata_set,
            "StorageBucketVoucherLimitsSet": self._voucher_limits_set,
            "VoucherChanged": self._voucher_changed,
        }

    def _bucket_created(self, fields: EventFields, _moment: Moment) -> None:
        invited = fields.number_or_none("invited_worker")
        self.tables["StorageBucket"].put(
            {
                "id": str(fields.number("bucket_id")),
                "operatorStatus": _status("Missing") if invited is None else _status("Invited", workerId=invited),
                "acceptingNewBags": fields.flag("accepting_new_bags"),
                "dataObjectsSizeLimit": fields.number("size_limit"),
                "dataObjectCountLimit": fields.number("objects_limit"),
                "dataObjectsCount": 0,
                "dataObjectsSize": 0,
            }
        )

    def _bucket_deleted(self, fields: EventFields, _moment: Moment) -> None:
        bucket = _bucket(fields)
        for link in tuple(self.tables["StorageBucketBag"].ids_by(("storageBucket",), bucket).ascending()):
            self.tables["StorageBucketBag"].delete(link)
        self.tables["StorageBucketOperatorMetadata"].delete(bucket)
        self.tables["StorageBucket"].delete(bucket)

    def _status_updated(self, fields: EventFields, _moment: Moment) -> None:
        self.tables["StorageBucket"].change(_bucket(fields), acceptingNewBags=fields.flag("accepting_new_bags"))

    def _operator_invited(self, fields: EventFields, _moment: Moment) -> None:
        status = _status("Invited", workerId=fields.number("worker_id"))
        self.tables["StorageBucket"].change(_bucket(fields), operatorStatus=status)

    def _invitation_cancelled(self, fields: EventFields, _moment: Moment) -> None:
        self.tables["StorageBucket"].change(_bucket(fields), operatorStatus=_status("Missing"))

    def _invitation_accepted(self, fields: EventFields, _moment: Moment) -> None:
        status = _status(
            "Active", workerId=fields.number("worker_id"), transactorAccountId=fields.text("transactor_account_id")
        )
        self.tables["StorageBucket"].change(_bucket(fields), operatorStatus=status)

    def _operator_removed(self, fields: EventFields, _moment: Moment) -> None:
        bucket = _bucket(fields)
        self.tables["StorageBucket"].change(bucket, operatorStatus=_status("Missing"))
        self.tables["StorageBucketOperatorMetadata"].delete(bucket)

    def _operator_metadata_set(self, fields: EventFields, _moment: Moment) -> None:
        bucket = _bucket(fields)
        table = self.tables["StorageBucketOperatorMetadata"]
        values = storage_operator_metadata(table.get(bucket) or {}, fields.data("metadata"))
        if values is not None and self.tables["StorageBucket"].get(bucket) is not None:
            table.put({"id": bucket, **values})

    def _voucher_limits_set(self, fields: EventFields, _moment: Moment) -> None:
        self.tables["StorageBucket"].change(
            _bucket(fields),
            dataObjectsSizeLimit=fields.number("size_limit"),
            dataObjectCountLimit=fields.number("objects_limit"),
        )

    def _voucher_changed(self, fields: EventFields, _moment: Moment) -> None:
        voucher = fields.record("voucher")
        self.tables["StorageBucket"].change(
            _bucket(fields),
            dataObjectsSizeLimit=voucher.number("size_limit"),
            dataObjectCountLimit=voucher.number("objects_limit"),
            dataObjectsSize=voucher.number("size_used"),
            dataObjectsCount=voucher.number("objects_used"),
        )


def _bucket(fields: EventFields) -> str:
    return str(fields.number("bucket_id"))
