"""The three parameters of an upload, from the query string or from form fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.errors import RequestRefused, Violation
from gateway.schema_checks import digits, missing

NAMES = ("dataObjectId", "storageBucketId", "bagId")


@dataclass(frozen=True, slots=True)
class UploadTarget:
    """What is uploaded, and into which bucket. The bag is in its text form, as sent; the node judges it."""

    object_id: int
    bucket_id: int
    bag_id: str


@dataclass(slots=True)
class UploadParameters:
    """Gathers the parameters: those in the query string win, the others come from form fields, in any order.

    Older clients send all three as fields, today's all three in the query.
    """

    query: Mapping[str, str]
    fields: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_query(cls, pairs: Iterable[tuple[str, str]]) -> UploadParameters:
        """Starts with a query string. Raises `RequestRefused` for unknown, repeated and malformed parameters."""
        query: dict[str, str] = {}
        violations: list[Violation] = []
        for name, value in pairs:
            if name not in NAMES:
                violations.append(Violation(f".query.{name}", f"Unknown query parameter '{name}'"))
            elif name in query:
                violations.append(Violation(f".query.{name}", f"request.query.{name} should be string", "type"))
            else:
                query[name] = value
        violations += _malformed("request.query", query)
        if violations:
            raise RequestRefused.invalid(*violations)
        return cls(query)

    def add_field(self, name: str, value: str) -> None:
        """Takes a form field; unknown ones mean nothing, and of repeated ones the first counts."""
        if name in NAMES:
            self.fields.setdefault(name, value)

    @property
    def complete(self) -> bool:
        """Whether all three are known."""
        return all(name in self.query or name in self.fields for name in NAMES)

    def target(self) -> UploadTarget:
        """The upload they name. Raises `RequestRefused` when one is missing or malformed."""
        place = "request.query" if self.query else "request.body"
        violations = [missing(place, name) for name in NAMES if name not in self.query and name not in self.fields]
        used = {name: value for name, value in self.fields.items() if name not in self.query}
        violations += _malformed("request.body", used)
        if violations:
            raise RequestRefused.invalid(*violations)
        values = used | dict(self.query)
        # Leading zeros name the same object: every id is canonical from here on.
        return UploadTarget(int(values["dataObjectId"]), int(values["storageBucketId"]), values["bagId"])


def _malformed(place: str, values: Mapping[str, str]) -> list[Violation]:
    found = [digits(f"{place}.{name}", values[name]) for name in ("dataObjectId", "storageBucketId") if name in values]
    return [violation for violation in found if violation is not None]
