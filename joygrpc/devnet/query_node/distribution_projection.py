"""Distribution families, buckets and operators, as the chain's events tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joygrpc.devnet.query_node.event_fields import EventFields, Handler, Moment
from joygrpc.devnet.query_node.operator_metadata import distribution_operator_metadata, family_metadata
from joygrpc.devnet.query_node.tables import Tables


@dataclass(frozen=True, slots=True)
class DistributionProjection:
    """Keeps DistributionBucketFamily, DistributionBucket, DistributionBucketOperator and their metadata."""

    tables: Tables

    def handlers(self) -> Mapping[str, Handler]:
        """What to do for each event, by its name."""
        return {
            "DistributionBucketFamilyCreated": self._family_created,
            "DistributionBucketFamilyDeleted": self._family_deleted,
            "DistributionBucketFamilyMetadataSet": self._family_metadata_set,
            "DistributionBucketCreated": self._bucket_created,
            "DistributionBucketDeleted": self._bucket_deleted,
            "DistributionBucketStatusUpdated": self._status_updated,
            "DistributionBucketModeUpdated": self._mode_updated,
            "DistributionBucketOperatorInvited": self._operator_invited,
            "DistributionBucketInvitationAccepted": self._invitation_accepted,
            "DistributionBucketInvitationCancelled": self._operator_gone,
            "DistributionBucketOperatorRemoved": self._operator_gone,
            "DistributionBucketMetadataSet": self._operator_metadata_set,
        }

    def _family_created(self, fields: EventFields, _moment: Moment) -> None:
        self.tables["DistributionBucketFamily"].put({"id": str(fields.number("family_id"))})

    def _family_deleted(self, fields: EventFields, _moment: Moment) -> None:
        family = str(fields.number("family_id"))
        # The chain keeps the records of the buckets; nothing serves from a bucket whose family is gone.
        for bucket in tuple(self.tables["DistributionBucket"].ids_by(("family",), family).ascending()):
            self._delete_bucket(bucket)
        self.tables["DistributionBucketFamilyMetadata"].delete(family)
        self.tables["DistributionBucketFamily"].delete(family)

    def _family_metadata_set(self, fields: EventFields, _moment: Moment) -> None:
        family = str(fields.number("family_id"))
        table = self.tables["DistributionBucketFamilyMetadata"]
        values = family_metadata(table.get(family) or {}, fields.data("metadata"))
        if values is not None and self.tables["DistributionBucketFamily"].get(family) is not None:
            table.put({"id": family, **values})

    def _bucket_created(self, fields: EventFields, _moment: Moment) -> None:
        bucket = fields.text("bucket_id")
        self.tables["DistributionBucket"].put(
            {
                "id": bucket,
                "family": str(fields.number("family_id")),
                "bucketIndex": int(bucket.partition(":")[2]),
                "acceptingNewBags": fields.flag("accepting_new_bags"),
                "distributing": True,
            }
        )

    def _bucket_deleted(self, fields: EventFields, _moment: Moment) -> None:
        self._delete_bucket(fields.text("bucket_id"))

    def _status_updated(self, fields: EventFields, _moment: Moment) -> None:
        accepting = fields.flag("accepting_new_bags")
        self.tables["DistributionBucket"].change(fields.text("bucket_id"), acceptingNewBags=accepting)

    def _mode_updated(self, fields: EventFields, _moment: Moment) -> None:
        self.tables["DistributionBucket"].change(fields.text("bucket_id"), distributing=fields.flag("distributing"))

    def _operator_invited(self, fields: EventFields, _moment: Moment) -> None:
        self._put_operator(fields, "INVITED")

    def _invitation_accepted(self, fields: EventFields, _moment: Moment) -> None:
        self._put_operator(fields, "ACTIVE")

    def _operator_gone(self, fields: EventFields, _moment: Moment) -> None:
        self._delete_operator(_operator(fields))

    def _operator_metadata_set(self, fields: EventFields, _moment: Moment) -> None:
        operator = _operator(fields)
        table = self.tables["DistributionBucketOperatorMetadata"]
        values = distribution_operator_metadata(table.get(operator) or {}, fields.data("metadata"))
        if values is not None and self.tables["DistributionBucketOperator"].get(operator) is not None:
            table.put({"id": operator, **values})

    def _put_operator(self, fields: EventFields, status: str) -> None:
        self.tables["DistributionBucketOperator"].put(
            {
                "id": _operator(fields),
                "distributionBucket": fields.text("bucket_id"),
                "workerId": fields.number("worker_id"),
                "status": status,
            }
        )

    def _delete_bucket(self, bucket: str) -> None:
        for operator in tuple(
            self.tables["DistributionBucketOperator"].ids_by(("distributionBucket",), bucket).ascending()
        ):
            self._delete_operator(operator)
        for link in tuple(self.tables["DistributionBucketBag"].ids_by(("distributionBucket",), bucket).ascending()):
            self.tables["DistributionBucketBag"].delete(link)
        self.tables["DistributionBucket"].delete(bucket)

    def _delete_operator(self, operator: str) -> None:
        self.tables["DistributionBucketOperatorMetadata"].delete(operator)
        self.tables["DistributionBucketOperator"].delete(operator)


def _operator(fields: EventFields) -> str:
    return f"{fields.text('bucket_id')}-{fields.number('worker_id')}"
