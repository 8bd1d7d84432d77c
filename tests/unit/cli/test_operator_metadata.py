"""What operators and leads publish, from their files and flags."""

import json
from pathlib import Path
from typing import Any

import pytest

from joygrpc.cli.onchain.exits import DISTRIBUTOR_EXITS, STORAGE_EXITS, CommandFailed
from joygrpc.cli.onchain.operator_metadata import family_description, operator_description, with_mesh_endpoint
from joygrpc.pb.joystream.metadata import storage_pb2

ENDPOINT_ONLY = "0a15687474703a2f2f6c6f63616c686f73743a33333333"
WHOLE = ENDPOINT_ONLY + "12190a02555312074368696361676f1a0a1d0000484225000048421a054578747261"


def encoded(tmp_path: Path, content: Any = None, **flags: str) -> str:
    file = None
    if content is not None:
        file = tmp_path / "metadata.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    message = storage_pb2.StorageBucketOperatorMetadata()
    operator_description(message, STORAGE_EXITS, file=file, **flags)
    return message.SerializeToString().hex()


def test_the_endpoint_alone(tmp_path: Path) -> None:
    assert encoded(tmp_path, endpoint="http://localhost:3333") == ENDPOINT_ONLY


def test_a_whole_file(tmp_path: Path) -> None:
    content = {
        "endpoint": "http://localhost:3333",
        "location": {"countryCode": "US", "city": "Chicago", "coordinates": {"latitude": 50, "longitude": 50}},
        "extra": "Extra",
    }
    assert encoded(tmp_path, content) == WHOLE


def test_empty_messages_are_sent_since_they_clear(tmp_path: Path) -> None:
    assert encoded(tmp_path, {"location": {}}) == "1200"
    assert encoded(tmp_path, {"location": {"coordinates": {}}}) == "12021a00"
    assert encoded(tmp_path, {}) == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"nodeEndpoint": "http://a"}, "nodeEndpoint"),
        ({"location": {"country": "DE"}}, "location.country"),
        ({"location": {"countryCode": "de"}}, "location.countryCode"),
        ({"location": {"coordinates": {"latitude": 91, "longitude": 0}}}, "location.coordinates.latitude"),
        ({"location": {"coordinates": {"latitude": "1"}}}, "location.coordinates.latitude"),
        ({"endpoint": "localhost:3333"}, "endpoint"),
        ({"endpoint": "ftp://a"}, "endpoint"),
        ({"extra": {"grpc": "x"}}, "extra"),
        ([], "file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: Any, problem: str) -> None:
    with pytest.raises(CommandFailed, match="OperatorMetadata is not valid") as raised:
        encoded(tmp_path, content)
    assert f"\n  {problem}: " in raised.value.message
    assert raised.value.exit_code == 100


def test_a_missing_file_and_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed) as raised:
        operator_description(storage_pb2.StorageBucketOperatorMetadata(), STORAGE_EXITS, file=tmp_path / "none")
    assert raised.value.exit_code == 102
    with pytest.raises(CommandFailed, match="not JSON"):
        encoded(tmp_path, "{")


def test_the_mesh_endpoint_is_merged_into_extra(tmp_path: Path) -> None:
    mesh = "grpcs://node.example:50051"
    assert with_mesh_endpoint(None, mesh, STORAGE_EXITS) == '{"grpc":"grpcs://node.example:50051"}'
    merged = with_mesh_endpoint('{"note": "hello", "grpc": "grpc://old:1"}', mesh, STORAGE_EXITS)
    assert json.loads(merged) == {"note": "hello", "grpc": mesh}
    message = storage_pb2.StorageBucketOperatorMetadata.FromString(
        bytes.fromhex(encoded(tmp_path, endpoint="https://a", mesh_endpoint=mesh))
    )
    assert (message.endpoint, json.loads(message.extra)) == ("https://a", {"grpc": mesh})
    for extra, address in [
        ("some text", mesh),
        ("[]", mesh),
        (None, "https://a:1"),
        (None, "grpc://a"),
        (None, "grpc://a:0"),
    ]:
        with pytest.raises(CommandFailed):
            with_mesh_endpoint(extra, address, STORAGE_EXITS)


def test_a_family(tmp_path: Path) -> None:
    file = tmp_path / "family.json"
    file.write_text(
        json.dumps(
            {
                "region": "europe",
                "description": "Central",
                "areas": [{"continentCode": "EU"}, {"countryCode": "DE"}, {"subdivisionCode": "DE-BE"}, {}],
                "latencyTestTargets": ["a.example", "b.example"],
            }
        )
    )
    message = storage_pb2.DistributionBucketFamilyMetadata.FromString(family_description(file, DISTRIBUTOR_EXITS))
    assert (message.region, message.description) == ("europe", "Central")
    assert [area.WhichOneof("code") for area in message.areas] == [
        "continent",
        "country_code",
        "subdivision_code",
        None,
    ]
    assert message.areas[0].continent == storage_pb2.GeographicalArea.EU
    assert list(message.latency_test_targets) == ["a.example", "b.example"]


@pytest.mark.parametrize(
    "content",
    [
        {"areas": [{"countryCode": "XX"}]},
        {"areas": [{"countryCode": "DE", "continentCode": "EU"}]},
        {"areas": [{"subdivisionCode": "Berlin"}]},
        {"regions": "x"},
    ],
)
def test_families_are_checked(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "family.json"
    file.write_text(json.dumps(content))
    with pytest.raises(CommandFailed) as raised:
        family_description(file, DISTRIBUTOR_EXITS)
    assert raised.value.exit_code == 1
