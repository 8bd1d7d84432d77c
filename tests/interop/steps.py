"""What a network's leads and operators do in its life, call by call, and what the chain must say to each.

The devnet of `EMPTY_PRESET` has family 0, workers 0 to 7 of both groups and the leads (worker 8); no buckets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joygrpc.devnet.accounts import dev_account
from joygrpc.devnet.presets import DISTRIBUTION_LEAD, STORAGE_LEAD, distribution_worker_uri, storage_worker_uri

OWNER, TRANSACTOR = "//Charlie", "//Dave"
TRANSACTOR_ACCOUNT = dev_account(TRANSACTOR)
CHANNEL_BAG = {"Dynamic": {"Channel": 1}}
STATIC_BAG = {"Static": {"WorkingGroup": "Storage"}}
OBJECT_BOND, CHANNEL_BOND, FEE = 15_000_001, 400_000_000, 8_333_331


def cid(number: int) -> str:
    return f"gW{number:044d}"


def distribution_id(index: int, family: int = 0) -> dict[str, int]:
    return {"distribution_bucket_family_id": family, "distribution_bucket_index": index}


@dataclass(frozen=True)
class Step:
    """One transaction: either `event`, as pallet and name with its fields in order, or `error` comes of it.

    Fields as `expectation.fits` compares them. A batch has its calls in `items`, and its outcome in `events`.
    """

    signer: str
    pallet: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    event: tuple[str, list[Any]] | None = None
    error: str | None = None
    items: tuple["Step", ...] = ()
    events: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.call}-{self.error or 'passes'}"

    def as_json(self) -> dict[str, Any]:
        """For a driver in another language."""
        items = [item.as_json() for item in self.items]
        return {
            "signer": self.signer, "pallet": self.pallet, "call": self.call, "arguments": dict(self.arguments), "items": items,
        }  # fmt: skip


def _storage(call: str, outcome: str | tuple[str, list[Any]], signer: str = STORAGE_LEAD, **arguments: Any) -> Step:
    """A call of the storage pallet; the outcome is an error (with its pallet where that is another) or an event."""
    if isinstance(outcome, str):
        error = outcome if "." in outcome else f"Storage.{outcome}"
        return Step(signer, "Storage", call, arguments, error=error)
    return Step(signer, "Storage", call, arguments, event=(f"Storage.{outcome[0]}", outcome[1]))


def _distribution(call: str, outcome: str | tuple[str, list[Any]], **arguments: Any) -> Step:
    return _storage(call, outcome, DISTRIBUTION_LEAD, **arguments)


def _storage_worker(call: str, outcome: str | tuple[str, list[Any]], number: int = 0, **arguments: Any) -> Step:
    return _storage(call, outcome, storage_worker_uri(number), **arguments)


def _distribution_worker(call: str, outcome: str | tuple[str, list[Any]], number: int = 0, **arguments: Any) -> Step:
    return _storage(call, outcome, distribution_worker_uri(number), **arguments)


NOT_STORAGE_LEAD = "StorageWorkingGroup.IsNotLeadAccount"
NOT_DISTRIBUTION_LEAD = "DistributionWorkingGroup.IsNotLeadAccount"

PARAMETERS = [
    _storage("update_uploading_blocked_status", NOT_STORAGE_LEAD, OWNER, new_status=True),
    _storage("update_uploading_blocked_status", ("UploadingBlockStatusUpdated", [True]), new_status=True),
    _storage("update_uploading_blocked_status", ("UploadingBlockStatusUpdated", [False]), new_status=False),
    _storage("update_data_size_fee", NOT_STORAGE_LEAD, OWNER, new_data_size_fee=1),
    _storage("update_data_size_fee", ("DataObjectPerMegabyteFeeUpdated", [FEE]), new_data_size_fee=FEE),
    _storage("update_storage_buckets_per_bag_limit", "StorageBucketsPerBagLimitTooLow", new_limit=0),
    _storage("update_storage_buckets_per_bag_limit", "StorageBucketsPerBagLimitTooHigh", new_limit=14),
    _storage("update_storage_buckets_per_bag_limit", ("StorageBucketsPerBagLimitUpdated", [3]), new_limit=3),
    _storage(
        "update_storage_buckets_voucher_max_limits", NOT_STORAGE_LEAD, OWNER,
        new_objects_size=1, new_objects_number=1,
    ),
    _storage(
        "update_storage_buckets_voucher_max_limits", ("StorageBucketsVoucherMaxLimitsUpdated", [10**12, 10**6]),
        new_objects_size=10**12, new_objects_number=10**6,
    ),
    _storage("update_data_object_state_bloat_bond", NOT_STORAGE_LEAD, OWNER, state_bloat_bond=1),
    _storage(
        "update_data_object_state_bloat_bond", ("DataObjectStateBloatBondValueUpdated", [OBJECT_BOND]),
        state_bloat_bond=OBJECT_BOND,
    ),
    _storage(
        "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
        "NumberOfStorageBucketsOutsideOfAllowedContraints", dynamic_bag_type="Member", number_of_storage_buckets=14,
    ),
    _storage(
        "update_number_of_storage_buckets_in_dynamic_bag_creation_policy",
        ("NumberOfStorageBucketsInDynamicBagCreationPolicyUpdated", ["Channel", 1]),
        dynamic_bag_type="Channel", number_of_storage_buckets=1,
    ),
    _storage("update_blacklist", "InvalidCidLength", remove_hashes=[], add_hashes=["0x1234"]),
    _storage("update_blacklist", ("UpdateBlacklist", [[], [cid(1).encode()]]), remove_hashes=[], add_hashes=[cid(1)]),
]  # fmt: skip

STORAGE_BUCKETS = [
    _storage(
        "create_storage_bucket", "VoucherMaxObjectSizeLimitExceeded",
        invite_worker=None, accepting_new_bags=True, size_limit=10**12 + 1, objects_limit=1,
    ),
    _storage(
        "create_storage_bucket", "VoucherMaxObjectNumberLimitExceeded",
        invite_worker=None, accepting_new_bags=True, size_limit=1, objects_limit=10**6 + 1,
    ),
    _storage(
        "create_storage_bucket", "StorageProviderOperatorDoesntExist",
        invite_worker=99, accepting_new_bags=True, size_limit=1, objects_limit=1,
    ),
    _storage(
        "create_storage_bucket", ("StorageBucketCreated", [0, 0, True, 1000, 10]),
        invite_worker=0, accepting_new_bags=True, size_limit=1000, objects_limit=10,
    ),
    _storage(
        "create_storage_bucket", ("StorageBucketCreated", [1, None, False, 500, 5]),
        invite_worker=None, accepting_new_bags=False, size_limit=500, objects_limit=5,
    ),
    _storage("update_storage_bucket_status", "StorageBucketDoesntExist", storage_bucket_id=9, accepting_new_bags=True),
    _storage(
        "update_storage_bucket_status", ("StorageBucketStatusUpdated", [1, True]),
        storage_bucket_id=1, accepting_new_bags=True,
    ),
    _storage(
        "set_storage_bucket_voucher_limits", "VoucherMaxObjectSizeLimitExceeded",
        storage_bucket_id=1, new_objects_size_limit=10**12 + 1, new_objects_number_limit=1,
    ),
    _storage(
        "set_storage_bucket_voucher_limits", ("StorageBucketVoucherLimitsSet", [1, 2000, 20]),
        storage_bucket_id=1, new_objects_size_limit=2000, new_objects_number_limit=20,
    ),
    _storage("invite_storage_bucket_operator", "InvitedStorageProvider", storage_bucket_id=0, operator_id=1),
    _storage("invite_storage_bucket_operator", ("StorageBucketOperatorInvited", [1, 1]), storage_bucket_id=1, operator_id=1),
    _storage("cancel_storage_bucket_operator_invite", "StorageBucketDoesntExist", storage_bucket_id=9),
    _storage("cancel_storage_bucket_operator_invite", ("StorageBucketInvitationCancelled", [1]), storage_bucket_id=1),
    _storage("cancel_storage_bucket_operator_invite", "NoStorageBucketInvitation", storage_bucket_id=1),
    _storage_worker(
        "accept_storage_bucket_invitation", "DifferentStorageProviderInvited", 1,
        worker_id=1, storage_bucket_id=0, transactor_account_id=TRANSACTOR_ACCOUNT,
    ),
    _storage_worker(
        "accept_storage_bucket_invitation", "StorageWorkingGroup.SignerIsNotWorkerRoleAccount", 1,
        worker_id=0, storage_bucket_id=0, transactor_account_id=TRANSACTOR_ACCOUNT,
    ),
    _storage_worker(
        "accept_storage_bucket_invitation", ("StorageBucketInvitationAccepted", [0, 0, TRANSACTOR_ACCOUNT]),
        worker_id=0, storage_bucket_id=0, transactor_account_id=TRANSACTOR_ACCOUNT,
    ),
    _storage_worker("set_storage_operator_metadata", "StorageProviderMustBeSet", worker_id=0, storage_bucket_id=1, metadata="0x0a"),
    _storage_worker(
        "set_storage_operator_metadata", ("StorageOperatorMetadataSet", [0, 0, b"\x0a\x01x"]),
        worker_id=0, storage_bucket_id=0, metadata="0x0a0178",
    ),
    _storage_worker("storage_operator_remark", "StorageWorkingGroup.WorkerDoesNotExist", worker_id=99, storage_bucket_id=0, msg="0x01"),
    _storage_worker(
        "storage_operator_remark", ("StorageOperatorRemarked", [0, 0, b"\x01\x02"]),
        worker_id=0, storage_bucket_id=0, msg="0x0102",
    ),
]  # fmt: skip

DISTRIBUTION_BUCKETS = [
    _distribution("update_distribution_buckets_per_bag_limit", "DistributionBucketsPerBagLimitTooLow", new_limit=0),
    _distribution("update_distribution_buckets_per_bag_limit", "DistributionBucketsPerBagLimitTooHigh", new_limit=52),
    _distribution("update_distribution_buckets_per_bag_limit", ("DistributionBucketsPerBagLimitUpdated", [4]), new_limit=4),
    _storage("create_distribution_bucket_family", NOT_DISTRIBUTION_LEAD),
    _distribution("create_distribution_bucket_family", ("DistributionBucketFamilyCreated", [1])),
    _distribution("set_distribution_bucket_family_metadata", "DistributionBucketFamilyDoesntExist", family_id=9, metadata="0x00"),
    _distribution(
        "set_distribution_bucket_family_metadata", ("DistributionBucketFamilyMetadataSet", [1, b"\x0a\x02eu"]),
        family_id=1, metadata="0x0a026575",
    ),
    _distribution("create_distribution_bucket", "DistributionBucketFamilyDoesntExist", family_id=9, accepting_new_bags=True),
    _distribution(
        "create_distribution_bucket", ("DistributionBucketCreated", [0, True, distribution_id(0)]),
        family_id=0, accepting_new_bags=True,
    ),
    _distribution(
        "create_distribution_bucket", ("DistributionBucketCreated", [0, False, distribution_id(1)]),
        family_id=0, accepting_new_bags=False,
    ),
    _distribution(
        "update_distribution_bucket_status", "DistributionBucketDoesntExist",
        bucket_id=distribution_id(9), accepting_new_bags=True,
    ),
    _distribution(
        "update_distribution_bucket_status", ("DistributionBucketStatusUpdated", [distribution_id(1), True]),
        bucket_id=distribution_id(1), accepting_new_bags=True,
    ),
    _distribution("update_distribution_bucket_mode", "DistributionBucketDoesntExist", bucket_id=distribution_id(0, 1), distributing=True),
    _distribution(
        "update_distribution_bucket_mode", ("DistributionBucketModeUpdated", [distribution_id(1), False]),
        bucket_id=distribution_id(1), distributing=False,
    ),
    _distribution(
        "invite_distribution_bucket_operator", "DistributionProviderOperatorDoesntExist",
        bucket_id=distribution_id(0), operator_worker_id=99,
    ),
    _distribution(
        "invite_distribution_bucket_operator", ("DistributionBucketOperatorInvited", [distribution_id(0), 0]),
        bucket_id=distribution_id(0), operator_worker_id=0,
    ),
    _distribution(
        "invite_distribution_bucket_operator", ("DistributionBucketOperatorInvited", [distribution_id(0), 1]),
        bucket_id=distribution_id(0), operator_worker_id=1,
    ),
    _distribution(
        "cancel_distribution_bucket_operator_invite", "NoDistributionBucketInvitation",
        bucket_id=distribution_id(0), operator_worker_id=2,
    ),
    _distribution(
        "cancel_distribution_bucket_operator_invite", ("DistributionBucketInvitationCancelled", [distribution_id(0), 1]),
        bucket_id=distribution_id(0), operator_worker_id=1,
    ),
    _distribution_worker(
        "accept_distribution_bucket_invitation", "NoDistributionBucketInvitation", 1,
        worker_id=1, bucket_id=distribution_id(0),
    ),
    _distribution_worker(
        "accept_distribution_bucket_invitation", ("DistributionBucketInvitationAccepted", [0, distribution_id(0)]),
        worker_id=0, bucket_id=distribution_id(0),
    ),
    _distribution_worker(
        "set_distribution_operator_metadata", "MustBeDistributionProviderOperatorForBucket", 1,
        worker_id=1, bucket_id=distribution_id(0), metadata="0x0a",
    ),
    _distribution_worker(
        "set_distribution_operator_metadata", ("DistributionBucketMetadataSet", [0, distribution_id(0), b"\x0a\x01y"]),
        worker_id=0, bucket_id=distribution_id(0), metadata="0x0a0179",
    ),
    _distribution_worker(
        "distribution_operator_remark", "DistributionWorkingGroup.SignerIsNotWorkerRoleAccount", 1,
        worker_id=0, distribution_bucket_id=distribution_id(0), msg="0x03",
    ),
    _distribution_worker(
        "distribution_operator_remark", ("DistributionOperatorRemarked", [0, distribution_id(0), b"\x03"]),
        worker_id=0, distribution_bucket_id=distribution_id(0), msg="0x03",
    ),
    _distribution(
        "update_families_in_dynamic_bag_creation_policy", "NumberOfDistributionBucketsOutsideOfAllowedContraints",
        dynamic_bag_type="Channel", families={},
    ),
    _distribution(
        "update_families_in_dynamic_bag_creation_policy", "DistributionBucketFamilyDoesntExist",
        dynamic_bag_type="Channel", families={9: 1},
    ),
    _distribution(
        "update_families_in_dynamic_bag_creation_policy", ("FamiliesInDynamicBagCreationPolicyUpdated", ["Channel", {0: 1, 1: 0}]),
        dynamic_bag_type="Channel", families={0: 1, 1: 0},
    ),
]  # fmt: skip


def _assets(*sizes_by_number: tuple[int, int], fee: int = FEE) -> dict[str, Any]:
    objects = [{"size": size, "ipfs_content_id": "0x" + cid(number).encode().hex()} for number, size in sizes_by_number]
    return {"object_creation_list": objects, "expected_data_size_fee": fee}


def _creation(**change: Any) -> dict[str, Any]:
    plain = {
        "assets": _assets((2, 10), (3, 20)),
        "meta": "0x00ff",
        "collaborators": {},
        "storage_buckets": [0],
        "distribution_buckets": [distribution_id(0)],
        "expected_channel_state_bloat_bond": CHANNEL_BOND,
        "expected_data_object_state_bloat_bond": OBJECT_BOND,
    }
    return {"channel_owner": {"Member": 2}, "params": plain | change}


def _update(**change: Any) -> dict[str, Any]:
    plain = {
        "assets_to_upload": _assets((4, 30)),
        "new_meta": None,
        "assets_to_remove": [0],
        "collaborators": None,
        "expected_data_object_state_bloat_bond": OBJECT_BOND,
        "storage_buckets_num_witness": 1,
    }
    return {"actor": {"Member": 2}, "channel_id": 1, "params": plain | change}


def _deletion(**change: Any) -> dict[str, Any]:
    witness = {"storage_buckets_num": 1, "distribution_buckets_num": 1}
    plain = {
        "actor": {"Member": 2}, "channel_id": 1, "channel_bag_witness": witness, "num_objects_to_delete": 2,
    }  # fmt: skip
    return plain | change


def _content(
    call: str, arguments: Mapping[str, Any], outcome: str | tuple[str, list[Any]], signer: str = OWNER
) -> Step:
    if isinstance(outcome, str):
        return Step(signer, "Content", call, arguments, error=outcome if "." in outcome else f"Content.{outcome}")
    return Step(signer, "Content", call, arguments, event=outcome)


ANY = object()
"""A field that is not looked at."""


CHANNELS = [
    _content("create_channel", _creation(), "MemberAuthFailed", TRANSACTOR),
    _content("create_channel", _creation(expected_channel_state_bloat_bond=1), "ChannelStateBloatBondChanged"),
    _content(
        "create_channel", _creation(storage_buckets=[]), "Storage.StorageBucketsNumberViolatesDynamicBagCreationPolicy"
    ),
    _content(
        "create_channel", _creation(distribution_buckets=[]),
        "Storage.DistributionBucketsViolatesDynamicBagCreationPolicy",
    ),
    _content("create_channel", _creation(assets=_assets((1, 10))), "Storage.DataObjectBlacklisted"),
    _content("create_channel", _creation(assets=_assets((2, 1001))), "Storage.StorageBucketObjectSizeLimitReached"),
    _content("create_channel", _creation(), ("Content.ChannelCreated", [1, ANY, ANY, ANY])),
    _content("update_channel", _update(storage_buckets_num_witness=None), "MissingStorageBucketsNumWitness"),
    _content("update_channel", _update(storage_buckets_num_witness=2), "InvalidStorageBucketsNumWitnessProvided"),
    _content("update_channel", _update(assets_to_remove=[9]), "AssetsToRemoveBeyondEntityAssetsSet"),
    _content("update_channel", _update(assets_to_upload=_assets((4, 30), fee=1)), "Storage.DataSizeFeeChanged"),
    _content("update_channel", _update(), ("Content.ChannelUpdated", [{"member": 2}, 1, ANY, [2]])),
]  # fmt: skip

OBJECTS = [
    _storage(
        "accept_pending_data_objects", "InvalidTransactorAccount", storage_worker_uri(0),
        worker_id=0, storage_bucket_id=0, bag_id=CHANNEL_BAG, data_objects=[1],
    ),
    _storage(
        "accept_pending_data_objects", "DataObjectDoesntExist", TRANSACTOR,
        worker_id=0, storage_bucket_id=0, bag_id=CHANNEL_BAG, data_objects=[1, 77],
    ),
    _storage(
        "accept_pending_data_objects", ("PendingDataObjectsAccepted", [0, 0, CHANNEL_BAG, [1, 2]]), TRANSACTOR,
        worker_id=0, storage_bucket_id=0, bag_id=CHANNEL_BAG, data_objects=[2, 1],
    ),
    _storage(
        "update_storage_buckets_for_bag", "StorageBucketIsBoundToBag",
        bag_id=CHANNEL_BAG, add_buckets=[0], remove_buckets=[],
    ),
    _storage(
        "update_storage_buckets_for_bag", ("StorageBucketsUpdatedForBag", [CHANNEL_BAG, [1], []]),
        bag_id=CHANNEL_BAG, add_buckets=[1], remove_buckets=[],
    ),
    _storage(
        "update_storage_buckets_for_bag", ("VoucherChanged", [1, {"size_limit": 2000, "objects_limit": 20, "size_used": 0, "objects_used": 0}]),
        bag_id=CHANNEL_BAG, add_buckets=[], remove_buckets=[1],
    ),
    _storage(
        "update_storage_buckets_for_bag", ("StorageBucketsUpdatedForBag", [STATIC_BAG, [1], []]),
        bag_id=STATIC_BAG, add_buckets=[1], remove_buckets=[],
    ),
    _distribution(
        "update_distribution_buckets_for_bag", "DistributionBucketIdCollectionsAreEmpty",
        bag_id=STATIC_BAG, family_id=0, add_buckets_indices=[], remove_buckets_indices=[],
    ),
    _distribution(
        "update_distribution_buckets_for_bag", ("DistributionBucketsUpdatedForBag", [CHANNEL_BAG, 0, [1], [0]]),
        bag_id=CHANNEL_BAG, family_id=0, add_buckets_indices=[1], remove_buckets_indices=[0],
    ),
]  # fmt: skip

_GOOD = _storage("update_storage_bucket_status", "", storage_bucket_id=0, accepting_new_bags=True)
_BAD = _storage("update_storage_bucket_status", "", storage_bucket_id=9, accepting_new_bags=True)
_DONE = ("Storage.StorageBucketStatusUpdated", "Utility.ItemCompleted")


def _batch(kind: str, items: tuple[Step, ...], *events: str, error: str | None = None) -> Step:
    return Step(STORAGE_LEAD, "Utility", kind, items=items, events=events, error=error)


BATCHES = [
    _batch("batch", (_GOOD, _GOOD), *_DONE, *_DONE, "Utility.BatchCompleted"),
    _batch("batch", (_GOOD, _BAD, _GOOD), *_DONE, "Utility.BatchInterrupted"),
    _batch("batch_all", (_GOOD, _GOOD), *_DONE, *_DONE, "Utility.BatchCompleted"),
    _batch("batch_all", (_GOOD, _BAD), error="Storage.StorageBucketDoesntExist"),
    _batch("force_batch", (_GOOD,), *_DONE, "Utility.BatchCompleted"),
    _batch("force_batch", (_BAD, _GOOD), "Utility.ItemFailed", *_DONE, "Utility.BatchCompletedWithErrors"),
]

END = [
    _content("delete_channel", _deletion(num_objects_to_delete=1), "InvalidBagSizeSpecified"),
    _content(
        "delete_channel",
        _deletion(channel_bag_witness={"storage_buckets_num": 2, "distribution_buckets_num": 1}),
        "InvalidChannelBagWitnessProvided",
    ),
    _content("delete_channel", _deletion(), ("Content.ChannelDeleted", [{"member": 2}, 1])),
    _content("delete_channel", _deletion(), "ChannelDoesNotExist"),
    _storage("remove_storage_bucket_operator", "StorageProviderMustBeSet", storage_bucket_id=1),
    _storage("remove_storage_bucket_operator", ("StorageBucketOperatorRemoved", [0]), storage_bucket_id=0),
    _storage("delete_storage_bucket", "StorageBucketIsBoundToBag", storage_bucket_id=1),
    _storage("delete_storage_bucket", ("StorageBucketDeleted", [0]), storage_bucket_id=0),
    _distribution(
        "remove_distribution_bucket_operator", "MustBeDistributionProviderOperatorForBucket",
        bucket_id=distribution_id(0), operator_worker_id=1,
    ),
    _distribution("delete_distribution_bucket", "DistributionProviderOperatorSet", bucket_id=distribution_id(0)),
    _distribution(
        "remove_distribution_bucket_operator", ("DistributionBucketOperatorRemoved", [distribution_id(0), 0]),
        bucket_id=distribution_id(0), operator_worker_id=0,
    ),
    _distribution("delete_distribution_bucket", ("DistributionBucketDeleted", [distribution_id(0)]), bucket_id=distribution_id(0)),
    _distribution("delete_distribution_bucket_family", "DistributionFamilyBoundToBagCreationPolicy", family_id=0),
    _distribution("delete_distribution_bucket_family", ("DistributionBucketFamilyDeleted", [1]), family_id=1),
]  # fmt: skip

LIFE: list[Step] = [*PARAMETERS, *STORAGE_BUCKETS, *DISTRIBUTION_BUCKETS, *CHANNELS, *OBJECTS, *BATCHES, *END]
"""All steps, in order; each builds on those before."""
