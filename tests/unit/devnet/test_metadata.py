"""The runtime's description against mainnet's."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from joygrpc.devnet.events import EVENT_FIELDS
from joygrpc.devnet.limits import MAINNET, Limits
from joygrpc.devnet.metadata.runtime import build_runtime

from .runtime_facts import Facts, covered, decode_metadata, digests, facts_of

_KEPT = Path(__file__).parent / "runtime_indices.json"
_REFERENCE = "joystream-metadata-2004.json"


@pytest.fixture(scope="module")
def ours() -> Facts:
    return facts_of(decode_metadata("0x" + build_runtime(MAINNET).metadata.hex()))


def test_names_indices_and_shapes_are_those_kept_from_mainnet(ours: Facts) -> None:
    assert digests(ours) == json.loads(_KEPT.read_text())


def test_names_indices_and_shapes_are_those_of_the_reference_file(ours: Facts) -> None:
    """Where the reference data is at hand; elsewhere the kept table stands for it."""
    folder = os.environ.get("JOYGRPC_REFERENCE_DATA")
    if folder is None:
        sys.stdout.write("no reference data: compared with the kept table alone\n")
        return
    reference = facts_of(decode_metadata(json.loads((Path(folder) / _REFERENCE).read_text())["result"]))
    assert ours == covered(reference, ours)


def test_the_storage_pallet_is_complete(ours: Facts) -> None:
    storage = ours["Storage"]
    counts = {kind: len(storage[kind]) for kind in ("storage", "constants", "calls", "events", "errors")}
    assert counts == {"storage": 19, "constants": 11, "calls": 35, "events": 42, "errors": 65}


def test_every_listed_event_is_in_the_metadata(ours: Facts) -> None:
    assert {pallet: set(events) for pallet, events in EVENT_FIELDS.items()} == {
        pallet: set(kinds["events"]) for pallet, kinds in ours.items() if kinds.get("events")
    }


def test_building_takes_a_blink() -> None:
    started = time.perf_counter()
    metadata = build_runtime(Limits(max_workers=7)).metadata
    assert time.perf_counter() - started < 0.3
    assert len(metadata) < 40_000


def test_a_storage_key_is_the_chains() -> None:
    # twox128("System") twox128("Account") blake2_128_concat(Alice), as every Substrate chain has it.
    alice = "0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
    assert build_runtime(Limits()).item("System", "Account").raw_key(alice).hex() == (
        "26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9"
        "de1e86a9a8c739864cf3cc5ec2bea59fd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
    )
