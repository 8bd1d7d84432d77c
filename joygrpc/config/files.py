"""Reading configuration files."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from joygrpc.config.errors import ConfigInvalid


class _CoreSchemaLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: `0:1`, `on` and `yes` are texts, as the reference's reader has it, not a number and booleans."""


_CoreSchemaLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag
        not in {
            "tag:yaml.org,2002:int",
            "tag:yaml.org,2002:bool",
            "tag:yaml.org,2002:float",
            "tag:yaml.org,2002:timestamp",
        }
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_CoreSchemaLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_CoreSchemaLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_CoreSchemaLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$"), list("-+0123456789")
)


def read_config_file(path: Path) -> dict[str, Any]:
    """The content of a `.json`, `.yml` or `.yaml` file; an empty file is an empty mapping. Raises `ConfigInvalid`, or FileNotFoundError when there is none."""
    suffix = path.suffix.lower()
    if suffix not in {".json", ".yml", ".yaml"}:
        raise ConfigInvalid(f"{path}: a configuration file ends with .json, .yml or .yaml")
    try:
        text = path.read_text(encoding="utf-8")
        # The loader derives from SafeLoader and makes plain values alone.
        content = json.loads(text) if suffix == ".json" else yaml.load(text, Loader=_CoreSchemaLoader)  # noqa: S506
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigInvalid(f"{path}: not valid {suffix[1:]}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigInvalid(f"{path}: the file must hold a mapping")
    return content


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`, mappings joined key by key at every level."""
    joined = dict(base)
    for key, value in over.items():
        before = joined.get(key)
        joined[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return joined
