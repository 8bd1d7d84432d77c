"""The codec, against known encodings and against itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

from joygrpc.devnet.metadata.storage_types import BAG_ID, DISTRIBUTION_BUCKET_ID, STORAGE_BUCKET
from joygrpc.devnet.scale import (
    BOOL,
    BYTES,
    TEXT,
    U8,
    U64,
    U128,
    BTreeMap,
    BTreeSet,
    Compact,
    Enum,
    Option,
    Reader,
    ScaleError,
    Struct,
    Tuple,
    Type,
    Variant,
    Vec,
    encode_compact,
)


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00"),
        (1, "04"),
        (63, "fc"),
        (64, "0101"),
        (16_383, "fdff"),
        (16_384, "02000100"),
        (2**30 - 1, "feffffff"),
        (2**30, "0300000040"),
        (2**64 - 1, "13ffffffffffffffff"),
    ],
)
def test_compact_integers(value: int, encoded: str) -> None:
    assert encode_compact(value).hex() == encoded
    assert Reader(bytes.fromhex(encoded)).compact() == value


@settings(deadline=None)
@given(st.integers(0, 2**536 - 1))
def test_compact_integers_come_back(value: int) -> None:
    assert Reader(encode_compact(value)).compact() == value


_COLOUR = Enum(
    "Colour", (Variant(0, "Red"), Variant(3, "Mixed", {"red": U8, "blue": U8}), Variant(5, "Named", {"name": TEXT}))
)
_RECORD = Struct("Record", {"count": Compact(U64), "parts": Vec(Option(BYTES)), "colour": _COLOUR})


@pytest.mark.parametrize(
    ("described", "value", "encoded"),
    [
        (BOOL, True, "01"),
        (TEXT, "é", "08c3a9"),
        (BYTES, b"ab", "086162"),
        (Option(U8), None, "00"),
        (Option(U8), 7, "0107"),
        (Vec(U8), [1, 2], "080102"),
        (Tuple(U8, BOOL), (1, False), "0100"),
        (U128, 1, "01" + "00" * 15),
        (_COLOUR, "Red", "00"),
        (_COLOUR, {"Mixed": (1, 2)}, "030102"),
        (_COLOUR, {"Named": "x"}, "050478"),
        (_RECORD, {"count": 64, "parts": [None, b"a"], "colour": "Red"}, "0101" + "08" + "00" + "010461" + "00"),
        (BTreeMap(U8, U8), {1: 9, 2: 8}, "0801090208"),
        (BAG_ID, "dynamic:channel:7", "0101" + "0700000000000000"),
        (BAG_ID, "dynamic:member:1", "0100" + "0100000000000000"),
        (BAG_ID, "static:council", "0000"),
        (BAG_ID, "static:wg:distribution", "000105"),
        (DISTRIBUTION_BUCKET_ID, "2:10", "0200000000000000" + "0a00000000000000"),
    ],
)
def test_known_encodings(described: Type, value: Any, encoded: str) -> None:
    assert described.encode(value).hex() == encoded
    assert described.decode(bytes.fromhex(encoded)) == value


def test_sets_are_ascending_by_value_not_by_text() -> None:
    ids = BTreeSet(DISTRIBUTION_BUCKET_ID)
    encoded = ids.encode(["0:10", "0:2", "0:10"])
    assert ids.decode(encoded) == ["0:2", "0:10"]
    assert BTreeSet(U8).decode(bytes.fromhex("0c030103")) == [1, 3]


def test_bytes_are_taken_as_hex_and_text_too() -> None:
    assert BYTES.encode("0x6162") == BYTES.encode("ab") == BYTES.encode(b"ab")


@pytest.mark.parametrize(
    ("described", "value"),
    [
        (U8, 256),
        (U8, -1),
        (U8, "x"),
        (Compact(U8), 256),
        (_COLOUR, "Green"),
        (_COLOUR, {"Mixed": (1,)}),
        (_RECORD, {"count": 1}),
        (BAG_ID, "dynamic:channel:x"),
        (DISTRIBUTION_BUCKET_ID, "1"),
        (BYTES, "0x0"),
        (Tuple(U8, U8), (1,)),
    ],
)
def test_values_that_do_not_fit(described: Type, value: Any) -> None:
    with pytest.raises(ScaleError):
        described.encode(value)


@pytest.mark.parametrize(
    ("described", "data"),
    [
        (U64, "00"),
        (U8, "0000"),
        (BOOL, "02"),
        (Option(U8), "02"),
        (_COLOUR, "01"),
        (Vec(U64), "feffffff"),
        (TEXT, "04ff"),
        (Compact(U8), "0101ff"),
    ],
)
def test_bytes_that_do_not_decode(described: Type, data: str) -> None:
    with pytest.raises(ScaleError):
        described.decode(bytes.fromhex(data))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_garbage_never_raises_anything_else(data: bytes) -> None:
    for described in (_RECORD, STORAGE_BUCKET, BAG_ID):
        try:
            value = described.decode(data)
        except ScaleError:
            continue
        assert described.decode(described.encode(value)) == value


_OTHER = RuntimeConfigurationObject()
_OTHER.update_type_registry(load_type_registry_preset("core"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**64 - 1), st.binary(max_size=80)), max_size=5))
def test_another_implementation_reads_the_same(rows: list[tuple[bool, int, bytes]]) -> None:
    described = Vec(Tuple(BOOL, Compact(U64), BYTES))
    decoded = _OTHER.create_scale_object(
        "Vec<(bool, Compact<u64>, HexBytes)>", data=ScaleBytes(bytearray(described.encode(rows)))
    ).decode()
    assert decoded == [(flag, number, "0x" + data.hex()) for flag, number, data in rows]
