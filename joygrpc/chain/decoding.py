"""From values as scalecodec decodes them to facts of the port; anything unexpected raises `UndecodableValue`."""

from collections.abc import Mapping, Sequence

from joygrpc.chain.port import ChainBag, ChainDataObject, ChainStorageBucket, ChainWorker, OperatorStatus, WorkingGroup
from joygrpc.content.ids import BagId, DistributionBucketId


class UndecodableValue(ValueError):
    """The runtime's types are not what this program knows."""


def field_of(value: object, name: str) -> object:
    """A field of a decoded record."""
    if not isinstance(value, Mapping) or name not in value:
        raise UndecodableValue(f"no field {name}")
    return value[name]


def int_of(value: object) -> int:
    """An integer; decoded numbers arrive as such, or as decimal text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise UndecodableValue("not a number")
    return int(value)


def ints_of(value: object) -> tuple[int, ...]:
    """A set or list of integers, also in the one-element wrappers that bounded sets decode to."""
    return tuple(int_of(item) for item in items_of(value))


def items_of(value: object) -> Sequence[object]:
    """The elements of a decoded set or list."""
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    if not isinstance(value, (list, tuple)):
        raise UndecodableValue("not a list")
    if len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value


def text_of(value: object) -> str:
    """Bytes that the chain uses as ASCII text, such as a multihash; hex where scalecodec could not read them as UTF-8."""
    return bytes_of(value).decode("ascii", errors="replace")


def bytes_of(value: object) -> bytes:
    """A decoded byte string.

    scalecodec gives text when the bytes are valid UTF-8, else hex with `0x`; so does it for bytes that *are* such text, which neither multihashes
    nor protobuf messages begin with.
    """
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str):
        raise UndecodableValue("not bytes")
    if value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            return value.encode()
    return value.encode()


def distribution_bucket_of(value: object) -> str:
    """`family:index` of a decoded distribution bucket id."""
    family = int_of(field_of(value, "distribution_bucket_family_id"))
    return str(DistributionBucketId(family, int_of(field_of(value, "distribution_bucket_index"))))


def distribution_buckets_of(value: object) -> tuple[str, ...]:
    """A decoded set of distribution bucket ids."""
    return tuple(distribution_bucket_of(item) for item in items_of(value))


def data_object_of(bag_id: BagId, object_id: int, value: object) -> ChainDataObject:
    """An entry of `Storage.DataObjectsById`."""
    return ChainDataObject(
        object_id=object_id,
        bag_id=bag_id,
        size=int_of(field_of(value, "size")),
        multihash=text_of(field_of(value, "ipfs_content_id")),
        accepted=bool(field_of(value, "accepted")),
    )


def bag_of(bag_id: BagId, value: object) -> ChainBag:
    """An entry of `Storage.Bags`."""
    return ChainBag(
        bag_id=bag_id,
        stored_by=frozenset(ints_of(field_of(value, "stored_by"))),
        distributed_by=frozenset(distribution_buckets_of(field_of(value, "distributed_by"))),
        objects_total_size=int_of(field_of(value, "objects_total_size")),
        objects_number=int_of(field_of(value, "objects_number")),
    )


def empty_bag(bag_id: BagId) -> ChainBag:
    """A static bag that was never written."""
    return ChainBag(bag_id, frozenset(), frozenset(), 0, 0)


def operator_of(value: object) -> tuple[OperatorStatus, int | None, str | None]:
    """Status, worker and transactor of a decoded `StorageBucketOperatorStatus`."""
    match value:
        case "Missing":
            return "missing", None, None
        case {"Missing": None}:
            return "missing", None, None
        case {"InvitedStorageWorker": worker}:
            return "invited", int_of(worker), None
        case {"StorageWorker": [worker, account]}:
            return "active", int_of(worker), str(account)
    raise UndecodableValue("not an operator status")


def storage_bucket_of(bucket_id: int, value: object) -> ChainStorageBucket:
    """An entry of `Storage.StorageBucketById`."""
    status, worker_id, transactor = operator_of(field_of(value, "operator_status"))
    voucher = field_of(value, "voucher")
    return ChainStorageBucket(
        bucket_id=bucket_id,
        operator_status=status,
        worker_id=worker_id,
        transactor=transactor,
        accepting_new_bags=bool(field_of(value, "accepting_new_bags")),
        size_limit=int_of(field_of(voucher, "size_limit")),
        objects_limit=int_of(field_of(voucher, "objects_limit")),
        size_used=int_of(field_of(voucher, "size_used")),
        objects_used=int_of(field_of(voucher, "objects_used")),
    )


def worker_of(group: WorkingGroup, worker_id: int, value: object) -> ChainWorker:
    """An entry of a working group's `WorkerById`."""
    return ChainWorker(
        group=group,
        worker_id=worker_id,
        member_id=int_of(field_of(value, "member_id")),
        role_account=str(field_of(value, "role_account_id")),
    )
