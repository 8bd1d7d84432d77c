"""The decision on a GET or HEAD of an object: request headers and object facts in; status, headers and bytes to send out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from gateway.facts import UNKNOWN_MEDIA_TYPE, CacheState, DataSource, ObjectFacts
from gateway.preconditions import NO_CONDITIONS, Conditions, Headers, Validators, Verdict, evaluate, range_applies
from gateway.ranges import ByteRange, Unsatisfiable, reading_hint, select_range

FOR_EVER = "public, max-age=31536000, immutable"
WHILE_FILLING = "max-age=180, must-revalidate"
NO_STORE = "no-store"
CACHE_NAME = "joygrpc"

UPLOADED_CONTENT: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Content-Disposition": "inline",
}
"""Uploads are strangers' HTML and SVG too: a browser shall show them, and give them no rights."""


@dataclass(frozen=True, slots=True)
class ObjectRequest:
    """What of a request bears on the answer."""

    method: str
    range_header: str | None = None
    conditions: Conditions = NO_CONDITIONS

    @classmethod
    def of(cls, method: str, headers: Headers) -> Self:
        """The request with this method and these headers. Only GET has ranges (RFC 9110 section 14.2)."""
        return cls(method, headers.get("Range") if method == "GET" else None, Conditions.of(headers))

    @property
    def hint(self) -> tuple[int, int]:
        """Offset and length (0: to the end) that will be read, as far as it can be told before the object's size is known."""
        return reading_hint(self.range_header)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a distributor tells of its cache; storage nodes have none. `data_source` None leaves the header out, as for HEAD."""

    cache_state: CacheState
    data_source: DataSource | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send. `part` is the range of the object's bytes, None for no bytes; `refusal` the reason token where the body is an error's."""

    status: int
    headers: Mapping[str, str]
    part: ByteRange | None = None
    refusal: str = ""


def decide(request: ObjectRequest, facts: ObjectFacts, provenance: Provenance | None = None) -> Answer:
    """The answer to a GET or HEAD of an object that exists."""
    validators = Validators(facts.etag, None if provenance is not None else facts.stored_at)
    match evaluate(request.conditions, validators):
        case Verdict.FAILED:
            return Answer(412, _origin_headers(provenance), refusal="PRECONDITION_FAILED")
        case Verdict.NOT_MODIFIED:
            return Answer(304, _version_headers(validators, provenance) | _origin_headers(provenance))
        case Verdict.PROCEED:
            pass
    headers = _version_headers(validators, provenance) | _origin_headers(provenance) | dict(UPLOADED_CONTENT)
    if request.method == "HEAD":
        length = {"Content-Length": str(facts.size)}
        return Answer(200, headers | _media_type(facts, known=_settled(provenance)) | length)
    headers |= _media_type(facts) | _cache_status(provenance, sends_bytes=True)
    selected = select_range(request.range_header, facts.size) if range_applies(request.conditions, validators) else None
    if isinstance(selected, Unsatisfiable):
        refused = _origin_headers(provenance) | {"Accept-Ranges": "bytes", "Content-Range": f"bytes */{facts.size}"}
        return Answer(416, refused, refusal="RANGE_NOT_SATISFIABLE")
    if selected is not None:
        partial = {"Content-Length": str(selected.length), "Content-Range": selected.content_range(facts.size)}
        return Answer(206, headers | partial, selected)
    whole = ByteRange(0, facts.size - 1) if facts.size else None
    return Answer(200, headers | {"Content-Length": str(facts.size)}, whole)


def _version_headers(validators: Validators, provenance: Provenance | None) -> dict[str, str]:
    headers = {
        "Cache-Control": FOR_EVER if _settled(provenance) else WHILE_FILLING,
        "ETag": validators.etag,
        "Accept-Ranges": "bytes",
    }
    if validators.last_modified_text is not None:
        headers["Last-Modified"] = validators.last_modified_text
    return headers


def _settled(provenance: Provenance | None) -> bool:
    return provenance is None or provenance.cache_state is CacheState.HIT


def _origin_headers(provenance: Provenance | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    if provenance is not None:
        headers["X-Cache"] = provenance.cache_state.value
        if provenance.data_source is not None:
            headers["X-Data-Source"] = provenance.data_source.value
    return headers | _cache_status(provenance)


def _cache_status(provenance: Provenance | None, *, sends_bytes: bool = False) -> dict[str, str]:
    """What RFC 9211 has for it: a pending object is there in part, and its bytes come by a fetch that others wait for too."""
    if provenance is None:
        return {}
    stored = "; stored" if sends_bytes and provenance.data_source is DataSource.LOCAL else ""
    match provenance.cache_state:
        case CacheState.HIT:
            status = "hit"
        case CacheState.PENDING:
            status = f"fwd=partial{stored}{'; collapsed' if sends_bytes else ''}"
        case CacheState.MISS:
            status = f"fwd=miss{stored}"
    return {"Cache-Status": f"{CACHE_NAME}; {status}"}


def _media_type(facts: ObjectFacts, *, known: bool = True) -> dict[str, str]:
    """The media type; of an object whose bytes nobody has looked at yet none, so that it does not change when somebody has."""
    if not facts.media_type and not known:
        return {}
    return {"Content-Type": facts.media_type or UNKNOWN_MEDIA_TYPE}
