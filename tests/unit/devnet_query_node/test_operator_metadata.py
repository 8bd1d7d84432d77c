"""Metadata messages: what is set overwrites, what is absent stays."""

from __future__ import annotations

import pytest

from joygrpc.devnet.query_node.operator_metadata import (
    distribution_operator_metadata,
    family_metadata,
    storage_operator_metadata,
)
from joygrpc.pb.joystream.metadata.storage_pb2 import (
    DistributionBucketFamilyMetadata,
    DistributionBucketOperatorMetadata,
    GeoCoordiantes,
    GeographicalArea,
    NodeLocationMetadata,
    StorageBucketOperatorMetadata,
)

FULL = {
    "nodeEndpoint": "http://localhost:3333",
    "nodeLocation": {
        "countryCode": "US",
        "city": "Chicago",
        "coordinates": {"latitude": 50.0, "longitude": 50.0},
    },
    "extra": "Extra",
}


def test_published_vectors() -> None:
    short = bytes.fromhex("0a15687474703a2f2f6c6f63616c686f73743a33333333")
    assert storage_operator_metadata({}, short) == {**dict.fromkeys(FULL), "nodeEndpoint": "http://localhost:3333"}
    full = bytes.fromhex(
        "0a15687474703a2f2f6c6f63616c686f73743a33333333"
        "12190a02555312074368696361676f1a0a1d0000484225000048421a054578747261"
    )
    assert storage_operator_metadata({}, full) == FULL


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (StorageBucketOperatorMetadata(), {}),
        (StorageBucketOperatorMetadata(endpoint=""), {"nodeEndpoint": None}),
        (StorageBucketOperatorMetadata(extra=""), {"extra": None}),
        (StorageBucketOperatorMetadata(location=NodeLocationMetadata()), {"nodeLocation": None}),
        (
            StorageBucketOperatorMetadata(location=NodeLocationMetadata(country_code="XX")),
            {"nodeLocation": {**FULL["nodeLocation"], "countryCode": None}},
        ),
        (
            StorageBucketOperatorMetadata(location=NodeLocationMetadata(city="Bern", coordinates=GeoCoordiantes())),
            {"nodeLocation": {"countryCode": "US", "city": "Bern", "coordinates": None}},
        ),
    ],
)
def test_fields_that_are_set_overwrite(message: StorageBucketOperatorMetadata, changed: dict[str, object]) -> None:
    assert storage_operator_metadata(FULL, message.SerializeToString()) == {**FULL, **changed}


def test_distributor_may_publish_an_empty_endpoint() -> None:
    message = DistributionBucketOperatorMetadata(endpoint="")
    values = distribution_operator_metadata(FULL, message.SerializeToString())
    assert values == {**FULL, "nodeEndpoint": ""}


def test_undecodable_bytes_change_nothing() -> None:
    assert storage_operator_metadata(FULL, b"\xff") is None
    assert distribution_operator_metadata(FULL, b"\xff") is None
    assert family_metadata({}, b"\xff") is None


def test_areas_of_a_family_are_replaced_whole() -> None:
    europe = GeographicalArea(continent=GeographicalArea.EU)
    invalid = GeographicalArea(country_code="XX")
    first = family_metadata(
        {}, DistributionBucketFamilyMetadata(region="r", areas=[europe, europe, invalid]).SerializeToString()
    )
    assert first is not None
    assert first["areas"] == [{"isTypeOf": "GeographicalAreaContinent", "continentCode": "EU"}]
    kept = family_metadata(first, DistributionBucketFamilyMetadata(description="d").SerializeToString())
    assert kept == {**first, "description": "d"}
    cleared = family_metadata(first, DistributionBucketFamilyMetadata(areas=[GeographicalArea()]).SerializeToString())
    assert cleared == {**first, "areas": []}
