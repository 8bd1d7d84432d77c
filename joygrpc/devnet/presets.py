"""The `dev` preset: a chain on which a whole network can start at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from joygrpc.devnet.accounts import dev_account
from joygrpc.devnet.administrator import HUGE, Administrator
from joygrpc.devnet.ledger.channels import channel_bag
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import Operated
from joygrpc.devnet.limits import Limits

DEV_URIS: Final = ("//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie")
STORAGE_LEAD: Final = "//testing//lead//Storage"
DISTRIBUTION_LEAD: Final = "//testing//lead//Distribution"
CHANNEL_OWNER: Final = "//Charlie"
CHANNEL_OWNER_ID: Final = 2
FAMILY: Final = 0
CHANNEL: Final = 1
SAMPLE_BAG: Final = channel_bag(CHANNEL)
SPARE_WORKERS: Final = 8


def storage_worker_uri(number: int) -> str:
    """Role and transactor account of a storage worker."""
    return f"//testing//worker//Storage//{number}"


def distribution_worker_uri(number: int) -> str:
    """Role account of a distribution worker."""
    return f"//testing//worker//Distribution//{number}"


@dataclass(frozen=True, slots=True)
class DevPreset:
    """The nodes of the network: for each, its operator's metadata as serialised protobuf.

    Storage node i is worker i with bucket i; distributor j is worker j with bucket `0:j`.
    """

    storage: tuple[bytes, ...] = ()
    distributors: tuple[bytes, ...] = ()

    def accounts(self) -> dict[str, str]:
        """Secret URIs by role."""
        accounts = {uri.removeprefix("//").lower(): uri for uri in DEV_URIS}
        accounts |= {
            "storage_lead": STORAGE_LEAD,
            "distribution_lead": DISTRIBUTION_LEAD,
            "channel_owner": CHANNEL_OWNER,
        }
        accounts |= {f"storage_worker_{i}": storage_worker_uri(i) for i in range(len(self.storage))}
        accounts |= {f"distribution_worker_{i}": distribution_worker_uri(i) for i in range(len(self.distributors))}
        return accounts


def settle_dev(ledger: Ledger, admin: Administrator, preset: DevPreset) -> None:
    """Fill a new chain, or bring one that was filled before up to date: nodes may have moved, or joined.

    Members: 0 //Alice (storage lead), 1 //Bob (distribution lead), 2 //Charlie (owner of channel 1),
    3 //Dave (storage workers), 4 //Eve (distribution workers), 5 //Ferdie. Channel 1 is in all buckets.
    """
    if not len(ledger.members):
        _populate(admin, preset, ledger.limits)
    _settle_storage(ledger, admin, preset.storage)
    _settle_distribution(ledger, admin, preset.distributors)
    _settle_policies(admin, preset, ledger.limits)
    _settle_channel(ledger, admin, preset)


def _populate(admin: Administrator, preset: DevPreset, limits: Limits) -> None:
    for uri in DEV_URIS:
        admin.fund(dev_account(uri))
        admin.create_member(dev_account(uri), handle=uri.removeprefix("//").lower())
    # Workers before leads, and some to spare, so that worker i runs bucket i for nodes that join later too.
    for number in range(max(len(preset.storage), SPARE_WORKERS)):
        admin.hire("StorageWorkingGroup", 3, dev_account(storage_worker_uri(number)))
    admin.hire("StorageWorkingGroup", 0, dev_account(STORAGE_LEAD), lead=True)
    for number in range(max(len(preset.distributors), SPARE_WORKERS)):
        admin.hire("DistributionWorkingGroup", 4, dev_account(distribution_worker_uri(number)))
    admin.hire("DistributionWorkingGroup", 1, dev_account(DISTRIBUTION_LEAD), lead=True)
    admin.set_parameter("storage_buckets_per_bag_limit", limits.max_storage_buckets_per_bag)
    admin.set_parameter("distribution_buckets_per_bag_limit", limits.max_distribution_buckets_per_bag)
    admin.set_parameter("voucher_max_limits", (HUGE, HUGE))
    admin.create_family()


def _settle_storage(ledger: Ledger, admin: Administrator, nodes: tuple[bytes, ...]) -> None:
    for number, metadata in enumerate(nodes):
        bucket = ledger.storage_buckets.get(number)
        if bucket is None:
            admin.create_storage_bucket(worker_id=number, metadata=metadata)
        elif isinstance(bucket.operator_status, Operated) and bucket.operator_status.worker_id == number:
            admin.set_storage_metadata(number, number, metadata)


def _settle_distribution(ledger: Ledger, admin: Administrator, nodes: tuple[bytes, ...]) -> None:
    for number, metadata in enumerate(nodes):
        bucket = ledger.distribution_buckets.get((FAMILY, number))
        if bucket is None:
            bucket_id = admin.create_distribution_bucket(FAMILY)
            admin.add_distribution_operator(bucket_id, number, metadata)
        elif number in bucket.operators:
            admin.set_distribution_metadata(number, f"{FAMILY}:{number}", metadata)


def _settle_policies(admin: Administrator, preset: DevPreset, limits: Limits) -> None:
    storage = min(len(preset.storage), limits.max_storage_buckets_per_bag)
    distribution = min(len(preset.distributors), limits.max_distribution_buckets_per_bag)
    for kind in ("channel", "member"):
        if storage >= limits.min_storage_buckets_per_bag:
            admin.set_parameter(f"{kind}_storage_buckets", storage)
        if distribution >= limits.min_distribution_buckets_per_bag:
            admin.set_parameter(f"{kind}_families", {FAMILY: distribution})


def _settle_channel(ledger: Ledger, admin: Administrator, preset: DevPreset) -> None:
    if len(preset.storage) < ledger.limits.min_storage_buckets_per_bag:
        return
    if CHANNEL not in ledger.channels:
        if ledger.next_channel_id.value == CHANNEL:
            admin.create_channel(CHANNEL_OWNER_ID)
        return
    bag = ledger.bags[SAMPLE_BAG]
    storage = range(min(len(preset.storage), ledger.limits.max_storage_buckets_per_bag))
    delivering = {str(bucket) for bucket in bag.distributed_by}
    distribution = range(min(len(preset.distributors), ledger.limits.max_distribution_buckets_per_bag))
    admin.bind_bag(
        SAMPLE_BAG,
        add_storage=[number for number in storage if number not in bag.stored_by],
        add_distribution=[f"{FAMILY}:{n}" for n in distribution if f"{FAMILY}:{n}" not in delivering],
    )
