"""A chain that goes on where it stopped."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from joygrpc.devnet.administrator import Administrator
from joygrpc.devnet.chain.archive import Archive, ArchiveFailed, ArchiveUnusable
from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.ledger.bags import NewObject
from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime
from joygrpc.devnet.presets import SAMPLE_BAG, DevPreset, settle_dev

from .signing import keypair, signed
from .worlds import content_id

PRESET = DevPreset((b"first", b"second"), (b"third",))


@contextmanager
def opened(path: Path, depth: int = 4096) -> Iterator[Chain]:
    runtime = build_runtime(Limits())
    archive = Archive(path, runtime, depth=depth)
    try:
        yield Chain(runtime, faults=Faults(), archive=archive, depth=depth)
    finally:
        archive.close()


def settle(chain: Chain, preset: DevPreset = PRESET) -> None:
    chain.perform(lambda ledger, calls: settle_dev(ledger, Administrator(ledger, calls), preset))


def rows(chain: Chain) -> dict[str, dict[object, object]]:
    return {f"{table.pallet}.{table.item}": dict(table.items()) for table in chain.ledger.tables()}


def test_ledger_blocks_and_events_come_back(tmp_path: Path) -> None:
    with opened(tmp_path / "chain.sqlite") as chain:
        settle(chain)
        objects = [NewObject(size, content_id(size)) for size in (5, 6)]
        chain.perform(lambda ledger, calls: Administrator(ledger, calls).create_objects(SAMPLE_BAG, objects))
        chain.submit(signed(chain, keypair("//Alice"), "System", "remark_with_event", {"remark": b"x"}))
        chain.seal()
        before = rows(chain)
        blocks = [chain.finalized_block(number) for number in range(4)]
        groups = sorted(chain.ledger.objects.group(SAMPLE_BAG))
        best = chain.best
    with opened(tmp_path / "chain.sqlite") as chain:
        assert rows(chain) == before
        assert [chain.finalized_block(number) for number in range(4)] == blocks
        assert sorted(chain.ledger.objects.group(SAMPLE_BAG)) == groups == [0, 1]
        assert chain.best.header == best.header
        key = chain.runtime.item("Storage", "NextDataObjectId").raw_key()
        assert chain.blocks.history.get(key, chain.best.number) == (2).to_bytes(8, "little")
        sealed = chain.seal()
        assert sealed.header.parent_hash == best.hash


def states(chain: Chain) -> list[dict[bytes, bytes | None] | None]:
    """All keys and values at each block, None where they are not known any more."""
    found: list[dict[bytes, bytes | None] | None] = []
    for number in range(len(chain.blocks)):
        block = chain.blocks.block(chain.blocks.hash_of(number) or b"")
        state = None if block is None else chain.blocks.state(block)
        found.append(None if state is None else {key: state.get(key) for key in state.page(b"", None, b"")})
    return found


@pytest.mark.parametrize("depth", [4096, 3])
def test_past_states_come_back(tmp_path: Path, depth: int) -> None:
    with opened(tmp_path / "chain.sqlite", depth) as chain:
        settle(chain)
        for size in range(1, 5):
            new = [NewObject(size, content_id(size))]
            chain.perform(lambda ledger, calls, new=new: Administrator(ledger, calls).create_objects(SAMPLE_BAG, new))
        chain.perform(lambda ledger, calls: Administrator(ledger, calls).delete_objects(SAMPLE_BAG, [0, 1]))
        before = states(chain)
    assert sum(state is not None for state in before) == min(depth + 1, 7)
    with opened(tmp_path / "chain.sqlite", depth) as chain:
        assert states(chain) == before
        chain.seal()
        before = states(chain)
    with opened(tmp_path / "chain.sqlite", depth) as chain:
        assert states(chain) == before


def test_data_of_the_format_before_are_taken_over_with_the_best_state_alone(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    with opened(path) as chain:
        settle(chain)
        before = rows(chain)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TABLE overwritten")
        db.execute("PRAGMA user_version = 1")
    with opened(path) as chain:
        assert rows(chain) == before
        assert [state is not None for state in states(chain)] == [False, True]
        chain.seal()
    with opened(path) as chain:
        assert [state is not None for state in states(chain)] == [False, True, True]


def test_nodes_may_move_and_join(tmp_path: Path) -> None:
    with opened(tmp_path / "chain.sqlite") as chain:
        settle(chain)
    grown = DevPreset((b"moved", b"second", b"joined"), (b"third", b"joined"))
    with opened(tmp_path / "chain.sqlite") as chain:
        settle(chain, grown)
        bag = chain.ledger.bags[SAMPLE_BAG]
        assert bag.stored_by == {0, 1, 2}
        assert {str(bucket) for bucket in bag.distributed_by} == {"0:0", "0:1"}
        metadata = [
            event.fields["metadata"] for event in chain.best.events if event.name == "StorageOperatorMetadataSet"
        ]
        assert metadata == [b"moved", b"second", b"joined"]


def test_a_block_is_stored_whole_or_not_at_all_and_the_chain_stops(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    with opened(path) as chain:
        settle(chain)
        best = chain.best
        assert chain._archive is not None
        chain._archive._db.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.state BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        for _ in range(2):
            with pytest.raises(ArchiveFailed, match="disk full"):
                chain.seal()
    with opened(path) as chain:
        assert chain.best.header == best.header


def test_one_chain_per_file(tmp_path: Path) -> None:
    with opened(tmp_path / "chain.sqlite"), pytest.raises(ArchiveUnusable, match="locked"):
        Archive(tmp_path / "chain.sqlite", build_runtime(Limits()))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, and long enough to be looked at" * 100)
    with pytest.raises(ArchiveUnusable):
        Archive(tmp_path / "text", build_runtime(Limits()))
    with sqlite3.connect(tmp_path / "newer") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ArchiveUnusable, match="format 99"):
        Archive(tmp_path / "newer", build_runtime(Limits()))
