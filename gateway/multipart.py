"""Taking `multipart/form-data` bodies apart (RFC 7578) as they arrive; no I/O. Bytes in, events out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import unquote

MAX_PART_HEADER_BYTES = 8192
MAX_PARTS = 128
MAX_BOUNDARY_BYTES = 200
"""RFC 2046 allows 70; some clients use more."""

_PARAMETER = re.compile(r';\s*([\w!#$&+.^`|~%\'*-]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;"\s]*)', re.ASCII)


class MultipartInvalid(ValueError):
    """The body is not what its content type says."""


class MultipartTruncated(MultipartInvalid):
    """The body ends before its last boundary."""


@dataclass(frozen=True, slots=True)
class PartBegan:
    """A part begins. `is_file` is true for parts with a file name, and for untyped binary ones, as browsers and the reference's parser see it."""

    name: str
    is_file: bool


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part is complete."""


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """The last boundary was read; what follows means nothing."""


Event = PartBegan | PartData | PartEnded | BodyEnded

PART_ENDED: Final = PartEnded()
BODY_ENDED: Final = BodyEnded()


class _State(Enum):
    PREAMBLE = auto()
    DELIMITED = auto()
    HEADERS = auto()
    DATA = auto()
    EPILOGUE = auto()


def boundary_of(content_type: str) -> bytes | None:
    """The boundary that a `multipart/form-data` content type names; None when it names none that can be used."""
    _, _, rest = content_type.partition(";")
    for name, value in _parameters(f";{rest}"):
        if name == "boundary":
            boundary = value.encode("utf-8", "surrogateescape")
            return boundary if 0 < len(boundary) <= MAX_BOUNDARY_BYTES else None
    return None


class MultipartDecoder:
    """Decodes one body: `feed` it what arrives, and call `finish` at the end."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter may stand at the very beginning.
        self._buffer = b"\r\n"
        self._state = _State.PREAMBLE
        self._parts = 0

    def __repr__(self) -> str:
        return f"<MultipartDecoder {self._state.name} parts={self._parts} buffered={len(self._buffer)}>"

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that the next bytes complete; consume them all before feeding more. Raises `MultipartInvalid`."""
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            match self._state:
                case _State.PREAMBLE:
                    found, _ = self._take_to_delimiter()
                    if not found:
                        return
                case _State.DELIMITED:
                    event = self._after_delimiter()
                    if event is None and self._state is _State.DELIMITED:
                        return
                    if event is not None:
                        yield event
                case _State.HEADERS:
                    began = self._headers()
                    if began is None:
                        return
                    yield began
                case _State.DATA:
                    found, piece = self._take_to_delimiter()
                    if piece:
                        yield PartData(piece)
                    if not found:
                        return
                    yield PART_ENDED
                case _State.EPILOGUE:
                    self._buffer = b""
                    return

    def finish(self) -> None:
        """Raises `MultipartTruncated` unless the last boundary was read."""
        if self._state is not _State.EPILOGUE:
            raise MultipartTruncated("the body ends before its last boundary")

    def _take_to_delimiter(self) -> tuple[bool, bytes]:
        """Whether the delimiter is there, and the bytes before it, or before where it may begin."""
        end = self._buffer.find(self._delimiter)
        if end >= 0:
            piece, self._buffer = self._buffer[:end], self._buffer[end + len(self._delimiter) :]
            self._state = _State.DELIMITED
            return True, piece
        keep = self._undecided()
        piece, self._buffer = self._buffer[: len(self._buffer) - keep], self._buffer[len(self._buffer) - keep :]
        return False, piece

    def _undecided(self) -> int:
        """How many of the last bytes may be the begin of a delimiter."""
        start = max(0, len(self._buffer) - len(self._delimiter) + 1)
        while (at := self._buffer.find(b"\r", start)) >= 0:
            if self._delimiter.startswith(self._buffer[at:]):
                return len(self._buffer) - at
            start = at + 1
        return 0

    def _after_delimiter(self) -> Event | None:
        if self._buffer.startswith(b"--"):
            self._state = _State.EPILOGUE
            self._buffer = b""
            return BODY_ENDED
        rest = self._buffer.lstrip(b" \t")
        if rest.startswith(b"\r\n"):
            self._parts += 1
            if self._parts > MAX_PARTS:
                raise MultipartInvalid("too many parts")
            # The line break stays: with it, a part without headers ends them at once.
            self._buffer = rest
            self._state = _State.HEADERS
        elif rest not in (b"", b"\r", b"-") or len(self._buffer) > MAX_PART_HEADER_BYTES:
            raise MultipartInvalid("a boundary is followed by neither a line break nor the end")
        return None

    def _headers(self) -> PartBegan | None:
        end = self._buffer.find(b"\r\n\r\n")
        if (end if end >= 0 else len(self._buffer)) > MAX_PART_HEADER_BYTES:
            raise MultipartInvalid("the headers of a part are too long")
        if end < 0:
            return None
        lines = self._buffer[:end].decode("utf-8", "replace")
        self._buffer = self._buffer[end + 4 :]
        self._state = _State.DATA
        return _part_of(lines)


def _part_of(lines: str) -> PartBegan:
    headers: dict[str, str] = {}
    for line in re.sub(r"\r\n[ \t]+", " ", lines).split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    parameters = dict(_parameters(disposition))
    is_file = bool({"filename", "filename*"} & parameters.keys())
    if not is_file:
        is_file = headers.get("content-type", "").partition(";")[0].strip().lower() == "application/octet-stream"
    return PartBegan(parameters.get("name", ""), is_file)


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    for name, value in _PARAMETER.findall(text):
        if value.startswith('"'):
            # Browsers write quotes inside as %22, others with a backslash.
            yield name.lower(), re.sub(r"\\(.)", r"\1", value[1:-1])
        else:
            yield name.lower(), unquote(value) if name.endswith("*") else value
