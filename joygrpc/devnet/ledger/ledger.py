"""The ledger: everything the devnet's chain knows at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joygrpc.devnet.events import EVENT_FIELDS, Event
from joygrpc.devnet.ledger.records import (
    Account,
    AccountInfo,
    Bag,
    BagText,
    Channel,
    CreationPolicy,
    DataObject,
    DistributionBucket,
    Family,
    Member,
    StorageBucket,
    Worker,
)
from joygrpc.devnet.ledger.tables import Cell, Counter, GroupedTable, Journal, Table
from joygrpc.devnet.limits import Limits

DATA_SIZE_FEE = 8_333_330
STATE_BLOAT_BOND = 15_000_000
CHANNEL_BLOAT_BOND = 400_000_000
MEMBERSHIP_PRICE = 166_666_666_666
INITIAL_INVITATIONS = 5


class WorkingGroup:
    """Workers and lead of one group."""

    def __init__(self, journal: Journal, pallet: str) -> None:
        self.pallet = pallet
        self.next_worker_id = Counter(journal, pallet, "NextWorkerId")
        self.workers: Table[int, Worker] = Table(journal, pallet, "WorkerById")
        self.active_workers = Cell(journal, pallet, "ActiveWorkerCount", 0)
        self.lead: Cell[int | None] = Cell(journal, pallet, "CurrentLead", None)
        self.budget = Cell(journal, pallet, "Budget", 0)


class Ledger:
    """State, and the events of the block being made.

    Every change goes through a journal: `attempt()` takes back what a failed call did, `commit()` tells what a block changed.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.block_number = 0
        self.extrinsic_index: int | None = None
        self.journal = journal = Journal()
        self._events: list[Event] = []

        self.accounts: Table[Account, AccountInfo] = Table(journal, "System", "Account")
        self.total_issuance = Cell(journal, "Balances", "TotalIssuance", 0)

        self.next_member_id = Counter(journal, "Members", "NextMemberId")
        self.members: Table[int, Member] = Table(journal, "Members", "MembershipById")
        self.member_by_handle: Table[str, int] = Table(journal, "Members", "MemberIdByHandleHash")
        self.membership_price = Cell(journal, "Members", "MembershipPrice", MEMBERSHIP_PRICE)
        self.initial_invitations = Cell(journal, "Members", "InitialInvitationCount", INITIAL_INVITATIONS)

        self.storage_group = WorkingGroup(journal, "StorageWorkingGroup")
        self.distribution_group = WorkingGroup(journal, "DistributionWorkingGroup")

        self.next_channel_id = Counter(journal, "Content", "NextChannelId", first=1)
        self.channels: Table[int, Channel] = Table(journal, "Content", "ChannelById")
        self.channel_bloat_bond = Cell(journal, "Content", "ChannelStateBloatBondValue", CHANNEL_BLOAT_BOND)

        self.uploading_blocked = Cell(journal, "Storage", "UploadingBlocked", False)
        self.bags: Table[BagText, Bag] = Table(journal, "Storage", "Bags")
        self.next_storage_bucket_id = Counter(journal, "Storage", "NextStorageBucketId")
        self.next_object_id = Counter(journal, "Storage", "NextDataObjectId")
        self.storage_buckets: Table[int, StorageBucket] = Table(journal, "Storage", "StorageBucketById")
        self.blacklist: Table[bytes, tuple[()]] = Table(journal, "Storage", "Blacklist")
        self.blacklist_size = Cell(journal, "Storage", "CurrentBlacklistSize", 0)
        self.data_size_fee = Cell(journal, "Storage", "DataObjectPerMegabyteFee", DATA_SIZE_FEE)
        self.storage_buckets_per_bag = Cell(journal, "Storage", "StorageBucketsPerBagLimit", 0)
        self.voucher_max_size = Cell(journal, "Storage", "VoucherMaxObjectsSizeLimit", 0)
        self.voucher_max_number = Cell(journal, "Storage", "VoucherMaxObjectsNumberLimit", 0)
        self.object_bloat_bond = Cell(journal, "Storage", "DataObjectStateBloatBondValue", STATE_BLOAT_BOND)
        self.policies: Table[str, CreationPolicy] = Table(journal, "Storage", "DynamicBagCreationPolicies")
        self.objects: GroupedTable[BagText, int, DataObject] = GroupedTable(journal, "Storage", "DataObjectsById")
        self.next_family_id = Counter(journal, "Storage", "NextDistributionBucketFamilyId")
        self.families: Table[int, Family] = Table(journal, "Storage", "DistributionBucketFamilyById")
        self.distribution_buckets: GroupedTable[int, int, DistributionBucket] = GroupedTable(
            journal, "Storage", "DistributionBucketByFamilyIdById"
        )
        self.family_number = Cell(journal, "Storage", "DistributionBucketFamilyNumber", 0)
        self.distribution_buckets_per_bag = Cell(journal, "Storage", "DistributionBucketsPerBagLimit", 0)

    def emit(self, pallet: str, name: str, *values: Any) -> None:
        """Add an event; the values in the order of its `EVENT_FIELDS`."""
        fields = dict(zip(EVENT_FIELDS[pallet][name], values, strict=True))
        self._events.append(Event(pallet, name, fields, self.extrinsic_index))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Make what happens inside all or nothing: an exception takes back changes and events, and goes on."""
        mark, event_count = self.journal.mark(), len(self._events)
        try:
            yield
        except BaseException:
            self.journal.undo(mark)
            del self._events[event_count:]
            raise

    def take_events(self) -> tuple[Event, ...]:
        """The events so far, in order; the next ones start a new list."""
        events = tuple(self._events)
        self._events.clear()
        return events

    def cells(self) -> list[Cell[Any]]:
        """All single values."""
        holders = (self, self.storage_group, self.distribution_group)
        return [value for holder in holders for value in vars(holder).values() if isinstance(value, Cell)]

    def tables(self) -> list[Table[Any, Any]]:
        """All tables, those behind the single values included."""
        holders = (self, self.storage_group, self.distribution_group)
        maps = [value for holder in holders for value in vars(holder).values() if isinstance(value, Table)]
        return maps + [cell.table for cell in self.cells()]

    def __repr__(self) -> str:
        return f"<Ledger at block {self.block_number}: {len(self.bags)} bags, {len(self.objects)} objects>"
