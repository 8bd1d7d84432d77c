import pytest

from joygrpc.chain.decoding import (
    UndecodableValue,
    bag_of,
    bytes_of,
    data_object_of,
    int_of,
    ints_of,
    operator_of,
    storage_bucket_of,
    worker_of,
)
from joygrpc.chain.port import ChainBag, ChainDataObject, ChainStorageBucket, ChainWorker
from joygrpc.content import BagId

BAG = BagId.member(3)


def test_a_data_object() -> None:
    value = {"accepted": True, "state_bloat_bond": {}, "size": 10, "ipfs_content_id": "gWabc"}
    assert data_object_of(BAG, 4, value) == ChainDataObject(4, BAG, 10, "gWabc", accepted=True)


def test_a_bag() -> None:
    value = {
        "stored_by": [0, 2],
        "distributed_by": [{"distribution_bucket_family_id": 1, "distribution_bucket_index": 0}],
        "objects_total_size": 30,
        "objects_number": 2,
    }
    assert bag_of(BAG, value) == ChainBag(BAG, frozenset({0, 2}), frozenset({"1:0"}), 30, 2)


def test_a_storage_bucket_and_its_operator() -> None:
    value = {
        "operator_status": {"StorageWorker": (1, "j4…")},
        "accepting_new_bags": True,
        "voucher": {"size_limit": 1, "objects_limit": 2, "size_used": 3, "objects_used": 4},
        "assigned_bags": 1,
    }
    assert storage_bucket_of(5, value) == ChainStorageBucket(5, "active", 1, "j4…", True, 1, 2, 3, 4)


def test_operators() -> None:
    assert operator_of("Missing") == ("missing", None, None)
    assert operator_of({"InvitedStorageWorker": 3}) == ("invited", 3, None)
    with pytest.raises(UndecodableValue):
        operator_of({"Other": 1})


def test_a_worker() -> None:
    value = {"member_id": 2, "role_account_id": "j4…", "started_leaving_at": None}
    assert worker_of("storage", 0, value) == ChainWorker("storage", 0, 2, "j4…")


@pytest.mark.parametrize(
    ("value", "expected"), [("abc", b"abc"), ("0x00ff", b"\0\xff"), ("0xno", b"0xno"), (b"x", b"x"), ("", b"")]
)
def test_bytes(value: object, expected: bytes) -> None:
    assert bytes_of(value) == expected


def test_sets_come_bare_or_wrapped() -> None:
    assert ints_of([1, 2]) == ints_of([[1, 2]]) == ints_of((1, 2)) == ints_of({2, 1}) == (1, 2)


@pytest.mark.parametrize("value", [None, True, [], 1.5])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(UndecodableValue):
        int_of(value)
