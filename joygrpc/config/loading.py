"""Loading configurations: file, then environment, then flags; the later one wins."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from joygrpc.config.distributor import DistributorNodeConfig
from joygrpc.config.environment import read_environment, unknown_variables
from joygrpc.config.errors import ConfigInvalid, problems_of
from joygrpc.config.files import merged, read_config_file
from joygrpc.config.section import HIDDEN, Section
from joygrpc.config.seed_era import modernised
from joygrpc.config.storage import StorageNodeConfig

STORAGE_PREFIX = "JOYGRPC_STORAGE__"
"""Environment variables of a storage node beside the reference's own: `JOYGRPC_STORAGE__LIMITS__MAX_CONCURRENT_UPLOADS=8`."""

_CREDENTIALS = re.compile(r"://[^/\s@\"']+@")


class _StorageSettings(StorageNodeConfig, BaseSettings):
    """A storage node's configuration as its sources say."""

    model_config = SettingsConfigDict(env_prefix=STORAGE_PREFIX, env_nested_delimiter="__")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not a source of ours
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the file, which `load_storage_config` hands over under a key that is no field."""
        values = dict(init_settings())
        file = values.pop("file", {})
        return (
            InitSettingsSource(settings_cls, init_kwargs=values),
            env_settings,
            InitSettingsSource(settings_cls, init_kwargs=file),
        )


def load_storage_config(flags: Mapping[str, Any], file: Path | None = None) -> StorageNodeConfig:
    """A storage node's configuration from an optional file, `JOYGRPC_STORAGE__…` variables and flags (nested as the model). Raises `ConfigInvalid`."""
    content = {} if file is None else _read(file)
    try:
        settings = _StorageSettings(file=content, **flags)  # type: ignore[call-arg]
        return StorageNodeConfig.model_validate(settings.model_dump())
    except ValidationError as error:
        raise ConfigInvalid(*problems_of(error, StorageNodeConfig)) from None


def load_distributor_config(
    flags: Mapping[str, Any], file: Path, environ: Mapping[str, str]
) -> tuple[DistributorNodeConfig, list[str]]:
    """A distributor's configuration, and what its operator should be warned of. Raises `ConfigInvalid`.

    A missing file is fine: everything may come from the environment. Relative paths of directories and key files start at the file's folder.
    """
    try:
        content, warnings = modernised(read_config_file(file))
    except FileNotFoundError:
        content, warnings = {}, []
    environment = read_environment(environ, DistributorNodeConfig)
    values = merged(environment.applied_to(content), flags)
    try:
        config = DistributorNodeConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigInvalid(*problems_of(error, DistributorNodeConfig, environment.origins)) from None
    warnings += unknown_variables(environment, DistributorNodeConfig)
    warnings += config.doubts()
    return _with_paths_from(config, file.absolute().parent), warnings


def render_config(config: Section, form: str = "yaml") -> str:
    """The configuration for the operator's eyes, as `yaml` or `json`, with secrets and the credentials in URLs hidden."""
    if form == "json":
        text = config.model_dump_json(by_alias=True, indent=2) + "\n"
    else:
        text = yaml.safe_dump(config.shown(), sort_keys=False, allow_unicode=True)
    return _CREDENTIALS.sub(f"://{HIDDEN}@", text)


def _read(file: Path) -> dict[str, Any]:
    try:
        return read_config_file(file)
    except FileNotFoundError:
        raise ConfigInvalid(f"{file}: there is no such file") from None


def _with_paths_from(config: DistributorNodeConfig, folder: Path) -> DistributorNodeConfig:
    directories = config.directories.model_copy(
        update={
            "assets": folder / config.directories.assets,
            "cache_state": folder / config.directories.cache_state,
        }
    )
    keys = tuple(
        key if key.keyfile is None else key.model_copy(update={"keyfile": folder / key.keyfile}) for key in config.keys
    )
    return config.model_copy(update={"directories": directories, "keys": keys})
