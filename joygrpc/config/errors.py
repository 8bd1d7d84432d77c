"""What is wrong with a configuration, in words for the operator."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo


class ConfigInvalid(Exception):
    """A configuration that cannot be used; `problems` has one line for each thing that is wrong, and no secret."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def names_of(name: str, field: FieldInfo) -> list[str]:
    """All names under which a field may be given; the first is the one to show."""
    names: list[str] = []
    if field.serialization_alias is not None:
        names.append(field.serialization_alias)
    if isinstance(field.validation_alias, AliasChoices):
        names += [choice for choice in field.validation_alias.choices if isinstance(choice, str)]
    elif isinstance(field.validation_alias, str):
        names.append(field.validation_alias)
    names.append(name)
    return list(dict.fromkeys(names))


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's type is, or is optionally."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [section for part in get_args(annotation) if (section := section_of(part)) is not None]
    return found[0] if found else None


def problems_of(
    error: ValidationError, model: type[BaseModel], origins: Mapping[tuple[str, ...], str] | None = None
) -> list[str]:
    """One line per violation. `origins` names the environment variable that gave the value at a path."""
    lines = []
    for violation in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(str(part) for part in violation["loc"])
        shown = ".".join(path) or "configuration"
        message = violation["msg"].removeprefix("Value error, ")
        if violation["type"] == "extra_forbidden":
            lines.append(f"{shown}: unknown key{_suggestion(model, path)}")
            continue
        if violation["type"] == "missing":
            message = "is required"
        variable = _origin(path, origins or {})
        lines.append(f"Invalid env value of {variable}: {message}" if variable else f"{shown}: {message}")
    return lines


def _origin(path: tuple[str, ...], origins: Mapping[tuple[str, ...], str]) -> str | None:
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]]
    return None


def _suggestion(model: type[BaseModel], path: tuple[str, ...]) -> str:
    section: type[BaseModel] | None = model
    for part in path[:-1]:
        if section is None or part.isdecimal():
            continue
        named = [field for name, field in section.model_fields.items() if part in names_of(name, field)]
        section = section_of(named[0].annotation) if named else None
    if section is None:
        return ""
    known = [names_of(name, field)[0] for name, field in section.model_fields.items()]
    close = difflib.get_close_matches(path[-1], known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known here are {', '.join(sorted(known))}"
