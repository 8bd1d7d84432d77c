"""Buckets and bags to plan with."""

from collections.abc import Sequence
from dataclasses import replace

from joygrpc.chain import ChainBag, ChainStorageBucket
from joygrpc.cli.storage.leader.bulk.facts import Facts
from joygrpc.content import BagId


def bucket(bucket_id: int, *, size_limit: int = 1000, used: int = 0, **changes: object) -> ChainStorageBucket:
    plain = ChainStorageBucket(bucket_id, "active", bucket_id, "5C", True, size_limit, 1000, used, used)
    return replace(plain, **changes)  # type: ignore[arg-type]


def bag(number: int, stored_by: Sequence[int], size: int = 10) -> ChainBag:
    return ChainBag(BagId.channel(number), frozenset(stored_by), frozenset(), size, 1)


def facts_of(buckets: Sequence[ChainStorageBucket], bags: Sequence[ChainBag], bag_limit: int = 13) -> Facts:
    """Facts with vouchers that fit the bags, as on chain."""
    counted = []
    for one in buckets:
        held = [b for b in bags if one.bucket_id in b.stored_by]
        counted.append(
            replace(
                one, size_used=sum(b.objects_total_size for b in held), objects_used=sum(b.objects_number for b in held)
            )
        )
    return Facts.of(counted, bags, bag_limit)
