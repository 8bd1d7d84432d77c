"""Bags and the objects in them: what other pallets ask of the storage pallet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from joygrpc.content import DistributionBucketId
from joygrpc.devnet.ledger.balances import TREASURY, covers, move, withdraw
from joygrpc.devnet.ledger.failures import ensure, found
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import (
    Account,
    Bag,
    BagText,
    CreationPolicy,
    DataObject,
    RepayableBond,
    Voucher,
)

PALLET: Final = "Storage"
_MEGABYTE: Final = 1_048_576
_OVERFLOW: Final = 2**64
CONTENT_ID_LENGTH: Final = 46


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to come: its bytes and the text of its multihash."""

    size: int
    content_id: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """Objects to come, and what the caller believes they cost."""

    payer: Account
    objects: tuple[NewObject, ...]
    expected_data_size_fee: int
    expected_state_bloat_bond: int

    @property
    def total_size(self) -> int:
        """Bytes of all objects."""
        return sum(new.size for new in self.objects)

    def parameters(self, bag_id: BagText) -> dict[str, object]:
        """`UploadParameters`, as events carry it."""
        return {
            "bag_id": bag_id,
            "object_creation_list": [{"size": new.size, "ipfs_content_id": new.content_id} for new in self.objects],
            "state_bloat_bond_source_account_id": self.payer,
            "expected_data_size_fee": self.expected_data_size_fee,
            "expected_data_object_state_bloat_bond": self.expected_state_bloat_bond,
        }


def new_objects(creation_list: Sequence[Mapping[str, Any]]) -> tuple[NewObject, ...]:
    """From decoded `DataObjectCreationParameters`."""
    return tuple(NewObject(item["size"], item["ipfs_content_id"]) for item in creation_list)


def find_bag(ledger: Ledger, bag_id: BagText) -> Bag:
    """The bag; static ones always exist, empty until first written."""
    bag = ledger.bags.get(bag_id)
    if bag is None and bag_id.startswith("static:"):
        return Bag()
    return found(bag, PALLET, "DynamicBagDoesntExist")


def find_policy(ledger: Ledger, bag_type: str) -> CreationPolicy:
    """How many buckets a new bag of the kind (Member, Channel) gets."""
    limits = ledger.limits
    default = (
        limits.default_storage_buckets_per_member_bag
        if bag_type == "Member"
        else limits.default_storage_buckets_per_channel_bag
    )
    return ledger.policies.get(bag_type) or CreationPolicy(default)


def storage_fee(ledger: Ledger, total_size: int) -> int:
    """What the bytes of one request cost; rounded up to megabytes once, on the total."""
    return -(-total_size // _MEGABYTE) * ledger.data_size_fee.value


def _ensure_uploadable(ledger: Ledger, objects: Sequence[NewObject]) -> None:
    for new in objects:
        ensure(not ledger.uploading_blocked.value, PALLET, "UploadingBlocked")
        ensure(new.size <= ledger.limits.max_object_size, PALLET, "MaxDataObjectSizeExceeded")
        ensure(new.size != 0, PALLET, "ZeroObjectSize")
        ensure(new.content_id, PALLET, "EmptyContentId")
        ensure(len(new.content_id) == CONTENT_ID_LENGTH, PALLET, "InvalidCidLength")
        ensure(new.content_id not in ledger.blacklist, PALLET, "DataObjectBlacklisted")


def _changed_vouchers(
    ledger: Ledger, bucket_ids: Sequence[int], number_delta: int, size_delta: int
) -> dict[int, Voucher]:
    """The buckets' vouchers after the change; refuses one that would be overdrawn, shrinking or not."""
    changed = {}
    for bucket_id in bucket_ids:
        bucket = found(ledger.storage_buckets.get(bucket_id), PALLET, "StorageBucketDoesntExist")
        voucher = replace(
            bucket.voucher,
            objects_used=max(bucket.voucher.objects_used + number_delta, 0),
            size_used=max(bucket.voucher.size_used + size_delta, 0),
        )
        ensure(voucher.objects_used <= voucher.objects_limit, PALLET, "StorageBucketObjectNumberLimitReached")
        ensure(voucher.size_used <= voucher.size_limit, PALLET, "StorageBucketObjectSizeLimitReached")
        changed[bucket_id] = voucher
    return changed


def _store_vouchers(ledger: Ledger, vouchers: Mapping[int, Voucher], assigned_delta: int = 0) -> None:
    for bucket_id, voucher in vouchers.items():
        bucket = ledger.storage_buckets[bucket_id]
        assigned_bags = max(bucket.assigned_bags + assigned_delta, 0)
        ledger.storage_buckets[bucket_id] = replace(bucket, voucher=voucher, assigned_bags=assigned_bags)
        ledger.emit(PALLET, "VoucherChanged", bucket_id, voucher.to_scale())


def _pay(ledger: Ledger, upload: Upload) -> int:
    """Bonds to the treasury, the fee is burnt; returns the bond of each object. As on chain, no bond means no fee."""
    bond = ledger.object_bloat_bond.value
    bonds = bond * len(upload.objects)
    if bonds:
        move(ledger, upload.payer, TREASURY, bonds)
        fee = storage_fee(ledger, upload.total_size)
        if fee:
            withdraw(ledger, upload.payer, fee)
    return bond


def _ensure_payable(ledger: Ledger, upload: Upload) -> None:
    cost = ledger.object_bloat_bond.value * len(upload.objects) + storage_fee(ledger, upload.total_size)
    ensure(covers(ledger, upload.payer, cost), PALLET, "InsufficientBalance")


def _insert(ledger: Ledger, bag_id: BagText, upload: Upload, bond: int) -> list[int]:
    object_ids = []
    for new in upload.objects:
        object_id = ledger.next_object_id.take()
        ledger.objects[bag_id, object_id] = DataObject(False, RepayableBond(bond), new.size, new.content_id)
        object_ids.append(object_id)
    return object_ids


def _drop(ledger: Ledger, bag_id: BagText, object_ids: Sequence[int], account: Account) -> None:
    for object_id in object_ids:
        bond = ledger.objects[bag_id, object_id].state_bloat_bond
        del ledger.objects[bag_id, object_id]
        if bond.amount:
            move(ledger, TREASURY, bond.repayment_restricted_to or account, bond.amount)


def _update_bag(ledger: Ledger, bag_id: BagText, upload: Upload, removals: Sequence[int]) -> list[int]:
    """Add and remove objects at once, capacity judged on the net; returns the new ids."""
    bag = find_bag(ledger, bag_id)
    _ensure_uploadable(ledger, upload.objects)
    removed_size = 0
    for object_id in removals:
        removed_size += found(ledger.objects.get((bag_id, object_id)), PALLET, "DataObjectDoesntExist").size
    number_delta, size_delta = len(upload.objects) - len(removals), upload.total_size - removed_size
    vouchers = _changed_vouchers(ledger, sorted(bag.stored_by), number_delta, size_delta)
    _ensure_payable(ledger, upload)
    bond = _pay(ledger, upload)
    _store_vouchers(ledger, vouchers)
    _drop(ledger, bag_id, removals, upload.payer)
    object_ids = _insert(ledger, bag_id, upload, bond)
    ledger.bags[bag_id] = replace(
        bag,
        objects_number=max(bag.objects_number + number_delta, 0),
        objects_total_size=max(bag.objects_total_size + size_delta, 0),
    )
    return object_ids


def upload_objects(ledger: Ledger, bag_id: BagText, upload: Upload) -> list[int]:
    """New objects in a bag; their ids in list order."""
    ensure(upload.objects, PALLET, "NoObjectsOnUpload")
    ensure(upload.expected_data_size_fee == ledger.data_size_fee.value, PALLET, "DataSizeFeeChanged")
    expected_bond = upload.expected_state_bloat_bond
    ensure(expected_bond == ledger.object_bloat_bond.value, PALLET, "DataObjectStateBloatBondChanged")
    object_ids = _update_bag(ledger, bag_id, upload, ())
    bond = ledger.object_bloat_bond.value
    ledger.emit(PALLET, "DataObjectsUploaded", object_ids, upload.parameters(bag_id), bond)
    return object_ids


def delete_objects(ledger: Ledger, account: Account, bag_id: BagText, object_ids: Sequence[int]) -> None:
    """Objects leave a bag; their bonds go to `account`."""
    ensure(object_ids, PALLET, "DataObjectIdCollectionIsEmpty")
    _update_bag(ledger, bag_id, Upload(account, (), 0, 0), object_ids)
    ledger.emit(PALLET, "DataObjectsDeleted", account, bag_id, list(object_ids))


def replace_objects(ledger: Ledger, bag_id: BagText, upload: Upload, removals: Sequence[int]) -> list[int]:
    """Upload and delete at once; either list may be empty."""
    if upload.objects:
        ensure(upload.expected_data_size_fee == ledger.data_size_fee.value, PALLET, "DataSizeFeeChanged")
        expected_bond = upload.expected_state_bloat_bond
        ensure(expected_bond == ledger.object_bloat_bond.value, PALLET, "DataObjectStateBloatBondChanged")
    object_ids = _update_bag(ledger, bag_id, upload, removals)
    ledger.emit(PALLET, "DataObjectsUpdated", upload.parameters(bag_id), object_ids, list(removals))
    return object_ids


def move_objects(ledger: Ledger, source_id: BagText, target_id: BagText, object_ids: Sequence[int]) -> None:
    """Objects change their bag; id, bond and acceptance stay."""
    source, target = find_bag(ledger, source_id), find_bag(ledger, target_id)
    ensure(source_id != target_id, PALLET, "SourceAndDestinationBagsAreEqual")
    ensure(object_ids, PALLET, "DataObjectIdCollectionIsEmpty")
    size = 0
    for object_id in object_ids:
        size += found(ledger.objects.get((source_id, object_id)), PALLET, "DataObjectDoesntExist").size
    number = len(object_ids)
    # A bucket of both bags must have room for the objects a second time, so room is judged before anything leaves.
    _changed_vouchers(ledger, sorted(target.stored_by), number, size)
    ensure(target.objects_total_size + size < _OVERFLOW, PALLET, "ArithmeticError")
    for object_id in object_ids:
        ledger.objects[target_id, object_id] = ledger.objects[source_id, object_id]
        del ledger.objects[source_id, object_id]
    for bag_id, bag, sign in ((source_id, source, -1), (target_id, target, 1)):
        vouchers = {}
        for bucket_id in sorted(bag.stored_by):
            voucher = ledger.storage_buckets[bucket_id].voucher
            vouchers[bucket_id] = replace(
                voucher,
                objects_used=max(voucher.objects_used + sign * number, 0),
                size_used=max(voucher.size_used + sign * size, 0),
            )
        _store_vouchers(ledger, vouchers)
        ledger.bags[bag_id] = replace(
            bag,
            objects_number=max(bag.objects_number + sign * number, 0),
            objects_total_size=max(bag.objects_total_size + sign * size, 0),
        )
    ledger.emit(PALLET, "DataObjectsMoved", source_id, target_id, list(object_ids))


def create_dynamic_bag(
    ledger: Ledger,
    bag_id: BagText,
    upload: Upload,
    storage_buckets: Sequence[int],
    distribution_buckets: Sequence[str],
) -> list[int]:
    """A bag in the buckets that its creator chose, with its first objects; their ids in list order."""
    if upload.objects:
        expected_bond = upload.expected_state_bloat_bond
        ensure(expected_bond == ledger.object_bloat_bond.value, PALLET, "DataObjectStateBloatBondChanged")
        ensure(upload.expected_data_size_fee == ledger.data_size_fee.value, PALLET, "DataSizeFeeChanged")
    policy = find_policy(ledger, "Member" if bag_id.startswith("dynamic:member:") else "Channel")
    ensure(
        len(storage_buckets) == policy.number_of_storage_buckets,
        PALLET,
        "StorageBucketsNumberViolatesDynamicBagCreationPolicy",
    )
    for bucket_id in storage_buckets:
        ensure(bucket_id in ledger.storage_buckets, PALLET, "StorageBucketDoesntExist")
    distributed_by = frozenset(map(DistributionBucketId.parse, distribution_buckets))
    ensure(
        Counter(bucket.family for bucket in distributed_by) == Counter(policy.families),
        PALLET,
        "DistributionBucketsViolatesDynamicBagCreationPolicy",
    )
    for bucket in sorted(distributed_by):
        exists = (bucket.family, bucket.index) in ledger.distribution_buckets
        ensure(exists, PALLET, "DistributionBucketDoesntExist")
    _ensure_uploadable(ledger, upload.objects)
    ensure(bag_id not in ledger.bags, PALLET, "DynamicBagExists")
    limits = ledger.limits
    ensure(
        len(distributed_by) <= limits.max_distribution_buckets_per_bag,
        PALLET,
        "MaxDistributionBucketNumberPerBagLimitExceeded",
    )
    ensure(len(storage_buckets) <= limits.max_storage_buckets_per_bag, PALLET, "StorageBucketPerBagLimitExceeded")
    vouchers = _changed_vouchers(ledger, sorted(storage_buckets), len(upload.objects), upload.total_size)
    _ensure_payable(ledger, upload)
    bond = _pay(ledger, upload)
    for bucket in distributed_by:
        _count_bag(ledger, bucket, 1)
    _store_vouchers(ledger, vouchers, assigned_delta=1)
    object_ids = _insert(ledger, bag_id, upload, bond)
    ledger.bags[bag_id] = Bag(frozenset(storage_buckets), distributed_by, upload.total_size, len(upload.objects))
    parameters = upload.parameters(bag_id) | {
        "storage_buckets": sorted(storage_buckets),
        "distribution_buckets": [str(bucket) for bucket in sorted(distributed_by)],
    }
    ledger.emit(PALLET, "DynamicBagCreated", parameters, object_ids)
    return object_ids


def delete_dynamic_bag(ledger: Ledger, account: Account, bag_id: BagText) -> None:
    """The bag goes with all its objects, without an event for these."""
    bag = found(ledger.bags.get(bag_id), PALLET, "DynamicBagDoesntExist")
    vouchers = _changed_vouchers(ledger, sorted(bag.stored_by), -bag.objects_number, -bag.objects_total_size)
    _drop(ledger, bag_id, sorted(ledger.objects.group(bag_id)), account)
    _store_vouchers(ledger, vouchers, assigned_delta=-1)
    for bucket in bag.distributed_by:
        _count_bag(ledger, bucket, -1)
    del ledger.bags[bag_id]
    ledger.emit(PALLET, "DynamicBagDeleted", bag_id)


def _count_bag(ledger: Ledger, bucket_id: DistributionBucketId, delta: int) -> None:
    key = (bucket_id.family, bucket_id.index)
    bucket = ledger.distribution_buckets[key]
    ledger.distribution_buckets[key] = replace(bucket, assigned_bags=max(bucket.assigned_bags + delta, 0))
