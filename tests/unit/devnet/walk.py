"""A walk through what leads, operators and owners may try, allowed or not."""

import random
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from joygrpc.devnet.ledger import bags
from joygrpc.devnet.ledger.bags import NewObject, Upload
from joygrpc.devnet.ledger.records import Operated

from .worlds import BAG, DISTRIBUTION_LEAD, OWNER, STATIC_BAG, STORAGE_LEAD, World, content_id

_ABSENT = 99
_MISTAKES = 0.1


class Walk:
    """Steps by chance; mostly they name what exists, so that many pass."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed)
        self.lowered: int | None = None
        """The bucket whose limits the last step set."""
        self.seen: Counter[str] = Counter()
        """Names of all events so far."""
        rare = [self.delete_bucket, self.dismiss, self.delete_channel, self.delete_family, self.delete_delivering]
        common = [
            self.create_bucket, self.set_limits, self.bind, self.create_family, self.create_delivering, self.bind_delivering,
            self.set_families, self.set_bond, self.ban, self.create_channel, self.upload, self.delete_objects, self.move,
            self.replace, self.accept,
        ]  # fmt: skip
        self._actions: list[Callable[[], Any]] = rare + common * 3

    def step(self) -> None:
        """One step; raises DispatchFailure when it is refused, and then nothing has changed."""
        self.lowered = None
        action = self.chance.choice(self._actions)
        with self.world.ledger.attempt():
            action()
        self.seen.update(event.name for event in self.world.ledger.take_events())

    def one(self, ids: Collection[Any]) -> Any:
        if not ids or self.chance.random() < _MISTAKES:
            return _ABSENT
        return self.chance.choice(sorted(ids))

    def some(self, ids: Collection[Any], most: int = 2) -> list[Any]:
        return sorted({self.one(ids) for _ in range(self.chance.randrange(most + 1))})

    def bag(self) -> str:
        return str(self.chance.choice([STATIC_BAG, *self.world.ledger.bags]))

    def call(self, signer: str, name: str, **arguments: Any) -> None:
        self.seen.update(event.name for event in self.world.call(signer, "Storage", name, **arguments))

    def lead(self, name: str, **arguments: Any) -> None:
        self.call(STORAGE_LEAD, name, **arguments)

    def distribute(self, name: str, **arguments: Any) -> None:
        self.call(DISTRIBUTION_LEAD, name, **arguments)

    def new_objects(self) -> tuple[NewObject, ...]:
        numbers = [self.chance.randrange(200) for _ in range(self.chance.randrange(4))]
        return tuple(NewObject(1 + number % 40, content_id(number)) for number in numbers)

    # Storage buckets

    def create_bucket(self) -> None:
        if len(self.world.ledger.storage_buckets) < 6:
            self.world.storage_bucket(self.chance.randrange(3), size_limit=400, objects_limit=30)

    def delete_bucket(self) -> None:
        self.lead("delete_storage_bucket", storage_bucket_id=self.one(self.world.ledger.storage_buckets))

    def dismiss(self) -> None:
        bucket_id = self.one(self.world.ledger.storage_buckets)
        self.lead("remove_storage_bucket_operator", storage_bucket_id=bucket_id)
        if self.chance.random() < 0.8:
            self.lead("invite_storage_bucket_operator", storage_bucket_id=bucket_id, operator_id=1)
            self.world.accept_storage(bucket_id, 1)

    def set_limits(self) -> None:
        bucket_id = self.one(self.world.ledger.storage_buckets)
        self.lead(
            "set_storage_bucket_voucher_limits",
            storage_bucket_id=bucket_id,
            new_objects_size_limit=self.chance.randrange(600),
            new_objects_number_limit=self.chance.randrange(40),
        )
        self.lowered = bucket_id

    def bind(self) -> None:
        bag = self.bag()
        held = self.world.ledger.bags[bag].stored_by if bag in self.world.ledger.bags else ()
        buckets = self.world.ledger.storage_buckets
        self.lead(
            "update_storage_buckets_for_bag", bag_id=bag, add_buckets=self.some(buckets), remove_buckets=self.some(held)
        )

    def accept(self) -> None:
        bag = self.bag()
        stored = self.world.ledger.bags.get(bag)
        bucket_id = self.one(stored.stored_by if stored else ())
        bucket = self.world.ledger.storage_buckets.get(bucket_id)
        status = bucket.operator_status if bucket else None
        signer, worker = (status.transactor, status.worker_id) if isinstance(status, Operated) else (OWNER, 0)
        self.call(
            signer,
            "accept_pending_data_objects",
            worker_id=worker,
            storage_bucket_id=bucket_id,
            bag_id=bag,
            data_objects=self.some(self.world.ledger.objects.group(bag), 3),
        )

    # Distribution buckets

    def create_family(self) -> None:
        if len(self.world.ledger.families) < 3:
            self.world.admin.create_family()

    def delete_family(self) -> None:
        self.distribute("delete_distribution_bucket_family", family_id=self.one(self.world.ledger.families))

    def create_delivering(self) -> None:
        self.world.distribution_bucket(self.one(self.world.ledger.families))

    def delete_delivering(self) -> None:
        key = self.one(self.world.ledger.distribution_buckets)
        self.distribute("delete_distribution_bucket", bucket_id="9:9" if key == _ABSENT else f"{key[0]}:{key[1]}")

    def bind_delivering(self) -> None:
        bag, family = self.bag(), self.one(self.world.ledger.families)
        stored = self.world.ledger.bags.get(bag)
        delivering = [bucket.index for bucket in stored.distributed_by if bucket.family == family] if stored else []
        self.distribute(
            "update_distribution_buckets_for_bag",
            bag_id=bag,
            family_id=family,
            add_buckets_indices=self.some(self.world.ledger.distribution_buckets.group(family)),
            remove_buckets_indices=self.some(delivering),
        )

    def set_families(self) -> None:
        self.distribute(
            "update_families_in_dynamic_bag_creation_policy",
            dynamic_bag_type=self.chance.choice(["Member", "Channel"]),
            families={self.one(self.world.ledger.families): self.chance.randrange(3)},
        )

    # Parameters

    def set_bond(self) -> None:
        self.lead("update_data_object_state_bloat_bond", state_bloat_bond=self.chance.choice([0, 10**7, 10**8]))

    def ban(self) -> None:
        hashes = [content_id(self.chance.randrange(30)) for _ in range(4)]
        self.lead("update_blacklist", remove_hashes=sorted(set(hashes[:3])), add_hashes=hashes[3:])

    # Channels and objects

    def create_channel(self) -> None:
        if len(self.world.ledger.bags) < 5:
            self.world.admin.create_channel(0, objects=self.new_objects())

    def delete_channel(self) -> None:
        """As far as the storage pallet is concerned."""
        dynamic = [bag for bag in self.world.ledger.bags if bag != STATIC_BAG]
        bags.delete_dynamic_bag(self.world.ledger, OWNER, self.chance.choice([BAG, *dynamic]))

    def upload(self) -> None:
        self.world.admin.create_objects(self.bag(), self.new_objects())

    def delete_objects(self) -> None:
        bag = self.bag()
        self.world.admin.delete_objects(bag, self.some(self.world.ledger.objects.group(bag)))

    def move(self) -> None:
        bag = self.bag()
        self.world.admin.move_objects(bag, self.bag(), self.some(self.world.ledger.objects.group(bag)))

    def replace(self) -> None:
        bag, ledger = self.bag(), self.world.ledger
        upload = Upload(OWNER, self.new_objects(), ledger.data_size_fee.value, ledger.object_bloat_bond.value)
        bags.replace_objects(ledger, bag, upload, self.some(ledger.objects.group(bag)))
