"""What metadata messages change: fields that are set overwrite, the rest stays, undecodable bytes change nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import DecodeError, Message

from joygrpc.devnet.query_node.regions import is_country, is_subdivision
from joygrpc.devnet.query_node.shapes import TYPE_OF
from joygrpc.pb.joystream.metadata.storage_pb2 import (
    DistributionBucketFamilyMetadata,
    DistributionBucketOperatorMetadata,
    GeographicalArea,
    NodeLocationMetadata,
    StorageBucketOperatorMetadata,
)

Values = dict[str, Any]


def storage_operator_metadata(before: Mapping[str, Any], data: bytes) -> Values | None:
    """The metadata of a storage bucket's operator after the bytes were published; None when they do not decode."""
    message = StorageBucketOperatorMetadata()
    if not _decode(message, data):
        return None
    return _operator_values(before, message, lambda endpoint: endpoint or None)


def distribution_operator_metadata(before: Mapping[str, Any], data: bytes) -> Values | None:
    """The metadata of a distribution bucket's operator; unlike a storage bucket's, its endpoint may be empty text."""
    message = DistributionBucketOperatorMetadata()
    if not _decode(message, data):
        return None
    return _operator_values(before, message, lambda endpoint: endpoint)


def family_metadata(before: Mapping[str, Any], data: bytes) -> Values | None:
    """The metadata of a family of distribution buckets."""
    message = DistributionBucketFamilyMetadata()
    if not _decode(message, data):
        return None
    values: Values = {name: before.get(name) for name in ("region", "description", "areas", "latencyTestTargets")}
    if message.HasField("region"):
        values["region"] = message.region or None
    if message.HasField("description"):
        values["description"] = message.description or None
    if message.areas:
        areas: list[Values] = []
        for one in message.areas:
            area = _area(one)
            if area is not None and area not in areas:
                areas.append(area)
        values["areas"] = areas
    if message.latency_test_targets:
        values["latencyTestTargets"] = [target for target in message.latency_test_targets if target]
    return values


def _decode(message: Message, data: bytes) -> bool:
    try:
        message.ParseFromString(data)
    except DecodeError:
        return False
    return True


def _operator_values(
    before: Mapping[str, Any],
    message: StorageBucketOperatorMetadata | DistributionBucketOperatorMetadata,
    endpoint: Callable[[str], str | None],
) -> Values:
    values: Values = {name: before.get(name) for name in ("nodeEndpoint", "nodeLocation", "extra")}
    if message.HasField("endpoint"):
        values["nodeEndpoint"] = endpoint(message.endpoint)
    if message.HasField("extra"):
        values["extra"] = message.extra or None
    if message.HasField("location"):
        values["nodeLocation"] = _location(values["nodeLocation"] or {}, message.location)
    return values


def _location(before: Mapping[str, Any], message: NodeLocationMetadata) -> Values | None:
    if not message.ListFields():
        return None
    values: Values = {name: before.get(name) for name in ("countryCode", "city", "coordinates")}
    if message.HasField("country_code"):
        values["countryCode"] = message.country_code if is_country(message.country_code) else None
    if message.HasField("city"):
        values["city"] = message.city or None
    if message.HasField("coordinates"):
        empty = not message.coordinates.ListFields()
        values["coordinates"] = (
            None if empty else {"latitude": message.coordinates.latitude, "longitude": message.coordinates.longitude}
        )
    return values


def _area(message: GeographicalArea) -> Values | None:
    """The area as an inline value; None for the empty area and for codes that do not exist."""
    match message.WhichOneof("code"):
        case "continent":
            name = GeographicalArea.Continent.Name(message.continent)
            return {TYPE_OF: "GeographicalAreaContinent", "continentCode": name}
        case "country_code" if is_country(message.country_code):
            return {TYPE_OF: "GeographicalAreaCountry", "countryCode": message.country_code}
        case "subdivision_code" if is_subdivision(message.subdivision_code):
            return {TYPE_OF: "GeographicalAreaSubdivistion", "subdivisionCode": message.subdivision_code}
    return None
