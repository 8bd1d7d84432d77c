"""Argument values as substrate-interface takes them, from our own types."""

from collections.abc import Collection, Mapping

from joygrpc.content.ids import DistributionBucketId


def bucket_value(bucket_id: str) -> Mapping[str, int]:
    """A distribution bucket id (`family:index`) as a record."""
    bucket = DistributionBucketId.parse(bucket_id)
    return {"distribution_bucket_family_id": bucket.family, "distribution_bucket_index": bucket.index}


def buckets_value(bucket_ids: Collection[str]) -> list[Mapping[str, int]]:
    """A set of distribution bucket ids, in the chain's order."""
    return [bucket_value(bucket) for bucket in sorted(set(bucket_ids), key=DistributionBucketId.parse)]


def numbers_value(numbers: Collection[int]) -> list[int]:
    """A set of numbers, in the chain's order."""
    return sorted(set(numbers))


def bytes_value(data: bytes) -> str:
    """Bytes as hex text: scalecodec would take other text for UTF-8."""
    return "0x" + data.hex()
