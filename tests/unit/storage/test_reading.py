"""Reading: ranges, proofs, and what happens when the disk does not hold what the index says."""

import contextlib

import pytest

from joygrpc.content import GROUP_SIZE, TreeSlice, decode_multihash, multihash_of_bytes, verify_group
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.bandwidth import Bandwidth
from joygrpc.storage.data_directory import DataDirectory
from joygrpc.storage.disk_store import DiskStore
from joygrpc.storage.index import ObjectIndex
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.reading import ByteSpan, RangeNotSatisfiable, ReadService, span_of
from joygrpc.storage.store import ObjectMissing, TreeMissing
from joygrpc.storage.verification import Verifier
from tests.unit.storage.conftest import BAG
from tests.unit.storage.test_disk_store import BYTES, stored, tree_of

HASH = multihash_of_bytes(BYTES)


@pytest.fixture
def drifts() -> list[str]:
    return []


@pytest.fixture
async def reads(store: DiskStore, index: ObjectIndex, drifts: list[str]) -> ReadService:
    await stored(store, 1, BYTES)
    await index.put(KeptObject(1, len(BYTES), HASH, ObjectState.STORED, str(BAG), has_tree=True))

    async def revoke(_: object) -> None:
        return

    return ReadService(
        store=store,
        index=index,
        verifier=Verifier(store=store, index=index, revoke=revoke),
        bandwidth=Bandwidth(),
        drifted=lambda: drifts.append("drift"),
    )


@pytest.mark.parametrize(
    ("offset", "limit", "span"),
    [
        (0, 0, ByteSpan(0, 100)),
        (10, 0, ByteSpan(10, 100)),
        (10, 20, ByteSpan(10, 30)),
        (90, 20, ByteSpan(90, 100)),
        (100, 0, ByteSpan(100, 100)),
    ],
)
def test_spans(offset: int, limit: int, span: ByteSpan) -> None:
    assert span_of(offset, limit, 100) == span


def test_a_span_begins_inside_the_object() -> None:
    with pytest.raises(RangeNotSatisfiable):
        span_of(101, 0, 100)


async def test_bytes_come_in_bounded_messages(reads: ReadService) -> None:
    async with reads.open(1) as opened, contextlib.aclosing(opened.chunks(ByteSpan(5, len(BYTES)))) as chunks:
        assert b"".join([chunk async for chunk in chunks]) == BYTES[5:]


@pytest.mark.parametrize("state", [ObjectState.PENDING, ObjectState.UNVERIFIED, ObjectState.STORED])
async def test_served_states(reads: ReadService, index: ObjectIndex, state: ObjectState) -> None:
    await index.set_state([1], state)
    kept = await reads.find(1)
    assert (await reads.locate(kept) is None) == (state is ObjectState.UNVERIFIED)


async def test_quarantine_is_out_of_sight(reads: ReadService, index: ObjectIndex) -> None:
    await index.set_state([1], ObjectState.QUARANTINED)
    with pytest.raises(ObjectMissing, match=r"^File not found\.$"):
        await reads.find(1)
    with pytest.raises(ObjectMissing):
        await reads.find(2)


async def test_a_vanished_file_is_not_found_and_noticed(
    reads: ReadService, data: DataDirectory, drifts: list[str]
) -> None:
    data.object(1).unlink()
    with pytest.raises(ObjectMissing):
        async with reads.open(1):
            pass
    with pytest.raises(ObjectMissing):
        await reads.locate(await reads.find(1))
    assert len(drifts) == 2


async def test_a_file_of_another_size_is_not_given_out(
    reads: ReadService, data: DataDirectory, drifts: list[str]
) -> None:
    with data.object(1).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ObjectMissing):
        async with reads.open(1):
            pass
    assert drifts


async def test_a_proof_of_a_range_leads_to_the_hash_on_chain(reads: ReadService) -> None:
    _, proof = await reads.prove(1, GROUP_SIZE, 10)
    proven = TreeSlice.parse(
        proof.nodes, len(BYTES), decode_multihash(HASH), proof.span.start, proof.span.stop - proof.span.start
    )
    assert verify_group(1, BYTES[GROUP_SIZE : 2 * GROUP_SIZE], proven)
    assert len(proof.nodes) < len(tree_of(BYTES))


async def test_the_whole_tree_is_the_one_on_disk(reads: ReadService) -> None:
    _, proof = await reads.prove(1, 0, 0)
    assert (proof.span, proof.nodes) == (ByteSpan(0, len(BYTES)), tree_of(BYTES))


@pytest.mark.parametrize("damage", [b"", b"\0" * 192])
async def test_a_damaged_tree_is_not_given_out_but_made_anew(
    reads: ReadService, data: DataDirectory, index: ObjectIndex, damage: bytes
) -> None:
    data.tree(1).write_bytes(damage)
    with pytest.raises(TreeMissing):
        await reads.prove(1, GROUP_SIZE, 10)
    assert [kept.object_id for kept in await index.without_tree()] == [1]


async def test_a_range_after_the_end_has_no_proof(reads: ReadService) -> None:
    with pytest.raises(JoygrpcError) as refused:
        await reads.prove(1, len(BYTES) + 1, 0)
    assert refused.value.reason == "RANGE_NOT_SATISFIABLE"
