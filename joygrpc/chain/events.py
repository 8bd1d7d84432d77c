"""What storage events say, as typed facts; names and orders of fields are those of `EVENT_FIELDS`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain as chained

from joygrpc.chain.decoding import (
    UndecodableValue,
    bytes_of,
    distribution_bucket_of,
    distribution_buckets_of,
    field_of,
    int_of,
    ints_of,
    items_of,
    text_of,
)
from joygrpc.chain.port import ChainEvent
from joygrpc.content.ids import BagId


@dataclass(frozen=True, slots=True)
class CreatedObject:
    """An object as it was created; not accepted yet."""

    object_id: int
    size: int
    multihash: str


@dataclass(frozen=True, slots=True)
class ObjectsCreated:
    """Objects came into a bag."""

    bag_id: BagId
    objects: tuple[CreatedObject, ...]


@dataclass(frozen=True, slots=True)
class ObjectsAccepted:
    """A bucket holds these objects; some may have been accepted before."""

    bag_id: BagId
    bucket_id: int
    object_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ObjectsDeleted:
    """Objects are gone from a bag."""

    bag_id: BagId
    object_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ObjectsMoved:
    """Objects went from one bag to another."""

    source: BagId
    destination: BagId
    object_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BagCreated:
    """A dynamic bag with its buckets; its objects follow as `ObjectsCreated`."""

    bag_id: BagId
    storage_buckets: tuple[int, ...]
    distribution_buckets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BagDeleted:
    """A dynamic bag is gone, with whatever objects it had."""

    bag_id: BagId


@dataclass(frozen=True, slots=True)
class BagStorageChanged:
    """A bag was assigned to storage buckets and taken from others."""

    bag_id: BagId
    added: tuple[int, ...]
    removed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BagDistributionChanged:
    """A bag was assigned to distribution buckets (`family:index`) and taken from others."""

    bag_id: BagId
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StorageBucketCreated:
    """A new storage bucket; `invited_worker` is None when nobody was invited with it."""

    bucket_id: int
    invited_worker: int | None
    accepting_new_bags: bool


@dataclass(frozen=True, slots=True)
class StorageBucketDeleted:
    """A storage bucket is gone."""

    bucket_id: int


@dataclass(frozen=True, slots=True)
class StorageOperatorInvited:
    """A worker may take over the bucket."""

    bucket_id: int
    worker_id: int


@dataclass(frozen=True, slots=True)
class StorageOperatorSet:
    """A worker operates the bucket from now on; `transactor` (SS58) signs its acceptances."""

    bucket_id: int
    worker_id: int
    transactor: str


@dataclass(frozen=True, slots=True)
class StorageOperatorCleared:
    """Nobody operates the bucket: the operator was removed (its metadata goes too), or an invitation cancelled."""

    bucket_id: int
    removed: bool


@dataclass(frozen=True, slots=True)
class StorageBucketStatusSet:
    """Whether the bucket takes new bags."""

    bucket_id: int
    accepting_new_bags: bool


@dataclass(frozen=True, slots=True)
class StorageMetadataSet:
    """The operator's metadata, a serialised `StorageBucketOperatorMetadata`; only fields that are set change."""

    bucket_id: int
    metadata: bytes


@dataclass(frozen=True, slots=True)
class DistributionBucketCreated:
    """A new distribution bucket (`family:index`)."""

    bucket_id: str
    accepting_new_bags: bool


@dataclass(frozen=True, slots=True)
class DistributionBucketDeleted:
    """A distribution bucket is gone."""

    bucket_id: str


@dataclass(frozen=True, slots=True)
class DistributionBucketFlagsSet:
    """Flags of a distribution bucket; None is unchanged."""

    bucket_id: str
    accepting_new_bags: bool | None = None
    distributing: bool | None = None


@dataclass(frozen=True, slots=True)
class DistributionOperatorChanged:
    """A worker was invited to, took over or left a distribution bucket."""

    bucket_id: str
    worker_id: int
    status: str
    """`invited`, `active` or `none`."""


StorageFact = (
    ObjectsCreated
    | ObjectsAccepted
    | ObjectsDeleted
    | ObjectsMoved
    | BagCreated
    | BagDeleted
    | BagStorageChanged
    | BagDistributionChanged
    | StorageBucketCreated
    | StorageBucketDeleted
    | StorageOperatorInvited
    | StorageOperatorSet
    | StorageOperatorCleared
    | StorageBucketStatusSet
    | StorageMetadataSet
    | DistributionBucketCreated
    | DistributionBucketDeleted
    | DistributionBucketFlagsSet
    | DistributionOperatorChanged
)


def storage_facts(event: ChainEvent) -> tuple[StorageFact, ...]:
    """What an event means for bags, objects and buckets, in order; nothing for any other event.

    Raises `UndecodableValue` (or `InvalidBagId`) when a storage event is not shaped as expected.
    """
    if event.pallet != "Storage" or (read := _READERS.get(event.name)) is None:
        return ()
    try:
        return tuple(read(event.fields))
    except KeyError as error:
        raise UndecodableValue(f"Storage.{event.name} has no field {error}") from error


def storage_facts_of(events: Iterable[ChainEvent]) -> tuple[StorageFact, ...]:
    """The facts of a block's events, in order."""
    return tuple(chained.from_iterable(storage_facts(event) for event in events))


_Fields = Mapping[str, object]


def _created(bag_id: BagId, ids: object, parameters: object) -> Iterable[StorageFact]:
    # Ids are given in the order of the list, and a set of them is ascending.
    object_ids = sorted(ints_of(ids))
    if object_ids:
        listed = items_of(field_of(parameters, "object_creation_list"))
        yield ObjectsCreated(
            bag_id,
            tuple(
                CreatedObject(object_id, int_of(field_of(entry, "size")), text_of(field_of(entry, "ipfs_content_id")))
                for object_id, entry in zip(object_ids, listed, strict=True)
            ),
        )


def _bag(value: object) -> BagId:
    return BagId.from_scale(value)


def _dynamic_bag(value: object) -> BagId:
    return BagId.from_scale({"Dynamic": value})


def _uploaded(fields: _Fields) -> Iterable[StorageFact]:
    parameters = fields["upload_parameters"]
    return _created(_bag(field_of(parameters, "bag_id")), fields["data_object_ids"], parameters)


def _updated(fields: _Fields) -> Iterable[StorageFact]:
    parameters = fields["upload_parameters"]
    bag_id = _bag(field_of(parameters, "bag_id"))
    yield from _created(bag_id, fields["uploaded_data_object_ids"], parameters)
    if removed := ints_of(fields["removed_data_object_ids"]):
        yield ObjectsDeleted(bag_id, removed)


def _bag_created(fields: _Fields) -> Iterable[StorageFact]:
    parameters = fields["bag_creation_parameters"]
    bag_id = _dynamic_bag(field_of(parameters, "bag_id"))
    yield BagCreated(
        bag_id,
        ints_of(field_of(parameters, "storage_buckets")),
        distribution_buckets_of(field_of(parameters, "distribution_buckets")),
    )
    yield from _created(bag_id, fields["data_object_ids"], parameters)


def _distribution_changed(fields: _Fields) -> Iterable[StorageFact]:
    family = int_of(fields["family_id"])
    yield BagDistributionChanged(
        _bag(fields["bag_id"]),
        tuple(f"{family}:{index}" for index in ints_of(fields["added_bucket_indices"])),
        tuple(f"{family}:{index}" for index in ints_of(fields["removed_bucket_indices"])),
    )


def _bucket_created(fields: _Fields) -> Iterable[StorageFact]:
    invited = fields["invited_worker"]
    yield StorageBucketCreated(
        int_of(fields["bucket_id"]),
        None if invited is None else int_of(invited),
        bool(fields["accepting_new_bags"]),
    )


def _distribution_operator(status: str) -> Callable[[_Fields], Iterable[StorageFact]]:
    def read(fields: _Fields) -> Iterable[StorageFact]:
        yield DistributionOperatorChanged(
            distribution_bucket_of(fields["bucket_id"]), int_of(fields["worker_id"]), status
        )

    return read


_READERS: Mapping[str, Callable[[_Fields], Iterable[StorageFact]]] = {
    "DataObjectsUploaded": _uploaded,
    "DataObjectsUpdated": _updated,
    "PendingDataObjectsAccepted": lambda f: [
        ObjectsAccepted(_bag(f["bag_id"]), int_of(f["bucket_id"]), ints_of(f["data_object_ids"])),
    ],
    "DataObjectsDeleted": lambda f: [ObjectsDeleted(_bag(f["bag_id"]), ints_of(f["data_object_ids"]))],
    "DataObjectsMoved": lambda f: [
        ObjectsMoved(_bag(f["src_bag_id"]), _bag(f["dest_bag_id"]), ints_of(f["data_object_ids"]))
    ],
    "DynamicBagCreated": _bag_created,
    "DynamicBagDeleted": lambda f: [BagDeleted(_dynamic_bag(f["bag_id"]))],
    "StorageBucketsUpdatedForBag": lambda f: [
        BagStorageChanged(_bag(f["bag_id"]), ints_of(f["added_buckets"]), ints_of(f["removed_buckets"])),
    ],
    "DistributionBucketsUpdatedForBag": _distribution_changed,
    "StorageBucketCreated": _bucket_created,
    "StorageBucketDeleted": lambda f: [StorageBucketDeleted(int_of(f["bucket_id"]))],
    "StorageBucketOperatorInvited": lambda f: [StorageOperatorInvited(int_of(f["bucket_id"]), int_of(f["worker_id"]))],
    "StorageBucketInvitationAccepted": lambda f: [
        StorageOperatorSet(int_of(f["bucket_id"]), int_of(f["worker_id"]), str(f["transactor_account_id"])),
    ],
    "StorageBucketInvitationCancelled": lambda f: [StorageOperatorCleared(int_of(f["bucket_id"]), removed=False)],
    "StorageBucketOperatorRemoved": lambda f: [StorageOperatorCleared(int_of(f["bucket_id"]), removed=True)],
    "StorageBucketStatusUpdated": lambda f: [
        StorageBucketStatusSet(int_of(f["bucket_id"]), bool(f["accepting_new_bags"]))
    ],
    "StorageOperatorMetadataSet": lambda f: [StorageMetadataSet(int_of(f["bucket_id"]), bytes_of(f["metadata"]))],
    "DistributionBucketCreated": lambda f: [
        DistributionBucketCreated(distribution_bucket_of(f["bucket_id"]), bool(f["accepting_new_bags"])),
    ],
    "DistributionBucketDeleted": lambda f: [DistributionBucketDeleted(distribution_bucket_of(f["bucket_id"]))],
    "DistributionBucketStatusUpdated": lambda f: [
        DistributionBucketFlagsSet(
            distribution_bucket_of(f["bucket_id"]), accepting_new_bags=bool(f["accepting_new_bags"])
        ),
    ],
    "DistributionBucketModeUpdated": lambda f: [
        DistributionBucketFlagsSet(distribution_bucket_of(f["bucket_id"]), distributing=bool(f["distributing"])),
    ],
    "DistributionBucketOperatorInvited": _distribution_operator("invited"),
    "DistributionBucketInvitationAccepted": _distribution_operator("active"),
    "DistributionBucketInvitationCancelled": _distribution_operator("none"),
    "DistributionBucketOperatorRemoved": _distribution_operator("none"),
}
