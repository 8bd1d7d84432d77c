"""A large network on the devnet: ten thousand bags, a hundred thousand objects."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime
from joygrpc.query_node import queries
from tests.interop.devnet import Devnet, running_devnet

BAGS, OBJECTS_PER_BAG = 10_000, 10
OBJECTS = BAGS * OBJECTS_PER_BAG
PAGE = 1000
PAGE_WITHIN_S = 0.1 * 1.5
"""Of processor time. The factor is for a processor that shares its core with other tests."""
MEMORY_WITHIN_BYTES = 768 * 2**20
PRESET = {"storage": [{"endpoint": f"http://{n}"} for n in range(5)], "distributors": [{"endpoint": "http://d"}] * 2}

CONNECTION = """
query Page($after: String, $first: Int!) {
  storageDataObjectsConnection(orderBy: [id_ASC], after: $after, first: $first) {
    edges { cursor node { id size isAccepted storageBag { id } } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
"""


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """Bags in three of five storage buckets each, so that a bucket has 6000 of them."""
    with running_devnet(tmp_path_factory.mktemp("large"), preset=PRESET) as running:
        running.rpc("devnet_setParameters", parameters={"channel_storage_buckets": 3})
        for number in range(20):
            chosen = [number % 5, (number + 1) % 5, (number + 2) % 5]
            running.rpc(
                "devnet_populate", member=2, channels=BAGS // 20, objects=OBJECTS_PER_BAG, accepted=number % 2 == 0,
                storage_buckets=chosen,
            )  # fmt: skip
        yield running


def cpu_s(devnet: Devnet) -> float:
    times = psutil.Process(devnet.pid).cpu_times()
    return float(times.user + times.system)


def cost_s(devnet: Devnet, work: Callable[[], None]) -> float:
    """Processor time of the devnet for the work: what it would take on a machine with nothing else to do."""
    started = cpu_s(devnet)
    work()
    return cpu_s(devnet) - started


PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "bags": (queries.BAGS, {}),
    "bags of a bucket": (queries.BAGS, {"storageBuckets_some": {"storageBucket": {"id_in": ["3"]}}}),
    "bags of a distribution bucket": (
        queries.BAGS,
        {"distributionBuckets_some": {"distributionBucket": {"id_in": ["0:1"]}}},
    ),
    "objects": (queries.OBJECTS, {}),
    "accepted objects": (queries.OBJECTS, {"isAccepted_eq": True}),
    "objects of a bucket": (
        queries.OBJECTS,
        {"storageBag": {"storageBuckets_some": {"storageBucket": {"id_in": ["3"]}}}},
    ),
    "objects of bags": (
        queries.OBJECTS,
        {"storageBag": {"id_in": [f"dynamic:channel:{number}" for number in range(100, 600)]}},
    ),
    "objects by id": (queries.OBJECTS, {"id_in": [str(number) for number in range(5000, 5000 + PAGE)]}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_takes_a_moment(devnet: Devnet, name: str) -> None:
    """Pages from the beginning, the middle and the end, each of a thousand rows."""
    query, where = PAGES[name]
    bags = query is queries.BAGS
    if "id_in" in where:
        positions = ["", "5", "55"]
    else:
        positions = ["", "dynamic:channel:5", "dynamic:channel:89"] if bags else ["", "5", "89"]

    def ask() -> None:
        for position in positions:
            (rows,) = devnet.query(query, where={**where, "id_gt": position}, limit=PAGE).values()
            assert 0 < len(rows) <= PAGE
            assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)

    ask()
    per_page_s = min(cost_s(devnet, ask) for _ in range(4)) / len(positions)
    sys.stdout.write(f"{name}: {per_page_s * 1000:.0f} ms\n")
    assert per_page_s <= PAGE_WITHIN_S


@pytest.mark.slow
def test_a_cursor_leads_through_all_objects(devnet: Devnet) -> None:
    seen: set[str] = set()

    def walk() -> None:
        cursor = None
        while True:
            page = devnet.query(CONNECTION, after=cursor, first=PAGE)["storageDataObjectsConnection"]
            assert page["totalCount"] == OBJECTS
            seen.update(edge["node"]["id"] for edge in page["edges"])
            cursor = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return

    per_page_s = cost_s(devnet, walk) / (OBJECTS // PAGE)
    sys.stdout.write(f"connection: {per_page_s * 1000:.0f} ms\n")
    assert len(seen) == OBJECTS
    assert per_page_s <= PAGE_WITHIN_S


@pytest.mark.slow
def test_the_chain_pages_through_the_keys(devnet: Devnet) -> None:
    """Bags as clients of the chain list them."""
    prefix = "0x" + build_runtime(Limits()).item("Storage", "Bags").base_key.hex()
    keys: list[str] = []

    def walk() -> None:
        while page := devnet.rpc("state_getKeysPaged", prefix=prefix, count=PAGE, start_key=keys[-1] if keys else None):
            keys.extend(page)

    per_page_s = cost_s(devnet, walk) / (BAGS // PAGE)
    sys.stdout.write(f"keys: {per_page_s * 1000:.0f} ms\n")
    assert len(set(keys)) == BAGS + 1
    assert per_page_s <= PAGE_WITHIN_S


@pytest.mark.slow
def test_memory(devnet: Devnet) -> None:
    used = psutil.Process(devnet.pid).memory_info().rss
    sys.stdout.write(f"memory: {used / 2**20:.0f} MiB for {BAGS} bags and {OBJECTS} objects\n")
    assert used <= MEMORY_WITHIN_BYTES
