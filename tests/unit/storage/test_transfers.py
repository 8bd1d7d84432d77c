"""Fetching one object from several peers that break off, lie or lag: what is good is kept, who lies is named."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Literal

import pytest

from joygrpc.content import GROUP_SIZE, TreeBuilder, TreeSlice, decode_multihash, multihash_of_bytes
from joygrpc.directory import DirectoryObject
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.peer_health import PeerHealth
from joygrpc.storage.peer_sources import PeerSource, SourceFailed, SourceProblem
from joygrpc.storage.transfers import NoSource, Transfers
from tests.unit.storage.conftest import BAG

DATA = random.Random(5).randbytes(9 * GROUP_SIZE + 17)
WANTED = DirectoryObject(1, len(DATA), multihash_of_bytes(DATA), BAG, accepted=True)
WINDOW = 2 * GROUP_SIZE
WRONG = bytearray(DATA)
WRONG[5 * GROUP_SIZE + 3] ^= 1


@dataclass(eq=False)
class Peer:
    """A peer over bytes: what it has, whether it can prove it, and after how many bytes each of its answers ends, and how."""

    worker_id: int
    data: bytes = DATA
    trees: bool = True
    kind: Literal["grpc", "rest"] = "grpc"
    ends: list[tuple[int, SourceProblem]] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    @property
    def address(self) -> str:
        return f"peer-{self.worker_id}-{self.kind}"

    async def read(self, wanted: DirectoryObject, offset: int, length: int) -> AsyncGenerator[bytes, None]:
        self.asked.append((offset, length))
        if self.gate is not None:
            await self.gate.wait()
        most, problem = self.ends.pop(0) if self.ends else (length, None)
        for start in range(offset, offset + min(most, length), 100_000):
            yield self.data[start : min(start + 100_000, offset + min(most, length))]
            await asyncio.sleep(0)
        if problem is not None:
            raise SourceFailed("", problem)

    async def prove(self, wanted: DirectoryObject, offset: int, length: int) -> TreeSlice:
        if not self.trees:
            raise SourceFailed("", SourceProblem.NO_TREE)
        builder = TreeBuilder()
        builder.update(DATA)
        proof = builder.finish().prove(offset, length)
        return TreeSlice.parse(proof, wanted.size, decode_multihash(wanted.multihash), offset, length)


Make = Callable[..., Transfers]


@pytest.fixture
def health() -> PeerHealth:
    return PeerHealth()


@pytest.fixture
def make(store: DiskStore, health: PeerHealth) -> Make:
    def transfers(**changes: object) -> Transfers:
        settings: dict[str, object] = {"window": WINDOW, "shared_from": 1 << 40, "bandwidth": Bandwidth()}
        return Transfers(store=store, health=health, **(settings | changes))  # type: ignore[arg-type]

    return transfers


async def fetch(transfers: Transfers, store: DiskStore, *sources: PeerSource) -> bytes:
    async with transfers.fetched(WANTED, sources) as (writer, content):
        assert content.multihash == WANTED.multihash
        await writer.commit()
    async with store.open(1) as reader:
        return await reader.read(0, WANTED.size + 1)


async def test_windows_are_asked_for_one_after_the_other(make: Make, store: DiskStore) -> None:
    peer = Peer(1)
    assert await fetch(make(), store, peer) == DATA
    assert [offset for offset, _ in peer.asked] == list(range(0, len(DATA), WINDOW))


async def test_a_lying_peer_is_found_at_the_group_and_another_goes_on_there(
    make: Make, store: DiskStore, health: PeerHealth
) -> None:
    liar, honest = Peer(1, bytes(WRONG)), Peer(2)
    assert await fetch(make(), store, liar, honest) == DATA
    assert honest.asked[0][0] == 5 * GROUP_SIZE
    assert health.problems(liar) == {SourceProblem.WRONG_BYTES: 1}
    assert health.ranked([liar, honest]) == [honest]


@pytest.mark.parametrize("trees", [True, False])
async def test_a_peer_that_breaks_off_is_gone_on_with_at_the_group_where_it_ended(
    make: Make, store: DiskStore, trees: bool
) -> None:
    peer = Peer(1, trees=trees, ends=[(GROUP_SIZE + 5, SourceProblem.BROKEN)])
    assert await fetch(make(), store, peer) == DATA
    assert peer.asked[1][0] == GROUP_SIZE


async def test_a_peer_that_breaks_off_again_and_again_is_given_up(make: Make, store: DiskStore) -> None:
    peer = Peer(1, ends=[(GROUP_SIZE, SourceProblem.STALLED)] * 3)
    with pytest.raises(NoSource):
        await fetch(make(), store, peer)
    assert [offset for offset, _ in peer.asked] == [0, GROUP_SIZE, 2 * GROUP_SIZE]


async def test_what_one_peer_began_a_rest_peer_ends(make: Make, store: DiskStore) -> None:
    first = Peer(1, ends=[(WINDOW, SourceProblem.UNREACHABLE)])
    rest = Peer(2, kind="rest", trees=False)
    assert await fetch(make(), store, first, rest) == DATA
    assert rest.asked == [(WINDOW, len(DATA) - WINDOW)]


async def test_a_peer_without_tree_is_taken_whole_and_checked_at_the_end(
    make: Make, store: DiskStore, health: PeerHealth, data: DataDirectory
) -> None:
    liar, honest = Peer(1, bytes(WRONG), trees=False), Peer(2, trees=False)
    assert await fetch(make(), store, liar, honest) == DATA
    assert health.problems(liar) == {SourceProblem.WRONG_BYTES: 1}
    assert health.problems(honest) == {}
    assert not any(data.incoming.iterdir())


async def test_of_two_peers_that_nobody_can_check_the_honest_one_is_not_blamed(
    make: Make, store: DiskStore, health: PeerHealth
) -> None:
    wrong = bytearray(DATA)
    wrong[0] ^= 1
    liar = Peer(1, bytes(wrong), trees=False, ends=[(WINDOW, SourceProblem.BROKEN)] * 3)
    honest = Peer(2, trees=False)
    assert await fetch(make(), store, liar, honest) == DATA
    assert SourceProblem.WRONG_BYTES not in health.problems(honest)


async def test_nobody_has_it(make: Make, store: DiskStore, data: DataDirectory) -> None:
    absent = Peer(1, ends=[(0, SourceProblem.ABSENT)])
    for sources in ([], [absent], [Peer(2, bytes(WRONG), trees=False)]):
        with pytest.raises(NoSource):
            await fetch(make(), store, *sources)
    assert not any(data.incoming.iterdir())


async def test_several_peers_send_parts_of_a_large_object_at_once(make: Make, store: DiskStore) -> None:
    gate = asyncio.Event()
    peers = [Peer(1, gate=gate), Peer(2, gate=gate), Peer(3, gate=gate)]
    fetching = asyncio.create_task(fetch(make(shared_from=1), store, *peers))
    while not all(peer.asked for peer in peers):  # noqa: ASYNC110 - the peers run in this loop
        await asyncio.sleep(0)
    assert {peer.asked[0][0] for peer in peers} == {0, WINDOW, 2 * WINDOW}
    gate.set()
    assert await fetching == DATA
    assert sum(len(peer.asked) for peer in peers) == 5


async def test_a_peer_that_fails_among_several_is_left_out(make: Make, store: DiskStore, health: PeerHealth) -> None:
    liar, treeless, honest = Peer(1, bytes(WRONG)), Peer(2, trees=False), Peer(3)
    assert await fetch(make(shared_from=1), store, liar, treeless, honest) == DATA
    # Whether it came to its wrong group is a matter of who was faster.
    assert set(health.problems(liar)) <= {SourceProblem.WRONG_BYTES}
    assert health.problems(honest) == {}


async def test_a_full_disk_ends_a_shared_transfer(
    make: Make, store: DiskStore, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: object, piece: bytes) -> None:
        raise OSError

    monkeypatch.setattr("joygrpc.storage.disk_writer.DiskWriter.write", full)
    with pytest.raises(OSError):
        await fetch(make(shared_from=1), store, Peer(1), Peer(2))
    assert not any(data.incoming.iterdir())
    assert store.receiving == (0, 0)


async def test_a_cancelled_fetch_leaves_nothing(make: Make, store: DiskStore, data: DataDirectory) -> None:
    for shared_from in (1, 1 << 40):
        peers = [Peer(1, gate=asyncio.Event()), Peer(2, gate=asyncio.Event())]
        fetching = asyncio.create_task(fetch(make(shared_from=shared_from), store, *peers))
        while not peers[0].asked:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert not any(data.incoming.iterdir())
