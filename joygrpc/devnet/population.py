"""Many channels with many objects at once, to see how clients cope with a large network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from joygrpc.content import encode_multihash
from joygrpc.devnet.administrator import Administrator
from joygrpc.devnet.ledger.bags import NewObject
from joygrpc.devnet.ledger.calls import Origin
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.ledger.records import Operated


@dataclass(frozen=True, slots=True)
class Population:
    """Channels of one member that are all alike: `objects` in each, of `size` bytes, accepted or not.

    The objects have content ids of their own, but no content: no node can hold them. The channels are in buckets that
    fit the creation policy unless given.
    """

    member: int
    objects: int
    size: int
    accepted: bool = False
    storage_buckets: Sequence[int] | None = None
    distribution_buckets: Sequence[str] | None = None

    def add_channels(self, ledger: Ledger, count: int, admin: Administrator) -> None:
        """Make so many of the channels."""
        for _ in range(count):
            first = ledger.next_object_id.value
            made = admin.create_channel(
                self.member,
                storage_buckets=self.storage_buckets,
                distribution_buckets=self.distribution_buckets,
                objects=[NewObject(self.size, invented_content_id(first + n)) for n in range(self.objects)],
            )
            if self.accepted and made.object_ids:
                _accept(ledger, admin, made.bag_id, made.object_ids)


def invented_content_id(number: int) -> bytes:
    """A content id that looks like any other; each number has its own."""
    return encode_multihash(number.to_bytes(32, "big")).encode()


def _accept(ledger: Ledger, admin: Administrator, bag_id: str, object_ids: Sequence[int]) -> None:
    """Accept objects as the first operator of the bag's buckets does; objects of a bag without operators stay as they are."""
    for bucket_id in sorted(ledger.bags[bag_id].stored_by):
        match ledger.storage_buckets[bucket_id].operator_status:
            case Operated(worker_id=worker_id, transactor=transactor):
                admin.dispatch(
                    Origin.signed(transactor),
                    "Storage",
                    "accept_pending_data_objects",
                    worker_id=worker_id,
                    storage_bucket_id=bucket_id,
                    bag_id=bag_id,
                    data_objects=list(object_ids),
                )
                return
