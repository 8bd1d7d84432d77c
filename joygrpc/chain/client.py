"""The chain through substrate-interface, which lives in a child process."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import Literal, Self, TypeVar, cast

from joygrpc.chain.config import ChainConfig
from joygrpc.chain.decoding import bag_of, data_object_of, empty_bag, field_of, int_of, storage_bucket_of, worker_of
from joygrpc.chain.errors import BlockPruned, CallInvalid, ChainUnavailable, SignerLocked
from joygrpc.chain.port import (
    BatchMode,
    Call,
    ChainBag,
    ChainDataObject,
    ChainHead,
    ChainProperties,
    ChainStorageBucket,
    ChainWorker,
    FinalizedBlock,
    SubmitOutcome,
    WorkingGroup,
)
from joygrpc.chain.ss58 import InvalidAddress, decode_account, encode_account
from joygrpc.chain.wire import Connected, FinalizedNotice, Setup, SubmitRequest
from joygrpc.chain.worker_process import WorkerLost, WorkerProcess
from joygrpc.content.ids import BagId

T = TypeVar("T")

_GROUP_PALLETS = {"storage": "StorageWorkingGroup", "distribution": "DistributionWorkingGroup"}
_FOLLOWED_PALLETS = frozenset({"Storage", "Content", "StorageWorkingGroup", "DistributionWorkingGroup"})
_RETRY_S = 1.0
_BEHIND_LIMIT = 5
_SUBMIT_GRACE_S = 5.0
_MAP_LIMIT_S = 120.0
"""For whole maps: a network has tens of thousands of bags."""


class SubstrateChain:
    """The port `Chain`; an async context manager, to be used within one event loop.

    Entering waits for the child process and its keys (`KeyInvalid`), not for the chain: while that is away, calls raise `ChainUnavailable` and
    `finalized_blocks` waits. Leaving ends the child within `timeouts.stop`; transactions that were sent stay sent.
    """

    def __init__(self, config: ChainConfig) -> None:
        self._config = config
        self._limits = config.timeouts
        self._worker = WorkerProcess(
            Setup(
                url=config.url,
                keys=config.keys,
                ss58_prefix=config.ss58_prefix,
                connect_timeout_s=self._limits.connect.total_seconds(),
                rpc_timeout_s=self._limits.rpc.total_seconds(),
                mortality_blocks=config.mortality_blocks,
            ),
            self._limits,
            self._notice,
        )
        self._accounts: tuple[bytes, ...] = ()
        self._prefix = config.ss58_prefix
        self._genesis_hash = ""
        self._submissions = asyncio.Semaphore(config.max_submissions)
        self._news = asyncio.Event()
        self._news_number = -1

    def __repr__(self) -> str:
        return f"<SubstrateChain {self._config.url} {self._worker!r}>"

    async def __aenter__(self) -> Self:
        self._accounts = await self._worker.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._worker.stop()

    @property
    def worker_pid(self) -> int | None:
        """Process id of the child."""
        return self._worker.pid

    async def properties(self) -> ChainProperties:
        """What the chain says about itself."""
        return cast("ChainProperties", await self._worker.call("properties"))

    async def best_head(self) -> ChainHead:
        """The newest block that the node knows."""
        return cast("ChainHead", await self._worker.call("head", False))

    async def finalized_head(self) -> ChainHead:
        """The newest final block."""
        return cast("ChainHead", await self._worker.call("head", True))

    async def block_hash(self, number: int) -> str | None:
        """Hash of a block of the best chain, or None when it has none of that number."""
        return cast("str | None", await self._worker.call("block_hash", number))

    async def is_syncing(self) -> bool:
        """Whether the node behind the connection is catching up, so that its answers are old."""
        return cast("bool", await self._worker.call("is_syncing"))

    async def max_data_object_size(self) -> int:
        """`Storage.MaxDataObjectSize` in bytes."""
        return int_of(await self._worker.call("constant", "Storage", "MaxDataObjectSize"))

    async def data_object(self, bag_id: BagId, object_id: int) -> ChainDataObject | None:
        """The entry in the best block, or None."""
        (found,) = await self.data_objects([(bag_id, object_id)])
        return found

    async def data_objects(self, keys: Sequence[tuple[BagId, int]]) -> list[ChainDataObject | None]:
        """Many entries in one round trip, in the order of `keys`, in the best block."""
        if not keys:
            return []
        values = await self._stored(
            [("Storage", "DataObjectsById", (bag_id.to_scale(), object_id)) for bag_id, object_id in keys]
        )
        return [
            None if value is None else data_object_of(bag_id, object_id, value)
            for (bag_id, object_id), value in zip(keys, values, strict=True)
        ]

    async def bag(self, bag_id: BagId) -> ChainBag | None:
        """The entry in the best block; a static bag that was never written is an empty one."""
        value = await self._entry("Storage", "Bags", bag_id.to_scale())
        if value is None:
            return empty_bag(bag_id) if bag_id.kind in ("council", "working_group") else None
        return bag_of(bag_id, value)

    async def storage_bucket(self, bucket_id: int) -> ChainStorageBucket | None:
        """The entry in the best block, or None."""
        value = await self._entry("Storage", "StorageBucketById", bucket_id)
        return None if value is None else storage_bucket_of(bucket_id, value)

    async def worker(self, group: WorkingGroup, worker_id: int) -> ChainWorker | None:
        """A worker of a group, or None."""
        value = await self._entry(_GROUP_PALLETS[group], "WorkerById", worker_id)
        return None if value is None else worker_of(group, worker_id, value)

    async def lead(self, group: WorkingGroup) -> ChainWorker | None:
        """The group's lead, who is one of its workers, or None."""
        worker_id = await self._entry(_GROUP_PALLETS[group], "CurrentLead")
        return None if worker_id is None else await self.worker(group, int_of(worker_id))

    async def member_controller(self, member_id: int) -> str | None:
        """Controller account of a member as SS58 text with the chain's prefix, or None."""
        value = await self._entry("Members", "MembershipById", member_id)
        return None if value is None else str(field_of(value, "controller_account"))

    async def free_balance(self, account: str) -> int:
        """Free balance in the smallest unit; `InvalidAddress` when the text is no account."""
        value = await self._entry("System", "Account", "0x" + decode_account(account).hex())
        return 0 if value is None else int_of(field_of(field_of(value, "data"), "free"))

    async def storage_value(self, pallet: str, item: str, params: Sequence[object] = ()) -> object:
        """Any storage value (or its default) in the best block, as scalecodec decodes it; `CallInvalid` if there is no such item."""
        return await self._worker.call("value", pallet, item, tuple(params))

    async def storage_entries(self, pallet: str, item: str) -> list[tuple[tuple[object, ...], object]]:
        """All entries of a storage map in the best block, as (parts of the key, value); `CallInvalid` if there is no such map."""
        return cast(
            "list[tuple[tuple[object, ...], object]]",
            await self._worker.call("entries", pallet, item, time_limit_s=_MAP_LIMIT_S),
        )

    async def storage_buckets(self) -> list[ChainStorageBucket]:
        """All storage buckets in the best block, by id."""
        entries = await self.storage_entries("Storage", "StorageBucketById")
        buckets = [storage_bucket_of(int_of(bucket_id), value) for (bucket_id,), value in entries]
        return sorted(buckets, key=lambda bucket: bucket.bucket_id)

    async def bags(self) -> list[ChainBag]:
        """All bags that were ever written, in the best block, in no particular order."""
        return [
            bag_of(BagId.from_scale(bag_id), value)
            for (bag_id,), value in await self.storage_entries("Storage", "Bags")
        ]

    async def encoded_call(self, calls: Sequence[Call], mode: BatchMode = "single") -> str:
        """What would be signed, as SCALE in hex with `0x`; `CallInvalid` when the runtime does not take it."""
        _check_batch(calls, mode)
        return cast("str", await self._worker.call("encoded", tuple(calls), mode))

    async def chain_type(self) -> str:
        """`Development`, `Local`, `Live`, or a name of its own."""
        return cast("str", await self._worker.call("chain_type"))

    async def constant(self, pallet: str, name: str) -> object:
        """A constant of the runtime; `CallInvalid` if there is none."""
        return await self._worker.call("constant", pallet, name)

    async def estimate_fee(self, calls: Sequence[Call], signer: str, mode: BatchMode = "single") -> int:
        """Fee in the smallest unit. Raises `SignerLocked` for an account without a key here."""
        _check_batch(calls, mode)
        return int_of(await self._worker.call("fee", tuple(calls), self._account_of(signer), mode))

    async def submit(
        self,
        calls: Sequence[Call],
        signer: str,
        mode: BatchMode = "single",
        wait_for: Literal["included", "finalized"] = "included",
    ) -> SubmitOutcome:
        """Sign with the account `signer` (SS58) and follow the transaction.

        Raises `SignerLocked` without a key for it, `CallInvalid`, `TransactionRefused` when the chain's pool refuses it for good, and
        `ChainUnavailable` when surely nothing was sent. Cancelling the wait does not take the transaction back.
        """
        _check_batch(calls, mode)
        account = self._account_of(signer)
        limit_s = self._limits.submit.total_seconds()
        async with self._submissions:
            try:
                return cast(
                    "SubmitOutcome",
                    await self._worker.call(
                        "submit",
                        SubmitRequest(tuple(calls), account, mode, wait_for == "finalized", limit_s),
                        time_limit_s=limit_s + _SUBMIT_GRACE_S,
                        repeatable=False,
                    ),
                )
            except WorkerLost:
                # It may have sent the transaction before it died.
                return SubmitOutcome("unknown", "", reason="chain client lost")

    def signers(self) -> tuple[str, ...]:
        """Accounts whose keys are unlocked here, as SS58 text with the chain's prefix."""
        return tuple(encode_account(account, self._prefix) for account in self._accounts)

    async def sign_bytes(self, signer: str, data: bytes) -> bytes:
        """A raw signature of `data` by the account's key; for upload tokens."""
        return cast("bytes", await self._worker.call("sign", self._account_of(signer), data))

    async def finalized_blocks(self, after: int | None) -> AsyncGenerator[FinalizedBlock, None]:
        """Finalized blocks in order without a gap, from `after` + 1 on (or from the next one); ends only by cancellation.

        Reconnects by itself; events are those of the storage, content and working-group pallets. A block older than the chain still keeps, or a
        chain that turns out to be another one, raises `BlockPruned`, and the caller starts from a new snapshot.
        """
        following: int | None = None if after is None else after + 1
        parent_hash: str | None = None
        behind = 0
        while True:
            try:
                await self._worker.call_on_every_start("follow")
                head = await self.finalized_head()
                if following is None:
                    following, parent_hash = head.number + 1, head.block_hash
                while following <= head.number:
                    block, block_parent = cast(
                        "tuple[FinalizedBlock, str]",
                        await self._worker.call(
                            "finalized_block",
                            following,
                            _FOLLOWED_PALLETS,
                        ),
                    )
                    if parent_hash not in (None, block_parent):
                        raise BlockPruned("The chain is another one than before")
                    yield block
                    parent_hash = block.head.block_hash
                    following += 1
            except (ChainUnavailable, CallInvalid):
                await asyncio.sleep(_RETRY_S)
                continue
            # Nodes behind one address may lag by a few blocks; a chain that was begun anew stays behind.
            behind = behind + 1 if head.number < following - 1 else 0
            if behind >= _BEHIND_LIMIT:
                raise BlockPruned("The chain is another one than before")
            await self._wait_for_block(following)

    async def _wait_for_block(self, number: int) -> None:
        """Until news of that block came, or it is time to ask."""
        try:
            async with asyncio.timeout(self._config.poll_interval.total_seconds()):
                while self._news_number < number:
                    await self._news.wait()
        except TimeoutError:
            return

    async def _entry(self, pallet: str, item: str, *parameters: object) -> object | None:
        (value,) = await self._stored([(pallet, item, parameters)])
        return value

    async def _stored(self, entries: Sequence[tuple[str, str, tuple[object, ...]]]) -> list[object | None]:
        return cast("list[object | None]", await self._worker.call("stored", tuple(entries)))

    def _account_of(self, signer: str) -> bytes:
        try:
            account = decode_account(signer)
        except InvalidAddress as error:
            raise SignerLocked("The signer is not an account") from error
        if account not in self._accounts:
            raise SignerLocked
        return account

    def _notice(self, message: object) -> None:
        match message:
            case Connected(genesis_hash=genesis_hash, ss58_prefix=prefix):
                self._prefix = prefix
                if self._genesis_hash not in ("", genesis_hash):
                    self._news_number = -1
                self._genesis_hash = genesis_hash
            case FinalizedNotice(number=number):
                self._news_number = number
                self._news.set()
                self._news = asyncio.Event()


def _check_batch(calls: Sequence[Call], mode: BatchMode) -> None:
    if not calls or (mode == "single" and len(calls) != 1):
        raise ValueError("a single transaction has one call, a batch at least one")
