"""Files with metadata of operators and families, and their checks."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from joygrpc.cli.onchain.exits import CommandFailed, Exits

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Keys in camelCase; unknown ones, and values of another type, are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, frozen=True)


def _url(text: str) -> str:
    if text == "":
        # The query node takes it as: no endpoint any more.
        return text
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or parts.query or parts.fragment:
        raise ValueError("the root URL of the node, http://… or https://…")
    return text


def _country(code: str) -> str:
    from joygrpc.devnet.query_node.regions import is_country

    if not is_country(code):
        raise ValueError("not an ISO 3166-1 alpha-2 code in capitals, such as DE")
    return code


def _subdivision(code: str) -> str:
    from joygrpc.devnet.query_node.regions import is_subdivision

    if not is_subdivision(code):
        raise ValueError("not an ISO 3166-2 code in capitals, such as DE-BE")
    return code


Url = Annotated[str, AfterValidator(_url)]
Country = Annotated[str, AfterValidator(_country)]
Subdivision = Annotated[str, AfterValidator(_subdivision)]


class Coordinates(Strict):
    """A point on the globe, in degrees; without both, what was published is cleared."""

    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)


class Location(Strict):
    """Where a node stands; empty, what was published is cleared."""

    country_code: Country | None = None
    city: str | None = None
    coordinates: Coordinates | None = None


class OperatorFile(Strict):
    """What an operator publishes; what is absent stays as it was."""

    endpoint: Url | None = None
    location: Location | None = None
    extra: str | None = None


class Area(Strict):
    """A continent, a country or a part of one; an empty area clears all."""

    continent_code: Literal["AF", "AN", "AS", "EU", "NA", "OC", "SA"] | None = None
    country_code: Country | None = None
    subdivision_code: Subdivision | None = None

    @model_validator(mode="after")
    def _one(self) -> "Area":
        if len(self.model_fields_set) > 1:
            raise ValueError("one code for each area")
        return self


class FamilyFile(Strict):
    """What the lead says about a family."""

    region: str | None = None
    description: str | None = None
    areas: list[Area] = []
    latency_test_targets: list[str] = []


def read_metadata(path: Path, model: type[Model], title: str, exits: Exits) -> Model:
    """The file's content. Raises `CommandFailed` with one line for each problem."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}", exits.file_missing) from None
    except ValueError as error:
        raise CommandFailed(f"{path} is not JSON: {error}", exits.invalid_metadata) from None
    return checked(model, content, title, exits)


def checked(model: type[Model], content: Any, title: str, exits: Exits) -> Model:
    """The content as the model has it; else `CommandFailed` with one line for each problem."""
    try:
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg']}" for problem in error.errors()]
        raise CommandFailed("\n".join([f"{title} is not valid", *lines]), exits.invalid_metadata) from None
