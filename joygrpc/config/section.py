"""What all configuration models have in common."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer, SecretStr, SerializationInfo

HIDDEN = "***"

_WITH_SECRETS = "with_secrets"


def _write_secret(value: SecretStr, info: SerializationInfo) -> str:
    shown = isinstance(info.context, dict) and info.context.get(_WITH_SECRETS) is True
    return value.get_secret_value() if shown else HIDDEN


Secret = Annotated[SecretStr, PlainSerializer(_write_secret, when_used="json")]
"""Text that is hidden wherever a model is shown; `to_json` alone writes it out."""


class Section(BaseModel):
    """A part of a configuration: immutable, unknown keys refused, one docstring per value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True, validate_default=True
    )

    def to_json(self) -> str:
        """The whole as JSON, **secrets included**: for a child process, never for a log or a screen."""
        return self.model_dump_json(by_alias=True, context={_WITH_SECRETS: True})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The counterpart of `to_json`. Raises `pydantic.ValidationError`."""
        return cls.model_validate_json(text)

    def shown(self) -> dict[str, object]:
        """The whole as JSON values with secrets hidden."""
        return self.model_dump(mode="json", by_alias=True)
