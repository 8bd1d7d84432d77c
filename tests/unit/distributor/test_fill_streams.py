"""Several streams of one fill: seeks, reading ahead, silent sources, and how much is brought."""

import asyncio
import os
from contextlib import aclosing
from datetime import timedelta

import pytest

from joygrpc.content import GROUP_SIZE
from joygrpc.directory.facts import DirectoryObject
from joygrpc.distributor.errors import NoSource, QueueFull, SourceStalled
from joygrpc.distributor.filling import Pace
from joygrpc.distributor.fills import FillLimits
from joygrpc.distributor.groups import GroupRun
from joygrpc.distributor.sources import DEAD_AFTER_PROBES

from .conftest import OpenRig, Rig
from .storage_peers import BAG, Behaviour, Pattern, multihash_of, storage_peer

GROUPS = 120
BIG = Pattern(GROUPS * GROUP_SIZE)
WANTED = DirectoryObject(9, len(BIG), multihash_of(BIG), BAG, accepted=True)
HELD = {9: BIG}
PATIENT = Pace(hedge_after=timedelta(seconds=60), linger=timedelta(milliseconds=20))


async def read(rig: Rig, offset: int, end: int, *, rest: bool = False) -> bytes:
    async with aclosing(rig.delivery.read(WANTED, offset, end, rest=rest)) as pieces:
        return b"".join([data async for data in pieces])


async def ended(rig: Rig) -> None:
    """Wait until no fill runs."""
    while (fill := rig.fills.get(9)) is not None:
        await fill.progress.wait()
        await asyncio.sleep(0)


async def test_a_seek_brings_its_groups_and_nothing_else(open_rig: OpenRig) -> None:
    start = 50 * GROUP_SIZE + 100
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        assert await read(rig, start, start + 65_536) == BIG[start : start + 65_536]
        assert peer.ranges == [(50 * GROUP_SIZE, 51 * GROUP_SIZE)]
        await ended(rig)
        assert peer.bytes_sent == GROUP_SIZE
        entry = rig.cache.get(9)
        assert entry is not None
        assert list(entry.groups.runs()) == [GroupRun(50, 1)]
        assert rig.cache.used == GROUP_SIZE


async def test_the_rest_waits_until_a_short_answer_is_complete(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        await read(rig, 50 * GROUP_SIZE, 50 * GROUP_SIZE + 10, rest=True)
        assert peer.bytes_sent <= 1 << 20
        await ended(rig)
        entry = rig.cache.get(9)
        assert entry is not None
        assert entry.complete
        assert peer.bytes_sent == len(BIG)


async def test_what_is_read_ahead_grows_and_stops_with_the_reader(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig(pace=PATIENT) as rig:
        rig.use(peer)
        async with aclosing(rig.delivery.read(WANTED, 0, len(BIG))) as pieces:
            taken = len(await anext(pieces))
            await ended(rig)
            assert peer.bytes_sent <= taken + (2 << 20)
            while taken < 12 << 20:
                taken += len(await anext(pieces))
            await ended(rig)
            assert taken + (4 << 20) <= peer.bytes_sent <= taken + (16 << 20)
            before = peer.bytes_sent
        await ended(rig)
        assert peer.bytes_sent == before


async def test_requests_that_follow_each_other_are_read_ahead_of(open_rig: OpenRig) -> None:
    step = 4 * GROUP_SIZE
    async with storage_peer(HELD) as peer, open_rig(pace=PATIENT) as rig:
        rig.use(peer)
        for number in range(4):
            assert await read(rig, number * step, (number + 1) * step) == BIG[number * step : (number + 1) * step]
        await ended(rig)
        entry = rig.cache.get(9)
        assert entry is not None
        ahead = entry.groups.present_end(0)
        assert ahead > 20
        requests = len(peer.ranges)
        await read(rig, 4 * step, 5 * step)
        assert peer.ranges[requests:] == [] or peer.ranges[requests][0] == ahead * GROUP_SIZE


async def test_a_whole_object_comes_in_one_request(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig() as rig:
        rig.use(peer)
        answers = await asyncio.gather(*(read(rig, 0, len(BIG), rest=True) for _ in range(8)))
        assert all(answer == BIG[0 : len(BIG)] for answer in answers)
        assert peer.ranges == [(0, len(BIG))]
        assert peer.bytes_sent == len(BIG)


async def test_a_reader_elsewhere_does_not_wait_for_a_hung_stream(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=8 * GROUP_SIZE)) as peer, open_rig(pace=PATIENT) as rig:
        rig.use(peer)
        stuck = asyncio.create_task(read(rig, 0, len(BIG)))
        await peer.hanging.wait()
        for group in (100, 60, 20):
            assert await read(rig, group * GROUP_SIZE, group * GROUP_SIZE + 5) == BIG[group * GROUP_SIZE :][:5]
        assert not stuck.done()
        peer.go_on.set()
        assert await stuck == BIG[0 : len(BIG)]


async def test_more_readers_than_streams_all_get_their_turn(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig(pace=Pace(streams=2)) as rig:
        rig.use(peer)
        starts = [group * GROUP_SIZE for group in range(0, GROUPS - 4, 4)]
        answers = await asyncio.gather(*(read(rig, start, start + 3 * GROUP_SIZE) for start in starts))
        assert answers == [BIG[start : start + 3 * GROUP_SIZE] for start in starts]


async def test_a_second_source_is_asked_while_the_first_is_silent(open_rig: OpenRig) -> None:
    async with (
        storage_peer(HELD, Behaviour(hangs_at=2 * GROUP_SIZE)) as hung,
        storage_peer(HELD) as good,
        open_rig() as rig,
    ):
        rig.links._grpc._stall = timedelta(seconds=60)
        rig.use(hung, good)
        async with asyncio.timeout(10):
            assert await read(rig, 0, 20 * GROUP_SIZE) == BIG[0 : 20 * GROUP_SIZE]
        assert hung.hanging.is_set()
        assert good.ranges[0][0] == 2 * GROUP_SIZE
        assert rig.links.ranked(tuple(rig.peers))[0].peer.endpoint == good.endpoint


async def test_a_tree_is_asked_of_a_second_source_while_the_first_is_silent(open_rig: OpenRig) -> None:
    async with (
        storage_peer(HELD, Behaviour(hanging_trees=True)) as hung,
        storage_peer(HELD) as good,
        open_rig() as rig,
    ):
        rig.links._grpc._lookup = timedelta(seconds=60)
        rig.use(hung, good)
        async with asyncio.timeout(10):
            assert await read(rig, 0, 5) == BIG[0:5]
        assert (hung.calls["tree"], good.calls["tree"]) == (1, 1)


async def test_without_a_budget_nobody_is_asked_twice(open_rig: OpenRig) -> None:
    async with (
        storage_peer(HELD, Behaviour(hangs_at=2 * GROUP_SIZE)) as hung,
        storage_peer(HELD) as good,
        open_rig(hedged_share=0) as rig,
    ):
        rig.links._grpc._stall = timedelta(seconds=60)
        rig.use(hung, good)
        reading = asyncio.create_task(read(rig, 0, 4 * GROUP_SIZE))
        await hung.hanging.wait()
        await asyncio.wait({reading}, timeout=0.3)
        assert not good.ranges
        hung.go_on.set()
        assert await reading == BIG[0 : 4 * GROUP_SIZE]


async def test_a_source_that_lacks_an_object_is_not_asked_again_for_a_while(open_rig: OpenRig) -> None:
    async with storage_peer({}) as empty, open_rig(absent_ttl=timedelta(minutes=1)) as rig:
        rig.use(empty)
        for _ in range(3):
            with pytest.raises(NoSource):
                await read(rig, 0, 5)
        asked = sum(empty.calls.values())
        assert asked <= 2
        async with storage_peer(HELD) as good:
            rig.use(empty, good)
            assert await read(rig, 0, 5) == BIG[0:5]
            assert sum(empty.calls.values()) == asked


async def test_a_dead_peer_is_left_out_until_it_answers_a_probe(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(deaf=True)) as deaf, storage_peer(HELD) as good, open_rig() as rig:
        rig.use(deaf, good)
        dead, living = rig.peers
        for _ in range(DEAD_AFTER_PROBES):
            assert not await rig.links.probe(dead, timedelta(milliseconds=50))
        assert {source.peer for source in rig.links.ranked((dead, living))} == {living}
        # With nobody else there is nothing to lose.
        assert {source.peer for source in rig.links.ranked((dead,))} == {dead}
        rig.links.book.answered(dead.endpoint, 0.001)
        assert rig.links.ranked((dead, living))[0].peer == dead


async def test_waiting_for_a_connection_is_bounded_and_named(open_rig: OpenRig) -> None:
    async with storage_peer(HELD, Behaviour(hangs_at=GROUP_SIZE)) as peer, open_rig(per_peer=1, pace=PATIENT) as rig:
        rig.links._grpc._stall = timedelta(seconds=60)
        rig.links._longest_wait_s = 0.1
        rig.use(peer)
        holding = asyncio.create_task(read(rig, 0, 4 * GROUP_SIZE))
        await peer.hanging.wait()
        with pytest.raises(QueueFull):
            await read(rig, 50 * GROUP_SIZE, 50 * GROUP_SIZE + 5)
        peer.go_on.set()
        assert await holding == BIG[0 : 4 * GROUP_SIZE]


async def test_a_reader_waits_no_longer_than_its_patience_and_learns_why(open_rig: OpenRig) -> None:
    limits = FillLimits(1, 8, timedelta(seconds=60))
    patience = timedelta(milliseconds=200)
    other = DirectoryObject(10, len(BIG), WANTED.multihash, BAG, accepted=True)
    async with (
        storage_peer({9: BIG, 10: BIG}, Behaviour(hangs_at=4 * GROUP_SIZE)) as peer,
        open_rig(limits=limits, patience=patience, pace=PATIENT) as rig,
    ):
        rig.links._grpc._stall = timedelta(seconds=60)
        rig.use(peer)
        stuck = asyncio.create_task(read(rig, 0, len(BIG)))
        await peer.hanging.wait()
        with pytest.raises(QueueFull):
            async with aclosing(rig.delivery.read(other, 0, 5)) as pieces:
                await anext(pieces)
        with pytest.raises(SourceStalled):
            await stuck


async def test_a_slow_reader_of_a_passed_through_object_holds_no_connection(open_rig: OpenRig) -> None:
    async with storage_peer(HELD) as peer, open_rig(limit=1000) as rig:
        rig.use(peer)
        async with aclosing(rig.through.read(WANTED, 0, len(BIG))) as pieces:
            first = await anext(pieces)
            async with asyncio.timeout(5):
                while rig.links._open:
                    async with rig.links._freed:
                        await rig.links._freed.wait()
            assert peer.bytes_sent <= 8 << 20
            rest = [data async for data in pieces]
        assert first + b"".join(rest) == BIG[0 : len(BIG)]
        assert peer.bytes_sent == len(BIG)


async def test_fills_that_fail_leave_no_trace_for_the_next_reader(open_rig: OpenRig) -> None:
    data = os.urandom(100)
    wanted = DirectoryObject(11, 100, multihash_of(data), BAG, accepted=True)
    async with storage_peer({}) as peer, open_rig() as rig:
        rig.use(peer)
        for _ in range(2):
            with pytest.raises(NoSource):
                async with aclosing(rig.delivery.read(wanted, 0, 100)) as pieces:
                    await anext(pieces)
        peer.objects[11] = data
        async with aclosing(rig.delivery.read(wanted, 0, 100)) as pieces:
            assert await anext(pieces) == data
