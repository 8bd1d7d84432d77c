"""Real stores and indexes in temporary directories, and the two ports of the outside that decisions need."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from joygrpc.chain import (
    Call,
    ChainBag,
    ChainDataObject,
    ChainHead,
    ChainStorageBucket,
    ChainUnavailable,
    SubmitOutcome,
)
from joygrpc.content import BagId
from joygrpc.directory import DirectoryBag, DirectoryObject, DirectoryStatus, DirectoryStorageBucket, StoragePeer
from joygrpc.storage.buckets import OwnBuckets
from joygrpc.storage.claims import Claims
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex

WORKER = 0
BUCKET = 0
TRANSACTOR = "5Transactor"
BAG = BagId.channel(1)


@dataclass
class MemoryChain:
    """A chain port over dictionaries: what a test puts in is what the chain says."""

    objects: dict[tuple[BagId, int], ChainDataObject] = field(default_factory=dict)
    bags: dict[BagId, ChainBag] = field(default_factory=dict)
    buckets: dict[int, ChainStorageBucket] = field(default_factory=dict)
    outcomes: list[SubmitOutcome | Exception] = field(default_factory=list)
    submitted: list[tuple[list[Call], str, str]] = field(default_factory=list)
    best: ChainHead = field(default_factory=lambda: ChainHead(1, "0x1"))
    finalized: ChainHead = field(default_factory=lambda: ChainHead(0, "0x0"))
    hashes: dict[int, str] = field(default_factory=dict)
    """Hashes of the best chain's blocks where they are not `0x` and the number."""
    fee: int = 10
    balance: int = 10_000
    away: bool = False
    max_size: int = 1 << 30

    def add_object(
        self, object_id: int, size: int, multihash: str, *, accepted: bool = False, bag: BagId = BAG
    ) -> None:
        self.objects[bag, object_id] = ChainDataObject(object_id, bag, size, multihash, accepted)
        self.bags.setdefault(bag, ChainBag(bag, frozenset({BUCKET}), frozenset(), 0, 0))

    def _answer(self) -> None:
        if self.away:
            raise ChainUnavailable

    async def data_object(self, bag_id: BagId, object_id: int) -> ChainDataObject | None:
        self._answer()
        return self.objects.get((bag_id, object_id))

    async def data_objects(self, keys: Sequence[tuple[BagId, int]]) -> list[ChainDataObject | None]:
        self._answer()
        return [self.objects.get(key) for key in keys]

    async def bag(self, bag_id: BagId) -> ChainBag | None:
        self._answer()
        return self.bags.get(bag_id)

    async def storage_bucket(self, bucket_id: int) -> ChainStorageBucket | None:
        self._answer()
        return self.buckets.get(bucket_id)

    async def best_head(self) -> ChainHead:
        self._answer()
        return self.best

    async def finalized_head(self) -> ChainHead:
        self._answer()
        return self.finalized

    async def block_hash(self, number: int) -> str | None:
        self._answer()
        return self.hashes.get(number, f"0x{number}")

    async def estimate_fee(self, calls: Sequence[Call], signer: str, mode: str = "single") -> int:
        self._answer()
        return self.fee

    async def free_balance(self, account: str) -> int:
        self._answer()
        return self.balance

    async def max_data_object_size(self) -> int:
        self._answer()
        return self.max_size

    def signers(self) -> tuple[str, ...]:
        return (TRANSACTOR,)

    async def submit(
        self, calls: Sequence[Call], signer: str, mode: str = "single", wait_for: str = "included"
    ) -> SubmitOutcome:
        self._answer()
        self.submitted.append((list(calls), signer, mode))
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class MemoryDirectory:
    """A directory port over dictionaries."""

    objects: dict[int, DirectoryObject] = field(default_factory=dict)
    peers: list[StoragePeer] = field(default_factory=list)
    complete: bool = True
    bag_buckets: tuple[int, ...] = (BUCKET,)
    endpoint: str = "http://127.0.0.1:9/self"

    async def find_object(self, object_id: int) -> DirectoryObject | None:
        return self.objects.get(object_id)

    async def obligations(self, storage_buckets: object, after: int = -1, limit: int = 1000) -> list[DirectoryObject]:
        owed = sorted(
            (o for o in self.objects.values() if o.accepted and o.object_id > after), key=lambda o: o.object_id
        )
        return owed[:limit]

    async def objects_of_bag(
        self, bag_id: BagId, accepted_only: bool = False, after: int | None = None, limit: int = 1000
    ) -> list[DirectoryObject]:
        found = [
            o for o in self.objects.values() if o.bag_id == bag_id and o.object_id > (-1 if after is None else after)
        ]
        return sorted((o for o in found if o.accepted >= accepted_only), key=lambda o: o.object_id)[:limit]

    async def bag(self, bag_id: BagId) -> DirectoryBag | None:
        return DirectoryBag(bag_id, self.bag_buckets, ())

    async def storage_bucket(self, bucket_id: int) -> DirectoryStorageBucket | None:
        return DirectoryStorageBucket(bucket_id, "active", WORKER, TRANSACTOR, self.endpoint, None, True)

    async def storage_peers(self, bag_id: BagId, exclude_worker: int | None = None) -> list[StoragePeer]:
        return [peer for peer in self.peers if peer.worker_id != exclude_worker]

    async def storage_buckets_of_worker(self, worker_id: int) -> frozenset[int]:
        return frozenset({BUCKET})

    async def status(self) -> DirectoryStatus:
        return DirectoryStatus(self.complete, 1, 1, "", 1, "")


def active_bucket(bucket_id: int = BUCKET, worker_id: int = WORKER, transactor: str = TRANSACTOR) -> ChainStorageBucket:
    return ChainStorageBucket(bucket_id, "active", worker_id, transactor, True, 1 << 40, 1000, 0, 0)


@pytest.fixture
def chain() -> MemoryChain:
    return MemoryChain(buckets={BUCKET: active_bucket()})


@pytest.fixture
def directory() -> MemoryDirectory:
    return MemoryDirectory()


@pytest.fixture
async def buckets(chain: MemoryChain, directory: MemoryDirectory) -> OwnBuckets:
    own = OwnBuckets(chain, directory, WORKER)  # type: ignore[arg-type]
    await own.refresh()
    return own


@pytest.fixture
def claims() -> Claims:
    return Claims()


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path)


@pytest.fixture
async def store(data: DataDirectory) -> AsyncIterator[DiskStore]:
    with data.owned():
        async with DiskStore(data) as opened:
            yield opened


@pytest.fixture
async def index(data: DataDirectory, store: DiskStore) -> AsyncIterator[ObjectIndex]:
    async with ObjectIndex(data.index) as opened:
        yield opened
