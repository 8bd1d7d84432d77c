import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joygrpc.config import (
    GatewayConfig,
    LogSettings,
    Section,
    StorageNodeConfig,
    parse_size,
)


def storage_config() -> StorageNodeConfig:
    return StorageNodeConfig.model_validate(
        {
            "worker": 3,
            "uploads": "/data",
            "chain": {"keys": [{"suri": "//Alice"}, {"keyfile": "a.json"}], "passwords": ["hunter2"]},
            "buckets": [1, 2],
        }
    )


def test_a_configuration_reaches_a_child_whole() -> None:
    config = storage_config()
    assert StorageNodeConfig.from_json(config.to_json()) == config
    assert json.loads(config.to_json())["chain"]["keys"][0]["suri"] == "//Alice"


def test_secrets_are_hidden_wherever_a_configuration_is_shown() -> None:
    config = storage_config()
    gateway = GatewayConfig.model_validate(
        {"kind": "distributor", "node_target": "unix:/s", "operator": {"hmac_secret": "hunter2"}}
    )
    for text in (
        repr(config),
        json.dumps(config.shown()),
        config.model_dump_json(),
        repr(gateway),
        str(gateway.shown()),
    ):
        assert "Alice" not in text
        assert "hunter2" not in text
    assert GatewayConfig.from_json(gateway.to_json()) == gateway


def test_configurations_do_not_change() -> None:
    with pytest.raises(ValidationError):
        storage_config().worker = 4  # type: ignore[misc]


def test_directories_are_below_the_data_directory_unless_named() -> None:
    config = storage_config()
    assert config.temp_directory == Path("/data/temp")
    assert config.pending_directory == Path("/data/pending")
    assert config.private_directory == Path("/data/.joygrpc")
    assert config.model_copy(update={"temp_folder": Path("/t")}).temp_directory == Path("/t")


@pytest.mark.parametrize(
    ("npm", "level"),
    [
        ("error", "error"),
        ("warn", "warning"),
        ("http", "info"),
        ("verbose", "info"),
        ("silly", "debug"),
        ("DEBUG", "debug"),
    ],
)
def test_npm_levels_are_understood(npm: str, level: str) -> None:
    assert LogSettings.model_validate({"level": npm}).level == level


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValidationError):
        LogSettings.model_validate({"level": "loud"})


@given(number=st.integers(0, 10**6), unit=st.sampled_from("BKMGT"))
def test_sizes_are_powers_of_1024(number: int, unit: str) -> None:
    assert parse_size(f"{number}{unit}") == number * 1024 ** "BKMGT".index(unit)


@pytest.mark.parametrize("text", ["", "1", "G", "1.5G", "-1G", "1g", "1GB", "1 G", "\u0661G"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def all_sections(section: type[Section] = Section) -> list[type[Section]]:
    found = section.__subclasses__()
    return found + [inner for outer in found for inner in all_sections(outer)]


@pytest.mark.parametrize("section", all_sections(), ids=lambda section: section.__name__)
def test_every_setting_is_described(section: type[Section]) -> None:
    assert section.__doc__
    missing = [name for name, field in section.model_fields.items() if not field.description]
    assert missing == []
