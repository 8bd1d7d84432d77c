"""Traces of requests: reading and writing them."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TextIO

COLUMNS = ("time", "object_id", "size", "bytes", "offset")


class TraceInvalid(ValueError):
    """A line of a trace that cannot be used; the message says which."""


class Request(NamedTuple):
    """One request that was answered with bytes of an object."""

    time_s: float
    """Seconds since the epoch."""
    object_id: int
    size: int
    """Of the whole object, in bytes."""
    bytes: int
    """That were sent."""
    offset: int = 0
    """Of the first byte that was sent."""


def read_trace(file: TextIO) -> Iterator[Request]:
    """The requests of a trace, CSV with a header line or JSON lines, with the values that `COLUMNS` names; `offset` may be missing. Raises `TraceInvalid`."""
    first = file.readline()
    lines = iter(file)
    if first.lstrip().startswith("{"):
        yield from (_request(_json(text, number), number) for number, text in _numbered(first, lines) if text.strip())
        return
    header = next(csv.reader([first]), [])
    names = [name.strip() for name in header]
    if not set(COLUMNS[:-1]) <= set(names):
        raise TraceInvalid(f"line 1: a CSV trace begins with its columns: {','.join(COLUMNS)}")
    for number, values in enumerate(csv.reader(lines), 2):
        if values:
            yield _request(dict(zip(names, values, strict=False)), number)


def write_trace(file: TextIO, requests: Iterable[Request]) -> None:
    """Write requests as CSV."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((f"{request.time_s:.3f}", *request[1:]) for request in requests)


def footprint(requests: Iterable[Request]) -> int:
    """Bytes of all objects that occur, each counted once."""
    return sum({request.object_id: request.size for request in requests}.values())


def _numbered(first: str, lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    yield 1, first
    yield from enumerate(lines, 2)


def _json(text: str, number: int) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise TraceInvalid(f"line {number}: {error}") from None
    if not isinstance(content, dict):
        raise TraceInvalid(f"line {number}: not a JSON object")
    return content


def _request(values: Mapping[str, Any], number: int) -> Request:
    try:
        request = Request(
            float(values["time"]),
            int(values["object_id"]),
            int(values["size"]),
            int(values["bytes"]),
            int(values.get("offset") or 0),
        )
    except KeyError as error:
        raise TraceInvalid(f"line {number}: {error.args[0]} is missing") from None
    except (TypeError, ValueError) as error:
        raise TraceInvalid(f"line {number}: {error}") from None
    if min(request.size, request.bytes, request.offset) < 0:
        raise TraceInvalid(f"line {number}: negative size")
    return request
