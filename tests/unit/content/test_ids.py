from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import (
    WORKING_GROUPS,
    BagId,
    DistributionBucketId,
    InvalidBagId,
    InvalidDistributionBucketId,
    InvalidObjectId,
    parse_object_id,
)

U64_MAX = 2**64 - 1
u64 = st.integers(0, U64_MAX)
bags = st.one_of(
    st.just(BagId.council()),
    st.sampled_from(sorted(WORKING_GROUPS)).map(BagId.working_group),
    u64.map(BagId.member),
    u64.map(BagId.channel),
)


@given(u64)
def test_an_object_id_is_its_canonical_decimal_text(number: int) -> None:
    assert parse_object_id(str(number)) == number


@pytest.mark.parametrize(
    "text", ["", "00", "007", "+1", "-1", " 1", "1 ", "1\n", "1_0", "0x1", "1.0", "٣", "²", str(2**64), "9" * 5000]
)
def test_any_other_text_is_no_object_id(text: str) -> None:
    with pytest.raises(InvalidObjectId):
        parse_object_id(text)


@pytest.mark.parametrize(
    ("text", "bag", "canonical", "scale_hex", "scale_value"),
    [
        ("static:council", BagId.council(), "static:council", "0000", {"Static": "Council"}),
        (
            "static:wg:storage",
            BagId.working_group("storage"),
            "static:wg:storage",
            "000101",
            {"Static": {"WorkingGroup": "Storage"}},
        ),
        (
            " STATIC:wg:OperationsGamma\t",
            BagId.working_group("operationsgamma"),
            "static:wg:operationsgamma",
            "000107",
            {"Static": {"WorkingGroup": "OperationsGamma"}},
        ),
        ("dynamic:member:0", BagId.member(0), "dynamic:member:0", "0100" + "00" * 8, {"Dynamic": {"Member": 0}}),
        (
            "Dynamic:Channel:258",
            BagId.channel(258),
            "dynamic:channel:258",
            "01010201000000000000",
            {"Dynamic": {"Channel": 258}},
        ),
        (
            "dynamic:channel:007",
            BagId.channel(7),
            "dynamic:channel:7",
            "01010700000000000000",
            {"Dynamic": {"Channel": 7}},
        ),
        (
            f"dynamic:member:{U64_MAX}",
            BagId.member(U64_MAX),
            f"dynamic:member:{U64_MAX}",
            "0100" + "ff" * 8,
            {"Dynamic": {"Member": U64_MAX}},
        ),
    ],
)
def test_bag_id_forms(text: str, bag: BagId, canonical: str, scale_hex: str, scale_value: object) -> None:
    assert BagId.parse(text) == bag
    assert str(bag) == canonical
    assert bag.scale_bytes().hex() == scale_hex
    assert bag.to_scale() == scale_value


def test_working_groups_have_the_runtimes_indices() -> None:
    expected = "forum storage content operationsalpha app distribution operationsbeta operationsgamma membership"
    assert list(WORKING_GROUPS) == expected.split()
    assert [BagId.working_group(group).scale_bytes()[2] for group in WORKING_GROUPS] == list(range(9))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", ""),
        ("static", ""),
        ("council", ""),
        ("other:member:1", ""),
        ("dynamic:member:1:2", ""),
        ("static:wg:storage:x", ""),
        ("static:", "static "),
        ("static:council:", "static "),
        ("static:council:1", "static "),
        ("static:wg", "static "),
        ("static:wg:gateway", "static "),
        ("static: council", "static "),
        ("dynamic:member", "dynamic "),
        ("dynamic:member:", "dynamic "),
        ("dynamic:member:12x", "dynamic "),
        ("dynamic:member:-1", "dynamic "),
        ("dynamic:member: 1", "dynamic "),
        ("dynamic:channel:٣", "dynamic "),
        (f"dynamic:channel:{2**64}", "dynamic "),
        ("dynamic:channel:" + "9" * 5000, "dynamic "),
        (" Dynamic:Video:1 ", "dynamic "),
    ],
)
def test_an_invalid_bag_id_is_told_as_it_was_given(text: str, kind: str) -> None:
    with pytest.raises(InvalidBagId) as refusal:
        BagId.parse(text)
    assert str(refusal.value) == f"Invalid {kind}bagId: {text}"


@given(bags)
def test_bags_survive_text_and_scale(bag: BagId) -> None:
    assert BagId.parse(str(bag)) == bag
    assert BagId.from_scale(bag.to_scale()) == bag


@given(bags, bags)
def test_bags_sort_as_on_chain(left: BagId, right: BagId) -> None:
    def chain_order(bag: BagId) -> tuple[bytes, int]:
        data = bag.scale_bytes()
        return data[:2], int.from_bytes(data[2:], "little")

    assert (left < right) == (chain_order(left) < chain_order(right))
    assert (left == right) == (hash(left) == hash(right) and left <= right and left >= right)


@pytest.mark.parametrize(
    ("value", "bag"),
    [
        ({"Static": {"Council": None}}, BagId.council()),
        (("Static", ("Council", None)), BagId.council()),
        ({"static": {"workingGroup": "operationsAlpha"}}, BagId.working_group("operationsalpha")),
        ({"Static": {"WorkingGroup": {"Storage": None}}}, BagId.working_group("storage")),
        ({"dynamic": {"channel": "7"}}, BagId.channel(7)),
        ({"Dynamic": {"Member": (7,)}}, BagId.member(7)),
        (("Dynamic", {"Channel": [7]}), BagId.channel(7)),
        (SimpleNamespace(value={"Dynamic": {"Channel": SimpleNamespace(value=7)}}), BagId.channel(7)),
    ],
)
def test_decoded_values_of_other_shapes_are_understood(value: object, bag: BagId) -> None:
    assert BagId.from_scale(value) == bag


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "Static",
        {},
        {"Static": "WorkingGroup"},
        {"Static": {"WorkingGroup": "Gateway"}},
        {"Static": {"Council": 1}},
        {"Dynamic": "Member"},
        {"Dynamic": {"Member": -1}},
        {"Dynamic": {"Member": True}},
        {"Dynamic": {"Member": 2**64}},
        {"Dynamic": {"Member": "x"}},
        {"Dynamic": {"Member": 1}, "Static": "Council"},
    ],
)
def test_values_that_are_no_bag_are_refused(value: object) -> None:
    with pytest.raises(InvalidBagId):
        BagId.from_scale(value)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "council", "number": 1},
        {"kind": "working_group"},
        {"kind": "working_group", "group": "gateway"},
        {"kind": "working_group", "group": "storage", "number": 1},
        {"kind": "member"},
        {"kind": "member", "number": -1},
        {"kind": "channel", "number": 2**64},
        {"kind": "channel", "group": "storage", "number": 1},
        {"kind": "video", "number": 1},
    ],
)
def test_a_bag_cannot_be_made_of_fields_that_do_not_fit(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidBagId):
        BagId(**fields)


def test_distribution_bucket_ids() -> None:
    bucket = DistributionBucketId.parse(" 3:12 ")
    assert bucket == DistributionBucketId(family=3, index=12)
    assert str(bucket) == "3:12"
    assert DistributionBucketId(0, 9) < DistributionBucketId(0, 10) < DistributionBucketId(1, 0)


@pytest.mark.parametrize("text", ["", "1", "1:", ":1", "1:2:3", "a:1", "1:-1", f"0:{2**64}"])
def test_other_texts_are_no_distribution_bucket(text: str) -> None:
    with pytest.raises(InvalidDistributionBucketId):
        DistributionBucketId.parse(text)
