"""A small chain to try rules on: a ledger with leads, workers, members and buckets, without blocks."""

from collections.abc import Sequence
from typing import Any

from joygrpc.devnet.accounts import dev_account
from joygrpc.devnet.administrator import HUGE, Administrator
from joygrpc.devnet.events import Event
from joygrpc.devnet.ledger.bags import NewObject
from joygrpc.devnet.ledger.balances import TREASURY
from joygrpc.devnet.ledger.calls import Call, Origin
from joygrpc.devnet.ledger.dispatch import Dispatcher
from joygrpc.devnet.ledger.failures import BadOrigin, DispatchFailure, ModuleError
from joygrpc.devnet.ledger.ledger import Ledger
from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime

STORAGE_LEAD = dev_account("//storage-lead")
DISTRIBUTION_LEAD = dev_account("//distribution-lead")
STORAGE_WORKERS = [dev_account(f"//storage-worker//{number}") for number in range(3)]
DISTRIBUTION_WORKERS = [dev_account(f"//distribution-worker//{number}") for number in range(3)]
OWNER = dev_account("//owner")
STRANGER = dev_account("//stranger")
BAG = "dynamic:channel:1"
STATIC_BAG = "static:wg:storage"


def content_id(number: int) -> bytes:
    return f"gW{number:044d}".encode()


class World:
    """Workers 0 to 2 of each group, member 0 owning what channels there are, limits set, no buckets yet."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.runtime = build_runtime(self.limits)
        self.ledger = Ledger(self.limits)
        self.dispatcher = Dispatcher(self.ledger, self.runtime)
        self.admin = Administrator(self.ledger, self.dispatcher)
        # As at genesis.
        self.admin.fund(TREASURY, self.limits.existential_deposit)
        self.admin.fund(OWNER)
        self.admin.fund(STRANGER)
        self.admin.create_member(OWNER, handle="owner")
        for account in STORAGE_WORKERS:
            self.admin.hire("StorageWorkingGroup", 0, account)
        self.admin.hire("StorageWorkingGroup", 0, STORAGE_LEAD, lead=True)
        for account in DISTRIBUTION_WORKERS:
            self.admin.hire("DistributionWorkingGroup", 0, account)
        self.admin.hire("DistributionWorkingGroup", 0, DISTRIBUTION_LEAD, lead=True)
        self.admin.set_parameter("voucher_max_limits", (HUGE, HUGE))
        self.admin.set_parameter("storage_buckets_per_bag_limit", 3)
        self.admin.set_parameter("distribution_buckets_per_bag_limit", 3)
        self.ledger.take_events()

    def call(self, signer: str | None, pallet: str, name: str, **arguments: Any) -> tuple[Event, ...]:
        """Makes a call as an extrinsic would; its events also fit the metadata."""
        calls = self.runtime.calls
        call = Call.from_scale(calls.decode(calls.encode(Call(pallet, name, arguments).to_scale())))
        events = self.dispatcher.dispatch(Origin(signer), call)
        for event in events:
            self.runtime.events.encode({event.pallet: {event.name: event.fields}})
        return events

    def refusal(self, signer: str | None, pallet: str, name: str, **arguments: Any) -> str:
        """Makes a call that must fail and change nothing; the error's name."""
        before = self.snapshot()
        try:
            self.call(signer, pallet, name, **arguments)
        except DispatchFailure as failure:
            assert self.snapshot() == before, "a failed call has changed something"
            if isinstance(failure, ModuleError):
                self.dispatcher.error_value(failure)
            return "BadOrigin" if isinstance(failure, BadOrigin) else str(failure)
        raise AssertionError(f"{pallet}.{name} passed")

    def snapshot(self) -> dict[str, dict[Any, Any]]:
        return {f"{table.pallet}.{table.item}": dict(table.items()) for table in self.ledger.tables()}

    def storage_bucket(self, worker: int | None = 0, **options: Any) -> int:
        return self.admin.create_storage_bucket(worker_id=worker, **options)

    def accept_storage(self, bucket: int, worker: int, transactor: str | None = None) -> None:
        """The invited worker takes over a storage bucket; the transactor is its own account unless given."""
        self.call(
            STORAGE_WORKERS[worker],
            "Storage",
            "accept_storage_bucket_invitation",
            worker_id=worker,
            storage_bucket_id=bucket,
            transactor_account_id=transactor or STORAGE_WORKERS[worker],
        )

    def accept_delivery(self, bucket: str, worker: int) -> None:
        """The invited worker becomes an operator of a distribution bucket."""
        signer, name = DISTRIBUTION_WORKERS[worker], "accept_distribution_bucket_invitation"
        self.call(signer, "Storage", name, worker_id=worker, bucket_id=bucket)

    def distribution_bucket(self, family: int = 0, worker: int | None = None) -> str:
        bucket_id = self.admin.create_distribution_bucket(family)
        if worker is not None:
            self.admin.add_distribution_operator(bucket_id, worker)
        return bucket_id

    def channel(self, storage: Sequence[int] = (), distribution: Sequence[str] = ()) -> str:
        """A channel in exactly these buckets."""
        self.admin.set_parameter("channel_storage_buckets", len(storage))
        families: dict[int, int] = {}
        for bucket_id in distribution:
            family = int(bucket_id.split(":")[0])
            families[family] = families.get(family, 0) + 1
        if families:
            self.admin.set_parameter("channel_families", families)
        return self.admin.create_channel(0, storage_buckets=storage, distribution_buckets=distribution).bag_id

    def objects(self, bag: str, *sizes: int) -> list[int]:
        first = self.ledger.next_object_id.value
        new = [NewObject(size, content_id(first + offset)) for offset, size in enumerate(sizes)]
        return self.admin.create_objects(bag, new)


def names(events: Sequence[Event]) -> list[str]:
    return [f"{event.pallet}.{event.name}" for event in events]


def storage_names(events: Sequence[Event]) -> list[str]:
    """Names of the storage pallet's events."""
    return [event.name for event in events if event.pallet == "Storage"]
