"""The `dev` preset: a chain on which a whole network can start at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from joygrpc.devnet.accounts import dev_account
from joygrpc.devnet.administrator import HUGE, Administrator
from joygrpc.devnet.limits import Limits

DEV_URIS: Final = ("//Alice", "//Bob", "//Charlie", "//Dave", "//Eve", "//Ferdie")
STORAGE_LEAD: Final = "//testing//lead//Storage"
DISTRIBUTION_LEAD: Final = "//testing//lead//Distribution"
CHANNEL_OWNER: Final = "//Charlie"
FAMILY: Final = 0


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


def seed_dev(admin: Administrator, preset: DevPreset, limits: Limits) -> None:
    """Fill a new chain: funded accounts, leads, workers, buckets with operators, and channel 1 in all buckets.

    Members: 0 //Alice (storage lead), 1 //Bob (distribution lead), 2 //Charlie (owner of channel 1),
    3 //Dave (storage workers), 4 //Eve (distribution workers), 5 //Ferdie.
    """
    for uri in DEV_URIS:
        admin.fund(dev_account(uri))
        admin.create_member(dev_account(uri), handle=uri.removeprefix("//").lower())
    # Workers first, so that worker i runs bucket i.
    for number in range(len(preset.storage)):
        admin.hire("StorageWorkingGroup", 3, dev_account(storage_worker_uri(number)))
    admin.hire("StorageWorkingGroup", 0, dev_account(STORAGE_LEAD), lead=True)
    for number in range(len(preset.distributors)):
        admin.hire("DistributionWorkingGroup", 4, dev_account(distribution_worker_uri(number)))
    admin.hire("DistributionWorkingGroup", 1, dev_account(DISTRIBUTION_LEAD), lead=True)

    admin.set_parameter("storage_buckets_per_bag_limit", limits.max_storage_buckets_per_bag)
    admin.set_parameter("distribution_buckets_per_bag_limit", limits.max_distribution_buckets_per_bag)
    admin.set_parameter("voucher_max_limits", (HUGE, HUGE))
    for number, metadata in enumerate(preset.storage):
        admin.create_storage_bucket(worker_id=number, metadata=metadata)
    admin.create_family()
    for number, metadata in enumerate(preset.distributors):
        bucket_id = admin.create_distribution_bucket(FAMILY)
        admin.add_distribution_operator(bucket_id, number, metadata)

    wanted_storage = min(len(preset.storage), limits.max_storage_buckets_per_bag)
    wanted_distribution = min(len(preset.distributors), limits.max_distribution_buckets_per_bag)
    for kind in ("channel", "member"):
        if wanted_storage >= limits.min_storage_buckets_per_bag:
            admin.set_parameter(f"{kind}_storage_buckets", wanted_storage)
        if wanted_distribution:
            admin.set_parameter(f"{kind}_families", {FAMILY: wanted_distribution})
    if wanted_storage >= limits.min_storage_buckets_per_bag:
        admin.create_channel(2)


def refresh_dev(admin: Administrator, preset: DevPreset) -> None:
    """Say anew where the nodes of the preset are, on a chain that was seeded before: their ports may have changed."""
    for number, metadata in enumerate(preset.storage):
        admin.set_storage_metadata(number, number, metadata)
    for number, metadata in enumerate(preset.distributors):
        admin.set_distribution_metadata(number, f"{FAMILY}:{number}", metadata)
