"""The directory over a devnet's chain and query node."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from joygrpc.chain import ChainConfig, KeySource, SubstrateChain
from joygrpc.chain.calls import accept_pending_data_objects
from joygrpc.content import BagId
from joygrpc.devnet.config import DevnetConfig
from joygrpc.devnet.presets import DevPreset
from joygrpc.directory import (
    Directory,
    DirectoryChange,
    DirectoryConfig,
    DirectoryNotReady,
    DirectoryObject,
    DirectoryScope,
    QueryNodeUnavailable,
    StoragePeer,
)
from joygrpc.directory.errors import QueryNodeBehind
from joygrpc.pb.joystream.metadata.storage_pb2 import StorageBucketOperatorMetadata
from joygrpc.query_node import QueryNodeClient
from tests.integration.devnet_thread import Devnet, devnet_in_thread

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKER = "//testing//worker//Storage//0"
BAG = BagId.channel(1)
CID = "gW" + "z" * 44
NODES = (("http://127.0.0.1:3333/", '{"grpc": "grpc://127.0.0.1:50051"}'), ("https://two.example", "no mesh"))


def metadata(endpoint: str, extra: str) -> bytes:
    return StorageBucketOperatorMetadata(endpoint=endpoint, extra=extra).SerializeToString()


@pytest.fixture(scope="module")
def devnet() -> Iterator[Devnet]:
    preset = DevPreset(storage=tuple(metadata(*node) for node in NODES), distributors=(b"", b""))
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, block_time_ms=0, preset=preset)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chain(devnet: Devnet) -> AsyncIterator[SubstrateChain]:
    async with SubstrateChain(ChainConfig(devnet.addresses.chain, KeySource(suris=(WORKER,)))) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def query_node(devnet: Devnet) -> AsyncIterator[QueryNodeClient]:
    async with QueryNodeClient(devnet.addresses.query_node, timeout=timedelta(seconds=2)) as client:
        yield client


class Opener:
    """Makes directories over the devnet."""

    def __init__(self, chain: SubstrateChain, query_node: QueryNodeClient, path: Path) -> None:
        self.chain = chain
        self.query_node = query_node
        self.path = path

    @asynccontextmanager
    async def __call__(self, scope: DirectoryScope, *, ready: bool = True) -> AsyncIterator[Directory]:
        config = DirectoryConfig(
            self.path,
            scope,
            retry_interval=timedelta(milliseconds=50),
            retry_ceiling=timedelta(milliseconds=50),
            page_size=3,
            negative_ttl=timedelta(seconds=60),
            status_interval=timedelta(milliseconds=50),
            outage_pause=timedelta(0),
        )
        async with Directory(self.chain, self.query_node, config) as directory:
            running = asyncio.create_task(directory.run())
            try:
                if ready:
                    await directory.wait_ready()
                yield directory
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running

    async def caught_up(self, directory: Directory) -> Directory:
        """The directory when it knows the newest block."""
        async with asyncio.timeout(20):
            await directory.wait_height((await self.chain.finalized_head()).number)
        return directory


@pytest_asyncio.fixture(loop_scope="module")
async def opened(
    devnet: Devnet, chain: SubstrateChain, query_node: QueryNodeClient, tmp_path: Path
) -> AsyncIterator[Opener]:
    yield Opener(chain, query_node, tmp_path / "directory.sqlite")
    await devnet.call("devnet_setFault", clear=True)


async def new_objects(devnet: Devnet, count: int, bag: BagId = BAG) -> list[int]:
    made: list[int] = await devnet.call(
        "devnet_createObjects", bag=str(bag), objects=[{"size": 5, "ipfs_content_id": CID}] * count
    )
    return made


async def new_channel(devnet: Devnet, objects: int = 0) -> tuple[BagId, list[int]]:
    made = await devnet.call("devnet_createChannel", member=2, objects=[{"size": 5, "ipfs_content_id": CID}] * objects)
    return BagId.parse(made["bag"]), made["objects"]


def ids(objects: list[DirectoryObject]) -> list[int]:
    return [found.object_id for found in objects]


MINE = DirectoryScope(storage_worker=0)


async def test_the_first_snapshot_and_what_blocks_add(opened: Opener, devnet: Devnet) -> None:
    old = await new_objects(devnet, 7)
    async with opened(MINE) as directory, directory.subscribe() as changes:
        assert set(old) <= set(ids(await directory.objects_of_bag(BAG)))
        created = await new_objects(devnet, 2)
        call = accept_pending_data_objects(0, 0, BAG, [created[0]])
        assert (await opened.chain.submit([call], opened.chain.signers()[0])).items[0].error is None
        await devnet.call("devnet_deleteObjects", bag=str(BAG), objects=[created[1]])
        await opened.caught_up(directory)
        assert await directory.object(created[0]) == DirectoryObject(created[0], 5, CID, BAG, accepted=True)
        assert await directory.object(created[1]) is None
        told = [await anext(changes) for _ in range(3)]
        assert told == [
            DirectoryChange("object_created", tuple(created), BAG),
            DirectoryChange("object_accepted", (created[0],), BAG),
            DirectoryChange("object_deleted", (created[1],), BAG),
        ]
        status = await directory.status()
        assert status.complete
        assert status.last_error == ""
        assert status.query_node_version
        assert status.chain_head >= status.directory_height > 0
        assert created[0] in ids(await directory.obligations([0, 77], after=created[0] - 1, limit=1))
        assert await directory.obligations([77]) == []
        assert old[0] not in ids(await directory.objects_of_bag(BAG, accepted_only=True))


async def test_pages_are_ascending_by_id(opened: Opener, devnet: Devnet) -> None:
    bag, created = await new_channel(devnet, 12)
    async with opened(MINE) as directory:
        assert ids(await directory.objects_of_bag(bag)) == created
        assert ids(await directory.objects_of_bag(bag, after=created[3], limit=4)) == created[4:8]
        pages, after = [], created[0] - 1
        while page := ids(await directory.obligations([0], after, 5, accepted_only=False)):
            pages += page
            after = page[-1]
        assert pages == created


async def test_buckets_bags_and_peers(opened: Opener, devnet: Devnet) -> None:
    async with opened(MINE) as directory:
        bag = await directory.bag(BAG)
        assert bag is not None
        assert (bag.storage_buckets, bag.distribution_buckets) == ((0, 1), ("0:0", "0:1"))
        assert await directory.is_distributed_by(BAG, ["0:1", "9:9"])
        assert not await directory.is_distributed_by(BAG, ["9:9"])
        one = StoragePeer(0, 0, "http://127.0.0.1:3333", "127.0.0.1:50051")
        two = StoragePeer(1, 1, "https://two.example", None)
        assert await directory.storage_peers(BAG) == [one, two]
        assert await directory.storage_peers(BAG, exclude_worker=0) == [two]
        assert await directory.storage_buckets_of_worker(1) == frozenset({1})
        assert await directory.distribution_buckets_of_worker(1) == frozenset({"0:1"})
        bucket = await directory.storage_bucket(1)
        assert bucket is not None
        assert (bucket.operator_status, bucket.worker_id, bucket.endpoint) == ("active", 1, "https://two.example")
        there = await directory.distribution_bucket("0:1")
        assert there is not None
        assert there.workers == (1,)
        assert await directory.storage_bucket(77) is await directory.distribution_bucket("7:7") is None
        assert await directory.bag(BagId.channel(10**6)) is None

        moved = metadata("http://new.example", '{"grpc": "grpcs://new.example:443"}').hex()
        await devnet.call("devnet_setStorageMetadata", worker=1, bucket=1, metadata="0x" + moved)
        await opened.caught_up(directory)
        assert await directory.storage_peers(BAG, 0) == [
            StoragePeer(1, 1, "http://new.example", "new.example:443", grpc_tls=True)
        ]


async def test_a_bag_that_changes_hands(opened: Opener, devnet: Devnet) -> None:
    bag, created = await new_channel(devnet, 4)
    async with opened(MINE) as directory, directory.subscribe() as changes:
        await devnet.call("devnet_bindBag", bag=str(bag), remove_storage=[0])
        await opened.caught_up(directory)
        assert await directory.objects_of_bag(bag) == []
        assert await directory.storage_peers(bag, exclude_worker=0) != []
        (late,) = await new_objects(devnet, 1, bag)
        await devnet.call("devnet_bindBag", bag=str(bag), add_storage=[0])
        async with asyncio.timeout(20):
            while ids(await directory.objects_of_bag(bag)) != [*created, late]:
                assert (await anext(changes)).kind == "bag_changed"
        assert (await directory.status()).complete


async def test_a_bucket_that_changes_hands(opened: Opener, devnet: Devnet) -> None:
    lead = devnet.addresses.accounts["storage_lead"]
    bucket = await devnet.call("devnet_createStorageBucket", worker=1)
    bag, created = await new_channel(devnet, 2)
    await devnet.call("devnet_bindBag", bag=str(bag), add_storage=[bucket], remove_storage=[0])
    async with opened(MINE) as directory, directory.subscribe() as changes:
        assert await directory.objects_of_bag(bag) == []
        arguments = {"storage_bucket_id": bucket}
        await dispatch(devnet, lead, "remove_storage_bucket_operator", arguments)
        await dispatch(devnet, lead, "invite_storage_bucket_operator", {**arguments, "operator_id": 0})
        account = {"worker_id": 0, **arguments, "transactor_account_id": WORKER}
        await dispatch(devnet, WORKER, "accept_storage_bucket_invitation", account)
        async with asyncio.timeout(20):
            while ids(await directory.objects_of_bag(bag)) != created:
                await anext(changes)
        assert bucket in await directory.storage_buckets_of_worker(0)
        await dispatch(devnet, lead, "remove_storage_bucket_operator", arguments)
        await opened.caught_up(directory)
        assert await directory.objects_of_bag(bag) == []


async def dispatch(devnet: Devnet, origin: str, call: str, arguments: dict[str, object]) -> None:
    await devnet.call("devnet_dispatch", origin=origin, pallet="Storage", call=call, arguments=arguments)


async def test_a_channel_that_comes_and_goes(opened: Opener, devnet: Devnet) -> None:
    async with opened(DirectoryScope(distribution_buckets=frozenset({"0:1"}))) as directory:
        bag, created = await new_channel(devnet, 3)
        await opened.caught_up(directory)
        assert ids(await directory.objects_of_bag(bag)) == created
        assert (
            ids(await directory.objects_of_distribution_buckets(["0:1"], created[0] - 1, 9, accepted_only=False))
            == created
        )
        witness = {"storage_buckets_num": 2, "distribution_buckets_num": 2}
        arguments = {"actor": {"Member": 2}, "channel_id": bag.number, "channel_bag_witness": witness}
        arguments["num_objects_to_delete"] = 3
        await devnet.call(
            "devnet_dispatch", origin="//Charlie", pallet="Content", call="delete_channel", arguments=arguments
        )
        await opened.caught_up(directory)
        assert await directory.bag(bag) is None
        assert await directory.object(created[0]) is None
        assert await directory.find_bag(bag) is None


async def test_objects_of_others_are_looked_up_once(opened: Opener, devnet: Devnet) -> None:
    bag, created = await new_channel(devnet, 2)
    await devnet.call("devnet_bindBag", bag=str(bag), remove_storage=[0])
    async with opened(MINE) as directory:
        assert await directory.object(created[0]) is None
        wanted = DirectoryObject(created[0], 5, CID, bag, accepted=False)
        found = await asyncio.gather(*(directory.find_object(created[0]) for _ in range(5)))
        assert found == [wanted] * 5
        next_id = created[-1] + 1
        assert await directory.find_object(next_id) is None
        await devnet.call("devnet_setFault", query_node_error="http_500")
        assert await directory.find_object(created[0]) == wanted
        assert await directory.find_object(next_id) is None
        with pytest.raises(QueryNodeUnavailable):
            await directory.find_object(10**6)
        with pytest.raises(QueryNodeUnavailable):
            await directory.find_bag(BagId.channel(10**6))
        assert await new_objects(devnet, 1, bag) == [next_id]
        await opened.caught_up(directory)
        assert await directory.find_object(next_id) == DirectoryObject(next_id, 5, CID, bag, accepted=False)
        await devnet.call("devnet_deleteObjects", bag=str(bag), objects=[created[0]])
        await opened.caught_up(directory)
        await devnet.call("devnet_setFault", clear=True)
        assert await directory.find_object(created[0]) is None
        assert await directory.find_object(2**64 - 1) is None
        assert await directory.find_bag(BagId.working_group("storage")) is not None


async def test_a_lagging_query_node_brings_nothing_back(opened: Opener, devnet: Devnet) -> None:
    elsewhere, others = await new_channel(devnet, 1)
    await devnet.call("devnet_bindBag", bag=str(elsewhere), remove_storage=[0])
    mine = await new_objects(devnet, 2)
    async with opened(MINE) as directory:
        await devnet.call("devnet_setFault", query_node_lag_blocks=100)
        await devnet.call("devnet_deleteObjects", bag=str(BAG), objects=[mine[0]])
        await devnet.call("devnet_deleteObjects", bag=str(elsewhere), objects=others)
        (late,) = await new_objects(devnet, 1)
        await opened.caught_up(directory)
        for gone in (mine[0], others[0]):
            assert await directory.find_object(gone) is None
        await directory.refresh_now()
        assert await directory.object(mine[0]) is None
        assert await directory.object(late) is not None
        assert (await directory.status()).complete


async def test_a_query_node_behind_the_picture_cannot_replace_it(opened: Opener, devnet: Devnet) -> None:
    async with opened(MINE):
        pass
    await devnet.call("devnet_setFault", query_node_lag_blocks=100)
    (created,) = await new_objects(devnet, 1)
    async with opened(MINE) as directory:
        await opened.caught_up(directory)
    async with opened(MINE) as directory:
        with pytest.raises(QueryNodeBehind):
            await directory.refresh_now()
        assert await directory.object(created) is not None
        status = await directory.status()
        assert not status.complete
        assert status.last_error == "QUERY_NODE_BEHIND"
        await devnet.call("devnet_setFault", clear=True)
        await devnet.seal()
        await opened.caught_up(directory)
        await directory.refresh_now()
        assert (await directory.status()).complete


async def test_an_old_picture_is_served_at_once_and_brought_up_by_blocks(opened: Opener, devnet: Devnet) -> None:
    (before,) = await new_objects(devnet, 1)
    async with opened(MINE) as directory:
        await opened.caught_up(directory)
    (meanwhile,) = await new_objects(devnet, 1)
    await devnet.call("devnet_setFault", query_node_error="http_500")
    async with opened(MINE) as directory:
        assert await directory.object(before) is not None
        await opened.caught_up(directory)
        assert await directory.object(meanwhile) is not None
        with pytest.raises(QueryNodeUnavailable):
            await directory.refresh_now()
        status = await directory.status()
        assert not status.complete
        assert status.last_error == "QUERY_NODE_UNAVAILABLE"
        await devnet.call("devnet_setFault", clear=True)
        await directory.refresh_now()
        assert (await directory.status()).complete


async def test_without_query_node_at_the_very_start(opened: Opener, devnet: Devnet) -> None:
    await devnet.call("devnet_setFault", query_node_error="graphql_error")
    async with opened(MINE, ready=False) as directory:
        with pytest.raises(DirectoryNotReady):
            await directory.bag(BAG)
        with pytest.raises(QueryNodeUnavailable):
            await directory.find_object(1)
        await devnet.call("devnet_setFault", clear=True)
        async with asyncio.timeout(20):
            await directory.wait_ready()
        assert await directory.bag(BAG) is not None


async def test_the_picture_of_another_chain_is_dropped(opened: Opener, tmp_path: Path) -> None:
    async with opened(MINE) as directory:
        await opened.caught_up(directory)
    with devnet_in_thread(DevnetConfig(chain_port=0, query_node_port=0, block_time_ms=0)) as other:
        await other.seal()
        async with (
            SubstrateChain(ChainConfig(other.addresses.chain)) as chain,
            QueryNodeClient(other.addresses.query_node) as query_node,
            Opener(chain, query_node, opened.path)(MINE, ready=False) as directory,
            directory.subscribe() as changes,
            asyncio.timeout(20),
        ):
            assert (await anext(changes)).kind == "snapshot"
            assert await directory.bag(BAG) is None
            assert (await directory.status()).complete


async def test_without_a_chain_a_query_node_that_stands_still_is_enough(
    query_node: QueryNodeClient, tmp_path: Path
) -> None:
    async with (
        SubstrateChain(ChainConfig("ws://127.0.0.1:1")) as chain,
        Opener(chain, query_node, tmp_path / "directory.sqlite")(MINE) as directory,
        asyncio.timeout(20),
    ):
        assert await directory.bag(BAG) is not None
        while (await directory.status()).last_error != "CHAIN_UNAVAILABLE":
            await directory.probe.trigger_and_wait()
