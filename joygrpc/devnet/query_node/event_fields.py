"""Typed reading of what an event carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventFields:
    """The fields of one event, or of a record inside it. A field of another type than asked for is a `TypeError`."""

    values: Mapping[str, object]

    def number(self, name: str) -> int:
        """An integer."""
        value = self.values[name]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(name, "an integer")
        return value

    def number_or_none(self, name: str) -> int | None:
        """An integer or None."""
        return None if self.values[name] is None else self.number(name)

    def flag(self, name: str) -> bool:
        """A truth value."""
        value = self.values[name]
        if not isinstance(value, bool):
            raise self._wrong(name, "a truth value")
        return value

    def text(self, name: str) -> str:
        """A text."""
        value = self.values[name]
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def data(self, name: str) -> bytes:
        """Bytes."""
        value = self.values[name]
        if not isinstance(value, bytes):
            raise self._wrong(name, "bytes")
        return value

    def numbers(self, name: str) -> list[int]:
        """A list of integers."""
        value = self.values[name]
        if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
            raise self._wrong(name, "a list of integers")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self.values[name]
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self._wrong(name, "a list of texts")
        return value

    def record(self, name: str) -> EventFields:
        """A record."""
        value = self.values[name]
        if not isinstance(value, Mapping):
            raise self._wrong(name, "a record")
        return EventFields(value)

    def records(self, name: str) -> list[EventFields]:
        """A list of records."""
        value = self.values[name]
        if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
            raise self._wrong(name, "a list of records")
        return [EventFields(one) for one in value]

    def _wrong(self, name: str, wanted: str) -> TypeError:
        return TypeError(f"event field {name} is not {wanted}: {self.values[name]!r}")


@dataclass(frozen=True, slots=True)
class Moment:
    """Where and when an event happened. `timestamp` is ISO 8601 text, `extrinsic` the extrinsic's hash."""

    block: int
    index: int
    timestamp: str
    extrinsic: str | None = None


Handler = Callable[[EventFields, Moment], None]
"""Takes one event in."""
