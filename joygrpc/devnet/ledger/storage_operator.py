"""Calls of storage operators: taking a bucket over, describing it, accepting objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from joygrpc.devnet.ledger.bags import find_bag
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.failures import ModuleError, ensure
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import Account, Invited, Missing, Operated
from joygrpc.devnet.ledger.storage_lead import PALLET, find_storage_bucket
from joygrpc.devnet.ledger.working_groups import ensure_worker


def _ensure_operator(ledger: Ledger, bucket_id: int, worker_id: int) -> Operated:
    match find_storage_bucket(ledger, bucket_id).operator_status:
        case Missing():
            raise ModuleError(PALLET, "StorageProviderMustBeSet")
        case Operated(worker_id=operator) as status if operator == worker_id:
            return status
    raise ModuleError(PALLET, "InvalidStorageProvider")


def accept_storage_bucket_invitation(
    ledger: Ledger, origin: Origin, *, worker_id: int, storage_bucket_id: int, transactor_account_id: Account
) -> None:
    """Take over a bucket and name the account that signs for accepted objects."""
    ensure_worker(ledger.storage_group, origin, worker_id)
    bucket = find_storage_bucket(ledger, storage_bucket_id)
    match bucket.operator_status:
        case Missing():
            raise ModuleError(PALLET, "NoStorageBucketInvitation")
        case Operated():
            raise ModuleError(PALLET, "StorageProviderAlreadySet")
        case Invited(worker_id=invited):
            ensure(invited == worker_id, PALLET, "DifferentStorageProviderInvited")
    status = Operated(worker_id, transactor_account_id)
    ledger.storage_buckets[storage_bucket_id] = replace(bucket, operator_status=status)
    ledger.emit(PALLET, "StorageBucketInvitationAccepted", storage_bucket_id, worker_id, transactor_account_id)


def set_storage_operator_metadata(
    ledger: Ledger, origin: Origin, *, worker_id: int, storage_bucket_id: int, metadata: bytes
) -> None:
    """Say where the operator's node is; only the event carries it."""
    ensure_worker(ledger.storage_group, origin, worker_id)
    _ensure_operator(ledger, storage_bucket_id, worker_id)
    ledger.emit(PALLET, "StorageOperatorMetadataSet", storage_bucket_id, worker_id, metadata)


def accept_pending_data_objects(
    ledger: Ledger, origin: Origin, *, worker_id: int, storage_bucket_id: int, bag_id: str, data_objects: Sequence[int]
) -> None:
    """Confirm that objects are stored; those accepted before pass again."""
    signer = origin.signer()
    status = _ensure_operator(ledger, storage_bucket_id, worker_id)
    ensure(signer == status.transactor, PALLET, "InvalidTransactorAccount")
    bag = find_bag(ledger, bag_id)
    ensure(data_objects, PALLET, "DataObjectIdParamsAreEmpty")
    ensure(storage_bucket_id in bag.stored_by, PALLET, "StorageBucketIsNotBoundToBag")
    for object_id in data_objects:
        ensure((bag_id, object_id) in ledger.objects, PALLET, "DataObjectDoesntExist")
    for object_id in data_objects:
        ledger.objects[bag_id, object_id] = replace(ledger.objects[bag_id, object_id], accepted=True)
    ledger.emit(PALLET, "PendingDataObjectsAccepted", storage_bucket_id, worker_id, bag_id, list(data_objects))


def storage_operator_remark(
    ledger: Ledger, origin: Origin, *, worker_id: int, storage_bucket_id: int, msg: bytes
) -> None:
    """A message of a bucket's operator."""
    ensure_worker(ledger.storage_group, origin, worker_id)
    _ensure_operator(ledger, storage_bucket_id, worker_id)
    ledger.emit(PALLET, "StorageOperatorRemarked", worker_id, storage_bucket_id, msg)
