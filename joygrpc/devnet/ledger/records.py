"""What the ledger remembers; field names are those of the chain's records. All immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from joygrpc.content import DistributionBucketId

Account = str
"""An account id: `0x` and 64 hex digits."""
BagText = str
"""A bag id in its canonical text form."""


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's money."""

    free: int = 0
    reserved: int = 0
    misc_frozen: int = 0
    fee_frozen: int = 0


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account: its nonce and its money."""

    nonce: int = 0
    consumers: int = 0
    providers: int = 1
    sufficients: int = 0
    data: Balance = Balance()

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**{**value, "data": Balance(**value["data"])})


@dataclass(frozen=True, slots=True)
class Member:
    """A member; the controller account acts for it."""

    handle_hash: str
    root_account: Account
    controller_account: Account
    verified: bool = False
    invites: int = 0

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker of a group; the role account acts for it."""

    member_id: int
    role_account_id: Account
    staking_account_id: Account
    reward_account_id: Account
    started_leaving_at: int | None = None
    job_unstaking_period: int = 0
    reward_per_block: int | None = None
    missed_reward: int | None = None
    created_at: int = 0

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class RepayableBond:
    """Money held for the space that something takes on chain."""

    amount: int
    repayment_restricted_to: Account | None = None

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class DataObject:
    """An object of a bag."""

    accepted: bool
    state_bloat_bond: RepayableBond
    size: int
    ipfs_content_id: bytes

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**{**value, "state_bloat_bond": RepayableBond.from_scale(value["state_bloat_bond"])})


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag: the buckets that hold and deliver it, and what is in it."""

    stored_by: frozenset[int] = frozenset()
    distributed_by: frozenset[DistributionBucketId] = frozenset()
    objects_total_size: int = 0
    objects_number: int = 0

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        distributed_by = frozenset(map(DistributionBucketId.parse, value["distributed_by"]))
        return cls(**{**value, "stored_by": frozenset(value["stored_by"]), "distributed_by": distributed_by})


@dataclass(frozen=True, slots=True)
class Voucher:
    """How much a storage bucket may hold, and how much it does."""

    size_limit: int
    objects_limit: int
    size_used: int = 0
    objects_used: int = 0

    def to_scale(self) -> dict[str, object]:
        """As events carry it."""
        return {
            "size_limit": self.size_limit,
            "objects_limit": self.objects_limit,
            "size_used": self.size_used,
            "objects_used": self.objects_used,
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """A storage bucket without an operator."""

    def to_scale(self) -> str:
        """In the form that the codec writes."""
        return "Missing"


@dataclass(frozen=True, slots=True)
class Invited:
    """A storage bucket whose operator was asked and has not answered."""

    worker_id: int

    def to_scale(self) -> dict[str, object]:
        """In the form that the codec writes."""
        return {"InvitedStorageWorker": self.worker_id}


@dataclass(frozen=True, slots=True)
class Operated:
    """A storage bucket with an operator; `transactor` signs for accepted objects."""

    worker_id: int
    transactor: Account

    def to_scale(self) -> dict[str, object]:
        """In the form that the codec writes."""
        return {"StorageWorker": (self.worker_id, self.transactor)}


OperatorStatus = Missing | Invited | Operated


def operator_status_from_scale(value: Any) -> OperatorStatus:
    """From a decoded `StorageBucketOperatorStatus`."""
    match value:
        case {"InvitedStorageWorker": worker_id}:
            return Invited(worker_id)
        case {"StorageWorker": (worker_id, transactor)}:
            return Operated(worker_id, transactor)
    return Missing()


@dataclass(frozen=True, slots=True)
class StorageBucket:
    """A storage bucket."""

    operator_status: OperatorStatus
    accepting_new_bags: bool
    voucher: Voucher
    assigned_bags: int = 0

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        status = operator_status_from_scale(value["operator_status"])
        return cls(**{**value, "operator_status": status, "voucher": Voucher(**value["voucher"])})


@dataclass(frozen=True, slots=True)
class Family:
    """A distribution bucket family."""

    next_distribution_bucket_index: int = 0

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class DistributionBucket:
    """A distribution bucket."""

    accepting_new_bags: bool
    distributing: bool = True
    pending_invitations: frozenset[int] = frozenset()
    operators: frozenset[int] = frozenset()
    assigned_bags: int = 0

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        sets = {name: frozenset(value[name]) for name in ("pending_invitations", "operators")}
        return cls(**{**value, **sets})


@dataclass(frozen=True, slots=True)
class CreationPolicy:
    """How many buckets a new dynamic bag gets: storage buckets, and distribution buckets per family."""

    number_of_storage_buckets: int
    families: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel; `owner` and `collaborators` in the form of decoded calls."""

    owner: Mapping[str, int]
    channel_state_bloat_bond: RepayableBond
    collaborators: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    data_objects: frozenset[int] = frozenset()
    num_videos: int = 0

    def to_scale(self) -> dict[str, object]:
        """The whole record of the chain: what the devnet does not know of is as in a new channel."""
        bond = self.channel_state_bloat_bond
        daily, weekly = 14_400, 100_800  # blocks of 6 s
        unused = {"counter": 0, "last_updated": 0}
        return {
            "owner": dict(self.owner),
            "num_videos": self.num_videos,
            "collaborators": {member: list(rights) for member, rights in self.collaborators.items()},
            "cumulative_reward_claimed": 0,
            "privilege_level": 0,
            "paused_features": [],
            "transfer_status": "NoActiveTransfer",
            "data_objects": sorted(self.data_objects),
            "daily_nft_limit": {"limit": 10, "block_number_period": daily},
            "weekly_nft_limit": {"limit": 40, "block_number_period": weekly},
            "daily_nft_counter": unused,
            "weekly_nft_counter": unused,
            "creator_token_id": None,
            "channel_state_bloat_bond": {
                "repayment_restricted_to": bond.repayment_restricted_to,
                "amount": bond.amount,
            },
        }

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From the decoded record."""
        return cls(
            owner=value["owner"],
            channel_state_bloat_bond=RepayableBond.from_scale(value["channel_state_bloat_bond"]),
            collaborators={member: tuple(rights) for member, rights in value["collaborators"].items()},
            data_objects=frozenset(value["data_objects"]),
            num_videos=value["num_videos"],
        )
