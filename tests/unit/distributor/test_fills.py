"""Fills and readers against storage nodes that behave well and badly."""

import asyncio
import os
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta

import pytest

from joygrpc.content import GROUP_SIZE
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.errors import DeliveryFailed, NoSource, QueueFull, SourceFailed, SourceStalled
from joygrpc.distributor.fills import FillLimits
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.sources import PeerBook

from .conftest import OpenRig, Rig
from .storage_peers import Behaviour, object_of, storage_peer

DATA = os.urandom(9 * GROUP_SIZE + 12_345)
SMALL = os.urandom(5_000)
OBJECT = object_of(7, DATA)
SMALL_OBJECT = object_of(8, SMALL)
HELD = {7: DATA, 8: SMALL}
FIRST = GroupRun(0, 1)


async def read(rig: Rig, wanted: DirectoryObject, offset: int = 0, end: int | None = None, rest: bool = True) -> bytes:
    received = bytearray()
    async with aclosing(rig.delivery.read(wanted, offset, wanted.size if end is None else end, rest=rest)) as pieces:
        async for data in pieces:
            received += data
    return bytes(received)


async def read_until_failure(
    rig: Rig, wanted: DirectoryObject, offset: int, end: int
) -> tuple[bytes, DeliveryFailed | None]:
    """What came, and what ended it."""
    received = bytearray()
    try:
        async for data in rig.delivery.read(wanted, offset, end):
            received += data
    except DeliveryFailed as failure:
        return bytes(received), failure
    return bytes(received), None


async def filled(rig: Rig, wanted: DirectoryObject) -> None:
    """Wait until no fill of the object runs."""
    while (fill := rig.fills.get(wanted.object_id)) is not None:
        await fill.progress.wait()
        await asyncio.sleep(0)


@pytest.mark.parametrize("mesh", [True, False])
async def test_a_miss_is_filled_and_then_needs_no_source(open_rig: OpenRig, mesh: bool) -> None:
    async with storage_peer(HELD, mesh=mesh) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig, OBJECT) == DATA
        await filled(rig, OBJECT)
        peer.objects.clear()
        assert await read(rig, OBJECT, 100, 300_000) == DATA[100:300_000]
        assert rig.cache.used == len(DATA)
        assert peer.bytes_sent == len(DATA)


async def test_many_readers_share_one_fill(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        answers = await asyncio.gather(*(read(rig, OBJECT) for _ in range(20)))
        assert all(answer == DATA for answer in answers)
        assert peer.bytes_sent == len(DATA)


async def test_a_range_is_brought_first_and_the_rest_afterwards(open_rig: OpenRig) -> None:
    start = 6 * GROUP_SIZE + 10
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig, OBJECT, start, start + 100) == DATA[start : start + 100]
        await filled(rig, OBJECT)
        assert peer.ranges == [
            (6 * GROUP_SIZE, 7 * GROUP_SIZE),
            (7 * GROUP_SIZE, len(DATA)),
            (0, 6 * GROUP_SIZE),
        ]
        assert await read(rig, OBJECT) == DATA


async def test_a_reader_far_ahead_of_the_fill_does_not_wait_for_it(open_rig: OpenRig) -> None:
    big = os.urandom(200 * GROUP_SIZE)
    wanted = object_of(9, big)
    async with storage_peer({9: big}, Behaviour(hangs_at=100 * GROUP_SIZE)) as peer, open_rig() as rig:
        rig.use(peer)
        async with aclosing(rig.delivery.read(wanted, 0, wanted.size, rest=True)) as pieces:
            await anext(pieces)
            end = wanted.size
            assert await read(rig, wanted, end - 1000, end) == big[-1000:]
            peer.go_on.set()


async def test_bytes_arrive_while_the_source_still_sends(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=4 * GROUP_SIZE)) as peer, open_rig() as rig:
        rig.use(peer)
        async with aclosing(rig.delivery.read(OBJECT, 0, OBJECT.size, rest=True)) as pieces:
            received = await anext(pieces)
            assert received == DATA[: len(received)]
            peer.go_on.set()
            async for data in pieces:
                received += data
        assert received == DATA


async def test_a_reader_that_leaves_does_not_end_the_fill(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=4 * GROUP_SIZE)) as peer, open_rig() as rig:
        rig.use(peer)
        async with aclosing(rig.delivery.read(OBJECT, 0, OBJECT.size, rest=True)) as pieces:
            await anext(pieces)
        peer.go_on.set()
        await filled(rig, OBJECT)
        entry = rig.cache.get(7)
        assert entry is not None
        assert entry.complete


BAD = {
    "wrong bytes from the start": Behaviour(wrong_from=0),
    "wrong bytes in the middle": Behaviour(wrong_from=5 * GROUP_SIZE + 3),
    "one wrong last byte": Behaviour(wrong_from=len(DATA) - 1),
    "wrong tree": Behaviour(wrong_trees=True),
    "breaks off": Behaviour(dies_at=4 * GROUP_SIZE),
    "breaks off inside a group": Behaviour(dies_at=4 * GROUP_SIZE + 777),
    "hangs": Behaviour(hangs_at=4 * GROUP_SIZE),
    "hangs at once": Behaviour(hangs_at=0),
    "sends too much": Behaviour(too_long=True),
    "has no tree and lies": Behaviour(trees=False, wrong_from=3),
}


@pytest.mark.parametrize("mesh", [True, False], ids=["honest mesh", "honest rest"])
@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
async def test_a_bad_mesh_source_yields_no_wrong_byte_and_the_next_one_delivers(
    open_rig: OpenRig, behaviour: Behaviour, mesh: bool
) -> None:
    async with storage_peer(HELD, behaviour) as bad, storage_peer(HELD, mesh=mesh) as good, open_rig() as rig:
        rig.use(bad, good)
        try:
            assert await read(rig, OBJECT) == DATA
        except SourceFailed:
            # With no tree anywhere, a reader of the whole object is cut when its bytes turn out wrong.
            assert not behaviour.trees
            assert not mesh
            await filled(rig, OBJECT)
            assert await read(rig, OBJECT) == DATA
        assert await read(rig, SMALL_OBJECT) == SMALL
        assert bad.calls["tree"] + bad.calls["read"] > 0


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(wrong_from=0),
        Behaviour(wrong_from=len(DATA) - 1),
        Behaviour(dies_at=4 * GROUP_SIZE + 777),
        Behaviour(hangs_at=4 * GROUP_SIZE),
        Behaviour(hangs_at=0),
        Behaviour(too_long=True),
        Behaviour(redirects=True),
    ],
    ids=str,
)
async def test_a_bad_rest_source_never_completes_a_wrong_answer(open_rig: OpenRig, behaviour: Behaviour) -> None:
    async with (
        storage_peer(HELD, behaviour, mesh=False) as bad,
        storage_peer(HELD, mesh=False) as good,
        open_rig() as rig,
    ):
        rig.use(bad, good)
        try:
            # A reader of the whole object may have had bytes that were taken back, and is cut then.
            assert await read(rig, OBJECT) == DATA
        except SourceFailed:
            assert behaviour.wrong_from is not None
        await filled(rig, OBJECT)
        assert await read(rig, OBJECT, 5, 600_000) == DATA[5:600_000]
        assert await read(rig, SMALL_OBJECT) == SMALL
        assert await read(rig, OBJECT) == DATA
        assert bad.calls["rest"] > 0


async def test_without_a_tree_the_last_group_waits_for_the_whole_hash(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(wrong_from=len(DATA) - 1), mesh=False) as liar, open_rig() as rig:
        rig.use(liar)
        received, failure = await read_until_failure(rig, OBJECT, 0, OBJECT.size)
        assert isinstance(failure, SourceFailed)
        assert received == DATA[: len(received)]
        assert len(received) <= 9 * GROUP_SIZE
        assert len(rig.cache) == 0
        assert rig.cache.used == 0


async def test_without_a_tree_a_range_waits_for_the_whole_hash(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=8 * GROUP_SIZE), mesh=False) as peer, open_rig() as rig:
        rig.use(peer)
        reading = asyncio.create_task(read(rig, OBJECT, 1, 1001))
        await peer.hanging.wait()
        fill = rig.fills.get(7)
        assert fill is not None
        assert fill.entry is not None
        assert fill.entry.groups.present_bytes == 0
        assert not reading.done()
        peer.go_on.set()
        assert await reading == DATA[1:1001]


async def test_a_mixed_object_with_a_wrong_hash_is_tried_again_from_single_sources(open_rig: OpenRig) -> None:
    liar = Behaviour(wrong_from=100, dies_at=3 * GROUP_SIZE)
    async with (
        storage_peer(HELD, liar, mesh=False) as bad,
        storage_peer(HELD, mesh=False) as good,
        open_rig() as rig,
    ):
        rig.use(bad, good)
        assert await read(rig, OBJECT, 0, 10) == DATA[:10]


async def test_a_tree_from_the_mesh_vouches_for_bytes_from_rest(open_rig: OpenRig) -> None:
    async with (
        storage_peer(HELD, Behaviour(reads=False)) as mesh,
        storage_peer(HELD, Behaviour(wrong_from=8 * GROUP_SIZE), mesh=False) as rest,
        open_rig() as rig,
    ):
        rig.use(mesh, rest)
        received, failure = await read_until_failure(rig, OBJECT, 0, OBJECT.size)
        assert isinstance(failure, SourceFailed)
        assert received == DATA[: 8 * GROUP_SIZE]


async def test_liars_lose_their_rank(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(wrong_from=0)) as bad, storage_peer(HELD) as good, open_rig() as rig:
        rig.use(bad, good)
        await read(rig, OBJECT)
        assert rig.links.ranked(tuple(rig.peers))[0].peer.endpoint == good.endpoint


async def test_nobody_has_it(open_rig: OpenRig) -> None:
    async with storage_peer({}) as peer, open_rig() as rig:
        rig.use(peer)
        with pytest.raises(NoSource):
            await read(rig, OBJECT)
        rig.use()
        with pytest.raises(NoSource):
            await read(rig, OBJECT)
        assert len(rig.cache) == 0


async def test_all_sources_stall(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=0)) as peer, open_rig() as rig:
        rig.use(peer)
        with pytest.raises(SourceStalled):
            await read(rig, OBJECT)


async def test_what_a_failed_fill_brought_is_kept_and_not_brought_again(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(wrong_from=4 * GROUP_SIZE)) as bad, open_rig() as rig:
        rig.use(bad)
        with pytest.raises(DeliveryFailed):
            await read(rig, OBJECT)
        entry = rig.cache.get(7)
        assert entry is not None
        assert list(entry.groups.runs()) == [GroupRun(0, 4)]
        assert rig.cache.used == 4 * GROUP_SIZE
        async with storage_peer(HELD) as good:
            rig.use(good)
            assert await read(rig, OBJECT) == DATA
            assert good.ranges == [(4 * GROUP_SIZE, len(DATA))]


async def test_an_empty_object_is_delivered_if_the_chain_says_so(open_rig: OpenRig) -> None:
    lie = DirectoryObject(3, 0, OBJECT.multihash, OBJECT.bag_id, accepted=True)
    async with storage_peer({2: b"", 3: b""}) as peer, open_rig() as rig:
        rig.use(peer)
        fill, _ = rig.fills.ensure(object_of(2, b""), FIRST, rest=True)
        await filled(rig, object_of(2, b""))
        assert fill.error is None
        assert fill.media_type == "application/octet-stream"
        fill, _ = rig.fills.ensure(lie, FIRST, rest=True)
        await filled(rig, lie)
        assert isinstance(fill.error, SourceFailed)


async def test_what_the_cache_cannot_hold_is_passed_through(open_rig: OpenRig) -> None:
    for mesh in (True, False):
        async with storage_peer(HELD, mesh=mesh) as peer, open_rig(limit=len(DATA) - 1) as rig:
            rig.use(peer)
            assert await read(rig, OBJECT) == DATA
            assert await read(rig, OBJECT, 300_000, 900_000) == DATA[300_000:900_000]
            assert rig.cache.used < len(DATA)


async def test_passed_through_bytes_are_verified(open_rig: OpenRig) -> None:
    async with (
        storage_peer(HELD, Behaviour(wrong_from=3 * GROUP_SIZE)) as bad,
        storage_peer(HELD, Behaviour(wrong_from=400_000), mesh=False) as rest,
        open_rig(limit=1000) as rig,
    ):
        for peers in ((bad,), (rest,)):
            rig.use(*peers)
            received, failure = await read_until_failure(rig, OBJECT, 10, 3 * GROUP_SIZE + 10)
            assert isinstance(failure, SourceFailed)
            assert len(received) < 3 * GROUP_SIZE
            if peers == (bad,):
                assert received == DATA[10 : 10 + len(received)]


async def test_the_queue_is_bounded_and_so_is_the_wait_in_it(open_rig: OpenRig) -> None:
    limits = FillLimits(most_running=1, most_waiting=1, longest_wait=timedelta(milliseconds=50))
    data = {number: os.urandom(3 * GROUP_SIZE) for number in range(3)}
    objects = [object_of(number, content) for number, content in data.items()]
    async with storage_peer(data, Behaviour(hangs_at=GROUP_SIZE)) as peer, open_rig(limits=limits) as rig:
        rig.use(peer)
        first = asyncio.create_task(read(rig, objects[0]))
        await peer.hanging.wait()
        second = asyncio.create_task(read(rig, objects[1]))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await read(rig, objects[2])
        with pytest.raises(QueueFull):
            await second
        peer.go_on.set()
        assert await first == data[0]


async def test_fills_that_are_ended_keep_what_they_brought(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=4 * GROUP_SIZE)) as peer:
        async with open_rig() as rig:
            rig.use(peer)
            rig.fills.ensure(OBJECT, FIRST, rest=True)
            await peer.hanging.wait()
            fill = rig.fills.get(7)
            assert fill is not None
            while fill.entry is None or not fill.entry.groups.holds(GroupRun(0, 4)):
                await fill.progress.wait()
        async with open_rig() as rig:
            entry = rig.cache.get(7)
            assert entry is not None
            assert list(entry.groups.runs()) == [GroupRun(0, 4)]


async def test_connections_to_one_peer_are_bounded(open_rig: OpenRig) -> None:
    data = {number: os.urandom(3 * GROUP_SIZE) for number in range(4)}
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(storage_peer(data, Behaviour(hangs_at=GROUP_SIZE)))
        rig = await stack.enter_async_context(open_rig(per_peer=1))
        rig.use(peer)
        readers = [asyncio.create_task(read(rig, object_of(number, content))) for number, content in data.items()]
        await peer.hanging.wait()
        assert peer.calls["tree"] + peer.calls["read"] < 6
        assert rig.links._open.total() == 1
        peer.go_on.set()
        assert [await reader for reader in readers] == list(data.values())


async def test_nothing_of_ours_goes_to_a_rest_peer_but_the_request(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, mesh=False) as peer, open_rig() as rig:
        rig.use(peer)
        await read(rig, SMALL_OBJECT)
        assert {name.lower() for name in peer.headers[0]} == {"host", "user-agent", "accept", "accept-encoding"}


async def test_private_addresses_are_not_asked_when_they_are_forbidden(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig(allow_private=False) as rig:
        rig.use(peer)
        with pytest.raises(NoSource):
            await read(rig, SMALL_OBJECT)
        assert not peer.calls


async def test_probes_measure_peers(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as mesh, storage_peer(HELD, mesh=False) as rest, open_rig() as rig:
        rig.use(mesh, rest)
        rig.links.book = PeerBook()
        timeout = timedelta(seconds=2)
        assert [await rig.links.probe(peer, timeout) for peer in rig.peers] == [True, True]
        assert (mesh.calls["probe"], rest.calls["probe"]) == (1, 1)
        assert len(rig.links.book._records) == 2
