"""What the rest of the program may ask of the chain, and what it answers."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from joygrpc.content import BagId

BatchMode = Literal["single", "batch", "batch_all", "force_batch"]
OperatorStatus = Literal["missing", "invited", "active"]
WorkingGroup = Literal["storage", "distribution"]


@dataclass(frozen=True, slots=True)
class ChainDataObject:
    """An entry of `Storage.DataObjectsById`."""

    object_id: int
    bag_id: BagId
    size: int
    multihash: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ChainBag:
    """An entry of `Storage.Bags`."""

    bag_id: BagId
    stored_by: frozenset[int]
    distributed_by: frozenset[str]
    """Distribution bucket ids as `family:index`."""
    objects_total_size: int
    objects_number: int


@dataclass(frozen=True, slots=True)
class ChainStorageBucket:
    """An entry of `Storage.StorageBucketById`."""

    bucket_id: int
    operator_status: OperatorStatus
    worker_id: int | None
    transactor: str | None
    """Transactor account as SS58 text with the chain's prefix; only when the operator is active."""
    accepting_new_bags: bool
    size_limit: int
    objects_limit: int
    size_used: int
    objects_used: int


@dataclass(frozen=True, slots=True)
class ChainWorker:
    """An entry of a working group's `WorkerById`."""

    group: WorkingGroup
    worker_id: int
    member_id: int
    role_account: str
    """SS58 text with the chain's prefix."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """A block's number and hash (`0x` and 64 hex digits)."""

    number: int
    block_hash: str


@dataclass(frozen=True, slots=True)
class ChainProperties:
    """What a chain says about itself."""

    name: str
    ss58_prefix: int
    token_symbol: str
    token_decimals: int
    genesis_hash: str
    spec_name: str
    spec_version: int


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One event; `fields` by name, values as substrate-interface decodes them."""

    pallet: str
    name: str
    fields: Mapping[str, object]
    extrinsic_index: int | None


@dataclass(frozen=True, slots=True)
class FinalizedBlock:
    """A finalized block with its events in order."""

    head: ChainHead
    events: tuple[ChainEvent, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be signed: pallet, function in snake case, arguments by name as substrate-interface takes them."""

    pallet: str
    function: str
    args: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one call of a batch, or of the only call.

    `error` is None on success, else the module error as `Pallet.Name`, or the kind of another dispatch error; `interrupted` calls were never run.
    """

    error: str | None
    error_docs: str = ""
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class SubmitOutcome:
    """What became of a transaction.

    `status`: included (in a block that may still be undone), finalized, dropped (never will be included), or unknown (the wait ended or the
    connection broke; the caller asks the chain what is true before it acts). `items` holds one outcome per call when the transaction was
    included; else it is empty.
    """

    status: Literal["included", "finalized", "dropped", "unknown"]
    extrinsic_hash: str
    block: ChainHead | None = None
    items: tuple[ItemOutcome, ...] = ()
    events: tuple[ChainEvent, ...] = field(default=())
    reason: str = ""


class Chain(Protocol):
    """The chain as the nodes see it. Every method raises `ChainUnavailable` when it cannot be reached within its time limit."""

    async def properties(self) -> ChainProperties: ...

    async def chain_type(self) -> str:
        """`Development`, `Local`, `Live`, or a name of its own."""

    async def best_head(self) -> ChainHead: ...

    async def finalized_head(self) -> ChainHead: ...

    async def block_hash(self, number: int) -> str | None:
        """Hash of a block of the best chain, or None when it has none of that number."""

    async def is_syncing(self) -> bool: ...

    async def max_data_object_size(self) -> int: ...

    async def data_object(self, bag_id: BagId, object_id: int) -> ChainDataObject | None:
        """The entry in the best block, or None."""

    async def data_objects(self, keys: Sequence[tuple[BagId, int]]) -> list[ChainDataObject | None]:
        """Many entries in one round trip, in the order of `keys`, in the best block."""

    async def bag(self, bag_id: BagId) -> ChainBag | None:
        """The entry in the best block; a static bag that was never written is an empty one."""

    async def storage_bucket(self, bucket_id: int) -> ChainStorageBucket | None: ...

    async def worker(self, group: WorkingGroup, worker_id: int) -> ChainWorker | None: ...

    async def lead(self, group: WorkingGroup) -> ChainWorker | None: ...

    async def member_controller(self, member_id: int) -> str | None:
        """Controller account of a member as SS58 text with the chain's prefix, or None."""

    async def free_balance(self, account: str) -> int: ...

    async def storage_value(self, pallet: str, item: str, params: Sequence[object] = ()) -> object:
        """Any storage value, as substrate-interface decodes it; for command lines."""

    async def estimate_fee(self, calls: Sequence[Call], signer: str, mode: BatchMode = "single") -> int:
        """Fee in the smallest unit. Raises `SignerLocked` for an account without a key here."""

    async def submit(
        self,
        calls: Sequence[Call],
        signer: str,
        mode: BatchMode = "single",
        wait_for: Literal["included", "finalized"] = "included",
    ) -> SubmitOutcome:
        """Sign with the account `signer` (SS58) and follow the transaction.

        Raises `SignerLocked` without a key for it, and `TransactionRefused` when the chain's pool refuses it for good. Cancelling the wait does not
        take the transaction back.
        """

    def signers(self) -> tuple[str, ...]:
        """Accounts whose keys are unlocked here, as SS58 text with the chain's prefix."""

    async def sign_bytes(self, signer: str, data: bytes) -> bytes:
        """A raw signature of `data` by the account's key; for upload tokens."""

    def finalized_blocks(self, after: int | None) -> AsyncGenerator[FinalizedBlock, None]:
        """Finalized blocks in order without a gap, from `after` + 1 on (or from the next one); ends only by cancellation.

        Reconnects by itself; a block older than the chain still keeps raises `BlockPruned`, and the caller starts from a new snapshot.
        """
