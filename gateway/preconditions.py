"""Conditional requests (RFC 9110 section 13): whether a request goes on, given the object's validators. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from enum import Enum
from typing import Final, Protocol, Self

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\U0010ffff]*"')
_NO_CACHE = re.compile(r"(?:^|,)\s*no-cache\s*(?:,|$)", re.IGNORECASE)


class Headers(Protocol):
    """What is needed of a request's headers; names in any case."""

    def get(self, key: str, /) -> str | None:
        """The first value of a header."""
        ...

    def getall(self, key: str, default: tuple[str, ...], /) -> Iterable[str]:
        """All values of a header."""
        ...


class Verdict(Enum):
    """What becomes of a request."""

    PROCEED = "proceed"
    NOT_MODIFIED = "not modified"
    FAILED = "precondition failed"


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells versions of an object apart: its strong entity tag, quotes included, and when it was stored, if that is told."""

    etag: str
    last_modified: datetime | None = None

    @property
    def last_modified_text(self) -> str | None:
        """The value of `Last-Modified`."""
        return None if self.last_modified is None else http_date(self.last_modified)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditional headers of a request."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    if_range: str | None = None
    no_cache: bool = False
    """`Cache-Control: no-cache`: the client wants the bytes again, so the reference nodes give no 304, and neither do we."""

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """The conditions that a request's headers set."""
        return cls(
            if_match=_listed(headers, "If-Match"),
            if_none_match=_listed(headers, "If-None-Match"),
            if_modified_since=headers.get("If-Modified-Since"),
            if_unmodified_since=headers.get("If-Unmodified-Since"),
            if_range=headers.get("If-Range"),
            no_cache=_NO_CACHE.search(_listed(headers, "Cache-Control") or "") is not None,
        )

    @property
    def may_end_without_bytes(self) -> bool:
        """Whether the answer may turn out to be a 304 or 412."""
        return any((self.if_match, self.if_none_match, self.if_modified_since, self.if_unmodified_since))


NO_CONDITIONS: Final = Conditions()


def evaluate(conditions: Conditions, validators: Validators) -> Verdict:
    """The verdict on a GET or HEAD request for an object that exists, in the order of RFC 9110 section 13.2.2."""
    if conditions.if_match is not None:
        if not _matches(conditions.if_match, validators.etag, weak=False):
            return Verdict.FAILED
    elif conditions.if_unmodified_since is not None and validators.last_modified is not None:
        limit = parse_http_date(conditions.if_unmodified_since)
        if limit is not None and _seconds(validators.last_modified) > limit:
            return Verdict.FAILED
    if conditions.no_cache:
        return Verdict.PROCEED
    if conditions.if_none_match is not None:
        return (
            Verdict.NOT_MODIFIED if _matches(conditions.if_none_match, validators.etag, weak=True) else Verdict.PROCEED
        )
    if conditions.if_modified_since is not None and validators.last_modified is not None:
        since = parse_http_date(conditions.if_modified_since)
        if since is not None and _seconds(validators.last_modified) <= since:
            return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def range_applies(conditions: Conditions, validators: Validators) -> bool:
    """Whether a Range header is to be looked at: no `If-Range`, or one that names exactly this version (section 13.1.5)."""
    if conditions.if_range is None:
        return True
    wanted = conditions.if_range.strip()
    if '"' in wanted:
        return wanted == validators.etag
    date = parse_http_date(wanted)
    return date is not None and validators.last_modified is not None and _seconds(validators.last_modified) == date


def http_date(moment: datetime) -> str:
    """A date as HTTP writes it, in GMT."""
    return format_datetime(_seconds(moment), usegmt=True)


def parse_http_date(text: str) -> datetime | None:
    """The moment that an HTTP date names, None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    try:
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    """Whether a list of entity tags, or `*`, names the tag; the strong comparison knows no weak tags."""
    if header.strip() == "*":
        return True
    tags = _ENTITY_TAG.findall(header)
    return any((tag.removeprefix("W/") if weak else tag) == etag for tag in tags)


def _listed(headers: Headers, name: str) -> str | None:
    values = list(headers.getall(name, ()))
    return ", ".join(values) if values else None


def _seconds(moment: datetime) -> datetime:
    """HTTP dates know whole seconds only."""
    return moment.astimezone(UTC).replace(microsecond=0)
