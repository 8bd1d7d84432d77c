"""Rows of answers read into facts. Whatever is missing or of another type than the schema says is `QueryNodeMalformed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from joygrpc.query_node.errors import QueryNodeMalformed
from joygrpc.query_node.facts import (
    BagFacts,
    DistributionBucketFacts,
    DistributionOperatorFacts,
    DistributionOperatorStatus,
    FamilyFacts,
    ObjectFacts,
    QueryNodeStatus,
    StorageBucketFacts,
    StorageOperatorStatus,
)
from joygrpc.query_node.queries import FAMILY_LIMIT, LINK_LIMIT

_MAX_U64: Final = 2**64 - 1

_STORAGE_STATUS: Final[Mapping[str, StorageOperatorStatus]] = {
    "StorageBucketOperatorStatusMissing": "missing",
    "StorageBucketOperatorStatusInvited": "invited",
    "StorageBucketOperatorStatusActive": "active",
}
_DISTRIBUTION_STATUS: Final[Mapping[str, DistributionOperatorStatus]] = {"INVITED": "invited", "ACTIVE": "active"}


def status_facts(data: Mapping[str, Any]) -> QueryNodeStatus:
    """Height and version."""
    height = _whole(_record(data, "squidStatus"), "height")
    return QueryNodeStatus(height, _text(_record(data, "squidVersion"), "version"))


def object_facts(row: Mapping[str, Any]) -> ObjectFacts:
    """One object."""
    kind = _record_or_none(row, "type")
    # An object type of another kind than subtitle comes as an empty record.
    subtitle = _record_or_none(kind, "subtitle") if kind else None
    return ObjectFacts(
        id=_number(row, "id"),
        size=_number(row, "size"),
        multihash=_text(row, "ipfsHash"),
        bag_id=_text(_record(row, "storageBag"), "id"),
        is_accepted=_flag(row, "isAccepted"),
        fallback_media_type=_text(subtitle, "mimeType") if subtitle else None,
    )


def bag_facts(row: Mapping[str, Any]) -> BagFacts:
    """One bag with its buckets."""
    storage = [_number(_record(link, "storageBucket"), "id") for link in _nested(row, "storageBuckets", LINK_LIMIT)]
    distribution = [
        bucket_id_of(_record(link, "distributionBucket")) for link in _nested(row, "distributionBuckets", LINK_LIMIT)
    ]
    return BagFacts(_text(row, "id"), tuple(sorted(storage)), tuple(sorted(distribution, key=_bucket_order)))


def storage_bucket_facts(row: Mapping[str, Any]) -> StorageBucketFacts:
    """One storage bucket with its operator."""
    operator = _record(row, "operatorStatus")
    kind = _text(operator, "__typename")
    status = _STORAGE_STATUS.get(kind)
    if status is None:
        raise QueryNodeMalformed(f"operatorStatus is of an unknown type: {kind!r}")
    metadata = _record_or_none(row, "operatorMetadata")
    return StorageBucketFacts(
        id=_number(row, "id"),
        operator_status=status,
        worker_id=None if status == "missing" else _whole(operator, "workerId"),
        transactor=_text(operator, "transactorAccountId") if status == "active" else None,
        endpoint=_text_or_none(metadata, "nodeEndpoint") if metadata else None,
        extra=_text_or_none(metadata, "extra") if metadata else None,
        accepting_new_bags=_flag(row, "acceptingNewBags"),
    )


def distribution_bucket_facts(row: Mapping[str, Any]) -> DistributionBucketFacts:
    """One distribution bucket with its operators."""
    operators = (_operator_facts(operator) for operator in _nested(row, "operators", LINK_LIMIT))
    return DistributionBucketFacts(
        id=bucket_id_of(row),
        accepting_new_bags=_flag(row, "acceptingNewBags"),
        distributing=_flag(row, "distributing"),
        operators=tuple(sorted(operators, key=lambda operator: operator.worker_id)),
    )


def family_facts(row: Mapping[str, Any]) -> FamilyFacts:
    """One family with its buckets."""
    metadata = _record_or_none(row, "metadata") or {}
    buckets = [bucket_id_of(bucket) for bucket in _nested(row, "buckets", FAMILY_LIMIT)]
    targets = metadata.get("latencyTestTargets") or []
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise QueryNodeMalformed("latencyTestTargets is not a list of texts")
    return FamilyFacts(
        id=_number(row, "id"),
        bucket_ids=tuple(sorted(buckets, key=_bucket_order)),
        region=_text_or_none(metadata, "region") if metadata else None,
        description=_text_or_none(metadata, "description") if metadata else None,
        latency_test_targets=tuple(targets),
    )


def deleted_object_id(row: Mapping[str, Any]) -> int:
    """The object that a deletion event names."""
    return _number(_record(row, "data"), "dataObjectId")


def row_id(row: Mapping[str, Any]) -> str:
    """The id of any row."""
    return _text(row, "id")


def bucket_id_of(row: Mapping[str, Any]) -> str:
    """The id of a distribution bucket, `family:index` in canonical form."""
    text = _text(row, "id")
    family, colon, index = text.partition(":")
    if not (colon and _canonical(family) and _canonical(index)):
        raise QueryNodeMalformed(f"not a distribution bucket id: {text!r}")
    return text


def rows_of(data: Mapping[str, Any], root: str) -> list[Mapping[str, Any]]:
    """The list that a root field answered with."""
    return _records(data, root)


def row_or_none(data: Mapping[str, Any], root: str) -> Mapping[str, Any] | None:
    """The one entity that a root field answered with; null means that there is none."""
    return _record_or_none(data, root)


def _operator_facts(row: Mapping[str, Any]) -> DistributionOperatorFacts:
    status = _DISTRIBUTION_STATUS.get(_text(row, "status"))
    if status is None:
        raise QueryNodeMalformed(f"unknown operator status: {row['status']!r}")
    metadata = _record_or_none(row, "metadata")
    return DistributionOperatorFacts(
        worker_id=_whole(row, "workerId"),
        status=status,
        endpoint=_text_or_none(metadata, "nodeEndpoint") if metadata else None,
        extra=_text_or_none(metadata, "extra") if metadata else None,
    )


def _bucket_order(bucket_id: str) -> tuple[int, int]:
    family, _, index = bucket_id.partition(":")
    return int(family), int(index)


def _canonical(text: str) -> bool:
    """Whether the text is an unsigned 64-bit number in its only decimal spelling."""
    return text.isascii() and text.isdecimal() and len(text) <= 20 and str(int(text)) == text and int(text) <= _MAX_U64


def _field(row: Mapping[str, Any], name: str) -> Any:
    try:
        return row[name]
    except KeyError:
        raise QueryNodeMalformed(f"{name} is missing") from None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = _field(row, name)
    if not isinstance(value, str):
        raise QueryNodeMalformed(f"{name} is not text: {value!r:.100}")
    return value


def _text_or_none(row: Mapping[str, Any], name: str) -> str | None:
    return None if _field(row, name) is None else _text(row, name)


def _number(row: Mapping[str, Any], name: str) -> int:
    """An unsigned 64-bit number that the schema writes as decimal text."""
    text = _text(row, name)
    if not _canonical(text):
        raise QueryNodeMalformed(f"{name} is not a number: {text!r:.100}")
    return int(text)


def _whole(row: Mapping[str, Any], name: str) -> int:
    """A number that the schema writes as a JSON number."""
    value = _field(row, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise QueryNodeMalformed(f"{name} is not a whole number: {value!r:.100}")
    return value


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = _field(row, name)
    if not isinstance(value, bool):
        raise QueryNodeMalformed(f"{name} is not a truth value: {value!r:.100}")
    return value


def _record(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = _field(row, name)
    if not isinstance(value, Mapping):
        raise QueryNodeMalformed(f"{name} is not a record: {value!r:.100}")
    return value


def _record_or_none(row: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return None if _field(row, name) is None else _record(row, name)


def _records(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = _field(row, name)
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise QueryNodeMalformed(f"{name} is not a list of records: {value!r:.100}")
    return value


def _nested(row: Mapping[str, Any], name: str, limit: int) -> list[Mapping[str, Any]]:
    """A nested list; one that reached its limit may have been cut."""
    rows = _records(row, name)
    if len(rows) >= limit:
        raise QueryNodeMalformed(f"{name} has {len(rows)} rows and may have been cut")
    return rows
