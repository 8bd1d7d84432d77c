"""Filters, orders and windows of lists."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.devnet.query_node.conditions import Conditions
from joygrpc.devnet.query_node.entities import DESCRIPTION
from joygrpc.devnet.query_node.selection import Order, Selection
from joygrpc.devnet.query_node.tables import Table, Tables


def network(objects: int, bags: int, buckets: int) -> Tables:
    """Objects spread over bags, each bag in two buckets."""
    tables = Tables(DESCRIPTION)
    for number in range(buckets):
        status: dict[str, Any] = {"isTypeOf": "StorageBucketOperatorStatusMissing"}
        if number % 2:
            status = {"isTypeOf": "StorageBucketOperatorStatusInvited", "workerId": number}
        tables["StorageBucket"].put({"id": str(number), "operatorStatus": status, "dataObjectsSize": number * 5})
        if number % 3 == 0:
            tables["StorageBucketOperatorMetadata"].put({"id": str(number), "nodeEndpoint": f"http://Node{number}/"})
    for number in range(bags):
        bag = f"dynamic:channel:{number}"
        tables["StorageBag"].put({"id": bag, "owner": {"isTypeOf": "StorageBagOwnerChannel", "channelId": str(number)}})
        for bucket in {number % buckets, (number + 1) % buckets}:
            tables["StorageBucketBag"].put({"id": f"{bucket}-{bag}", "storageBucket": str(bucket), "bag": bag})
    for number in range(objects):
        tables["StorageDataObject"].put(
            {
                "id": str(number),
                "isAccepted": number % 3 != 0,
                "acceptingBucketId": str(number % buckets) if number % 3 else None,
                "size": (number * 7919) % 1000,
                "storageBag": f"dynamic:channel:{number % bags}",
                "ipfsHash": f"gW9{number}",
                "createdAt": "2023-11-14T22:13:26.000000Z",
                "stateBloatBond": 5,
            }
        )
    return tables


SMALL = network(objects=60, bags=12, buckets=5)


def ids(entity: str, where: dict[str, Any] | None, *order_by: str, **window: int) -> list[str]:
    return [str(row["id"]) for row in Selection(SMALL).rows(entity, where, order_by, **window)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"id_eq": "7"}, ["7"]),
        ({"id_eq": None}, []),
        ({"id_in": ["8", "7", "7", "nothing"]}, ["7", "8"]),
        ({"id_in": []}, []),
        ({"id_gt": "57"}, ["58", "59", "6", "7", "8", "9"]),
        ({"id_gte": "57", "id_lt": "6"}, ["57", "58", "59"]),
        ({"id_startsWith": "5", "id_not_in": ["50", "51", "52", "53", "54", "55"]}, ["5", "56", "57", "58", "59"]),
        ({"id_endsWith": "9", "isAccepted_eq": False}, ["39", "9"]),
        ({"size_lte": 100, "isAccepted_not_eq": True}, ["0", "12", "24", "36"]),
        ({"ipfsHash_contains": "W91", "acceptingBucketId_isNull": True}, ["12", "15", "18"]),
        ({"ipfsHash_containsInsensitive": "gw958"}, ["58"]),
        # A null value is not "not 1".
        ({"acceptingBucketId_not_eq": "1", "id_lt": "12"}, ["10"]),
        ({"storageBag": {"id_in": ["dynamic:channel:1"]}, "id_lt": "3"}, ["1", "13", "25"]),
        ({"storageBag": {"owner": {"channelId_eq": "3"}}}, ["15", "27", "3", "39", "51"]),
        ({"id_eq": "1", "OR": [{"id_eq": "2"}, {"id_eq": "3"}]}, ["1", "2", "3"]),
        ({"AND": [{"OR": [{"id_eq": "2"}, {"id_eq": "3"}]}], "isAccepted_eq": True}, ["2"]),
        ({"type_isNull": True, "id_eq": "1"}, ["1"]),
    ],
)
def test_filters_of_objects(where: dict[str, Any], expected: list[str]) -> None:
    assert ids("StorageDataObject", where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"operatorStatus": {"isTypeOf_eq": "StorageBucketOperatorStatusInvited"}}, ["1", "3"]),
        ({"operatorStatus": {"workerId_gt": 1}}, ["3"]),
        ({"operatorMetadata_isNull": True}, ["1", "2", "4"]),
        ({"operatorMetadata": {"nodeEndpoint_containsInsensitive": "NODE3"}}, ["3"]),
        ({"bags_some": {"bag": {"id_eq": "dynamic:channel:6"}}}, ["1", "2"]),
        ({"bags_none": {"bag": {"id_eq": "dynamic:channel:6"}}}, ["0", "3", "4"]),
        ({"bags_every": {"bag": {"owner": {"channelId_in": ["0", "4", "5", "9", "10"]}}}}, ["0"]),
        ({"dataObjectsSize_in": [5, 10]}, ["1", "2"]),
    ],
)
def test_filters_of_buckets(where: dict[str, Any], expected: list[str]) -> None:
    assert ids("StorageBucket", where) == expected


def test_orders_and_windows() -> None:
    where = {"id_in": ["1", "2", "3", "10"]}
    assert ids("StorageDataObject", where, "id_DESC") == ["3", "2", "10", "1"]
    sizes = {row["id"]: row["size"] for row in Selection(SMALL).rows("StorageDataObject", where, ())}
    assert ids("StorageDataObject", where, "size_ASC") == sorted(sizes, key=lambda one: sizes[one])
    assert ids("StorageDataObject", where, "isAccepted_DESC", "id_DESC") == ["2", "10", "1", "3"]
    assert ids("StorageDataObject", where, "storageBag_id_DESC", "id_ASC") == ["3", "2", "10", "1"]
    assert ids("StorageDataObject", where, "acceptingBucketId_ASC_NULLS_FIRST")[0] == "3"
    assert ids("StorageDataObject", where, "acceptingBucketId_ASC")[-1] == "3"
    assert ids("StorageBucket", None, "operatorStatus_workerId_ASC_NULLS_LAST")[:2] == ["1", "3"]
    assert ids("StorageDataObject", None, "id_ASC", offset=2, limit=2) == ["10", "11"]
    assert ids("StorageDataObject", None, limit=0) == []


def test_order_names_are_read_from_the_end() -> None:
    assert Order.parse("storageBag_id_DESC_NULLS_LAST") == Order(
        ("storageBag", "id"), descending=True, nulls_first=False
    )
    with pytest.raises(ValueError, match="sideways"):
        Order.parse("id_sideways")


CONDITION = st.deferred(
    lambda: st.one_of(
        st.builds(lambda n: {"id_eq": str(n)}, st.integers(0, 70)),
        st.builds(lambda ns: {"id_in": [str(n) for n in ns]}, st.lists(st.integers(0, 70), max_size=5)),
        st.builds(lambda n: {"id_gt": str(n)}, st.integers(0, 70)),
        st.builds(lambda n: {"id_lte": str(n)}, st.integers(0, 70)),
        st.builds(
            lambda ns: {"storageBag": {"id_in": [f"dynamic:channel:{n}" for n in ns]}},
            st.lists(st.integers(0, 14), max_size=5),
        ),
        st.builds(
            lambda ns: {"storageBag": {"storageBuckets_some": {"storageBucket": {"id_in": [str(n) for n in ns]}}}},
            st.lists(st.integers(0, 6), max_size=3),
        ),
        st.builds(lambda flag: {"isAccepted_eq": flag}, st.booleans()),
        st.builds(lambda left, right: {"AND": [left, right]}, CONDITION, CONDITION),
        st.builds(lambda left, right: {**left, "OR": [right]}, CONDITION, CONDITION),
    )
)


@settings(deadline=None, max_examples=150)
@given(where=CONDITION, descending=st.booleans(), offset=st.integers(0, 5), limit=st.none() | st.integers(0, 9))
def test_indices_never_change_an_answer(
    where: dict[str, Any], descending: bool, offset: int, limit: int | None
) -> None:
    table = SMALL["StorageDataObject"]
    test = Conditions(SMALL).test("StorageDataObject", where)
    rows = [table.get(row_id) for row_id in table.ids()]
    expected = sorted((str(row["id"]) for row in rows if row and (test is None or test(row))), reverse=descending)
    order = "id_DESC" if descending else "id_ASC"
    end = None if limit is None else offset + limit
    found = Selection(SMALL).rows("StorageDataObject", where, (order,), offset, limit)
    assert [row["id"] for row in found] == expected[offset:end]
    assert Selection(SMALL).count("StorageDataObject", where) == len(expected)


@settings(deadline=None, max_examples=50)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "delete", "look"]), st.integers(0, 20), st.integers(0, 3)), max_size=60
    )
)
def test_a_table_keeps_order_and_indices_through_changes(steps: list[tuple[str, int, int]]) -> None:
    table = Table(DESCRIPTION.entities["StorageDataObject"])
    model: dict[str, str] = {}
    for step, number, bag in steps:
        row_id = str(number)
        if step == "put":
            table.put({"id": row_id, "storageBag": str(bag)})
            model[row_id] = str(bag)
        elif step == "delete":
            assert table.delete(row_id) is (model.pop(row_id, None) is not None)
        else:
            assert list(table.ids()) == sorted(model)
    assert list(table.ids()) == sorted(model)
    assert len(table) == len(model)
    for bag in "0123":
        of_bag = [row["id"] for row in table.rows_by(("storageBag",), bag)]
        assert of_bag == sorted(row_id for row_id, at in model.items() if at == bag)


def test_pages_of_a_hundred_thousand_objects_are_fast() -> None:
    tables = network(objects=100_000, bags=20_000, buckets=50)
    selection = Selection(tables)
    bags = [f"dynamic:channel:{number}" for number in range(1000)]
    in_buckets = {"storageBuckets_some": {"storageBucket": {"id_in": ["1", "2"]}}}
    pages: list[tuple[str, dict[str, Any]]] = [
        ("StorageDataObject", {"id_gt": "5"}),
        ("StorageDataObject", {"id_in": [str(number * 7) for number in range(1000)]}),
        ("StorageDataObject", {"storageBag": {"id_in": bags}, "id_gt": "3", "isAccepted_eq": True}),
        ("StorageDataObject", {"storageBag": in_buckets, "id_gt": "4"}),
        ("StorageBag", in_buckets),
    ]
    for entity, where in pages:
        selection.rows(entity, where, ("id_ASC",), 0, 1000)
        start = process_time()
        rows = selection.rows(entity, where, ("id_ASC",), 0, 1000)
        assert rows
        # Processor time, so that a busy machine does not fail the test; a scan of all rows takes longer than this.
        assert process_time() - start < 0.05, (entity, where)
