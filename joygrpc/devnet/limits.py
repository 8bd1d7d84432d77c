"""The runtime's constants and fees, as the devnet sets them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Constants of the runtime; sizes in bytes, money in the smallest unit (1 JOY = 10^10).

    The defaults are those of the chain's playground, which differs from mainnet in letting a bag have a single
    storage bucket; `MAINNET` has mainnet's.
    """

    blacklist_size: int = 1_000
    min_storage_buckets_per_bag: int = 1
    max_storage_buckets_per_bag: int = 13
    min_distribution_buckets_per_bag: int = 1
    max_distribution_buckets_per_bag: int = 51
    default_storage_buckets_per_member_bag: int = 1
    default_storage_buckets_per_channel_bag: int = 1
    max_distribution_families: int = 200
    max_pending_invitations: int = 20
    max_distribution_operators: int = 20
    max_object_size: int = 64_424_509_440
    max_workers: int = 50
    max_channel_assets: int = 10_000
    """Mainnet has 10; here a channel stands for its videos too."""
    max_batched_calls: int = 10_922
    existential_deposit: int = 266_666_560
    transaction_fee: int = 10_000_000
    """Taken from the signer of each extrinsic, whatever it does."""


MAINNET = Limits(
    min_storage_buckets_per_bag=3,
    default_storage_buckets_per_member_bag=5,
    default_storage_buckets_per_channel_bag=5,
    max_channel_assets=10,
)
