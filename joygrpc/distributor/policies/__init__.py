"""Cache policies: what leaves the cache first."""

from joygrpc.config import DistributorExtras
from joygrpc.distributor.policies.lru_sp import LruSp
from joygrpc.distributor.policies.policy import CachePolicy, Pinned, Standing
from joygrpc.distributor.policies.s3_fifo import S3Fifo
from joygrpc.distributor.policies.split import Split

__all__ = ["CachePolicy", "LruSp", "Pinned", "S3Fifo", "Split", "Standing", "configured_policy"]


def configured_policy(extras: DistributorExtras) -> CachePolicy:
    """The policy that the configuration names."""
    match extras.cache_policy:
        case "lru_sp":
            return LruSp()
        case "s3_fifo":
            return S3Fifo()
        case "split":
            return Split(extras.cache_small_object, extras.cache_small_share)
