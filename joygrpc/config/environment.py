"""The reference distributor's environment variables: `JOYSTREAM_DISTRIBUTOR__LIMITS__MAX_CACHED_ITEM_SIZE=1G` and the like."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from joygrpc.config.errors import ConfigInvalid, names_of, section_of

PREFIX = "JOYSTREAM_DISTRIBUTOR__"
_REMOVING = frozenset({"off", "null", "undefined"})

# The end of a name that is written in capitals, such as TTL, is one word.
_CAPITAL = re.compile(r"((?<![A-Z])[A-Z])")

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnvironmentValues:
    """What the environment says: values by path, paths to remove, the variable of each path, and variables that name nothing."""

    values: dict[Path, Any] = field(default_factory=dict)
    removed: set[Path] = field(default_factory=set)
    origins: dict[Path, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def applied_to(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the configuration with the removals made and the values set."""
        result = _copied(config)
        for path in self.removed:
            _remove(result, path)
        for path, value in sorted(self.values.items(), key=lambda item: len(item[0])):
            inner = result
            for part in path[:-1]:
                if not isinstance(inner.get(part), dict):
                    inner[part] = {}
                inner = inner[part]
            inner[path[-1]] = value
        return result


def read_environment(environ: Mapping[str, str], model: type[BaseModel], prefix: str = PREFIX) -> EnvironmentValues:
    """Finds the values that variables of the prefix give.

    The parts of a name, between double underscores, are keys without regard to case and single underscores. The values `off`, `null` and `undefined`
    remove a key; lists and sections are JSON; all else is text, which the model reads. Raises `ConfigInvalid` for a value that is not the JSON it must be.
    """
    found = EnvironmentValues()
    for variable in sorted(environ):
        if not variable.upper().startswith(prefix):
            continue
        place = _place(variable[len(prefix) :].split("__"), model)
        if place is None:
            found.unknown.append(variable)
            continue
        path, annotation = place
        text = environ[variable]
        found.origins[path] = variable
        if text in _REMOVING:
            found.removed.add(path)
        elif _is_structured(annotation):
            try:
                found.values[path] = json.loads(text)
            except ValueError:
                raise ConfigInvalid(f"Invalid env value of {variable}: Not a valid JSON") from None
        else:
            found.values[path] = text
    return found


def unknown_variables(found: EnvironmentValues, model: type[BaseModel], prefix: str = PREFIX) -> list[str]:
    """A line for each variable that names nothing, with the one that may be meant."""
    known = list(variables_of(model, prefix)) if found.unknown else []
    lines = []
    for variable in found.unknown:
        close = difflib.get_close_matches(variable.upper(), known, n=1)
        lines.append(f"{variable} names no setting and is ignored" + (f"; did you mean {close[0]}?" if close else ""))
    return lines


def variables_of(model: type[BaseModel], prefix: str = PREFIX) -> Iterator[str]:
    """The names of all variables, as the reference spells them."""
    for name, info in model.model_fields.items():
        shown = names_of(name, info)[0]
        variable = prefix + _CAPITAL.sub(r"_\1", shown).upper()
        yield variable
        section = None if _is_list(info.annotation) else section_of(info.annotation)
        if section is not None:
            yield from variables_of(section, f"{variable}__")


def _place(parts: list[str], model: type[BaseModel]) -> tuple[Path, Any] | None:
    section: type[BaseModel] | None = model
    path: list[str] = []
    annotation: Any = model
    for part in parts:
        if section is None:
            return None
        for name, info in section.model_fields.items():
            names = names_of(name, info)
            if _plain(part) in map(_plain, names):
                path.append(names[0])
                annotation = info.annotation
                break
        else:
            return None
        section = None if _is_list(annotation) else section_of(annotation)
    return tuple(path), annotation


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in {tuple, list, dict} or any(_is_list(part) for part in get_args(annotation))


def _is_structured(annotation: Any) -> bool:
    return _is_list(annotation) or section_of(annotation) is not None


def _copied(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in config.items()}


def _remove(config: dict[str, Any], path: Path) -> None:
    inner: Any = config
    for part in path[:-1]:
        inner = inner.get(part)
        if not isinstance(inner, dict):
            return
    inner.pop(path[-1], None)
