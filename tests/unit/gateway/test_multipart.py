import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.multipart import (
    BODY_ENDED,
    MAX_PART_HEADER_BYTES,
    MAX_PARTS,
    PART_ENDED,
    BodyEnded,
    Event,
    MultipartDecoder,
    MultipartInvalid,
    MultipartTruncated,
    PartBegan,
    PartData,
    PartEnded,
    boundary_of,
)


def decode(body: bytes, boundary: bytes = b"b", step: int | None = None) -> list[Event]:
    decoder = MultipartDecoder(boundary)
    events: list[Event] = []
    for at in range(0, len(body), step or max(1, len(body))):
        events += decoder.feed(body[at : at + step] if step else body)
    decoder.finish()
    return events


def joined(events: list[Event]) -> list[tuple[str, bool, bytes]]:
    """Name, whether it is a file, and content of each part."""
    parts: list[tuple[str, bool, bytes]] = []
    for event in events:
        match event:
            case PartBegan(name, is_file):
                parts.append((name, is_file, b""))
            case PartData(data):
                name, is_file, before = parts[-1]
                parts[-1] = (name, is_file, before + data)
            case PartEnded() | BodyEnded():
                pass
    return parts


def part(disposition: str, data: bytes, *extra: str) -> bytes:
    head = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *extra])
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"


@pytest.mark.parametrize("step", [None, 1, 2, 3, 7])
def test_a_form(step: int | None) -> None:
    body = (
        b"preamble\r\n"
        + part('name="bagId"', b"static:council")
        + part('name="file"; filename="a \\"b\\".bin"', b"\r\n--not the boundary\r\n--", "Content-Type: video/mp4")
        + part("name=empty", b"")
        + b"--b--\r\nepilogue --b\r\n"
    )
    events = decode(body, step=step)
    assert joined(events) == [
        ("bagId", False, b"static:council"),
        ("file", True, b"\r\n--not the boundary\r\n--"),
        ("empty", False, b""),
    ]
    assert events.count(PART_ENDED) == 3
    assert events[-1] == BODY_ENDED


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (b'Content-Disposition: form-data; name="a"', ("a", False)),
        (b"content-disposition:form-data;name=a;filename=x", ("a", True)),
        (b'Content-Disposition: form-data; name="a"; filename=""', ("a", True)),
        (b"Content-Disposition: form-data; name=a; filename*=UTF-8''x%20y", ("a", True)),
        (b'Content-Disposition: form-data; name="a"\r\nContent-Type: application/octet-stream', ("a", True)),
        (b'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain', ("a", False)),
        (b'Content-Disposition: form-data;\r\n name="folded"', ("folded", False)),
        (b'Content-Disposition: form-data; name="semi;colon=1"', ("semi;colon=1", False)),
        ('Content-Disposition: form-data; name="\u00fc"'.encode(), ("\u00fc", False)),
        (b"X-Other: 1", ("", False)),
        (b"no colon", ("", False)),
    ],
)
def test_part_headers(headers: bytes, expected: tuple[str, bool]) -> None:
    ((name, is_file, data),) = joined(decode(b"--b\r\n" + headers + b"\r\n\r\nx\r\n--b--"))
    assert ((name, is_file), data) == (expected, b"x")


def test_a_part_without_headers() -> None:
    assert joined(decode(b"--b\r\n\r\nx\r\n--b--")) == [("", False, b"x")]


def test_padding_after_a_boundary() -> None:
    assert joined(decode(b"--b \t \r\n\r\nx\r\n--b--")) == [("", False, b"x")]


@pytest.mark.parametrize(
    "body", [b"", b"--b", b"--b\r\n", b"--b\r\nA: b\r\n\r\nx", b"--b\r\n\r\nx\r\n--b", b"--b\r\n\r\nx\r\n--b-", b"none"]
)
def test_truncated_bodies(body: bytes) -> None:
    with pytest.raises(MultipartTruncated):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"--bx\r\n\r\n",
        b"--b-x",
        b"--b\r\n" + b"A" * (MAX_PART_HEADER_BYTES + 10),
        b"--b\r\nA: " + b"A" * MAX_PART_HEADER_BYTES + b"\r\n\r\n",
        b"--b" + b" " * (MAX_PART_HEADER_BYTES + 10),
        b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 1),
    ],
)
@pytest.mark.parametrize("step", [None, 5])
def test_broken_bodies(body: bytes, step: int | None) -> None:
    with pytest.raises(MultipartInvalid) as caught:
        decode(body, step=step)
    assert not isinstance(caught.value, MultipartTruncated)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; charset=utf-8; Boundary="a b;c"', b"a b;c"),
        ("multipart/form-data;boundary=----WebKitFormBoundaryX", b"----WebKitFormBoundaryX"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ('multipart/form-data; boundary=""', None),
        ("multipart/form-data; boundary=" + "x" * 201, None),
    ],
)
def test_boundaries(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


def test_the_repr_tells_the_state() -> None:
    decoder = MultipartDecoder(b"b")
    list(decoder.feed(b"--b\r\n\r\nx"))
    assert repr(decoder) == "<MultipartDecoder DATA parts=1 buffered=0>"


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
def test_any_content_survives_any_split(contents: list[bytes], step: int) -> None:
    boundary = b"limit"
    while any(boundary in data for data in contents):
        boundary += b"x"
    body = b""
    for index, data in enumerate(contents):
        body += b'--%b\r\nContent-Disposition: form-data; name="p%d"; filename=f\r\n\r\n%b\r\n' % (
            boundary,
            index,
            data,
        )
    events = decode(body + b"--%b--\r\n" % boundary, boundary, step)
    assert joined(events) == [(f"p{index}", True, data) for index, data in enumerate(contents)]


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"b", b"--b", b"\r\n", b" ", b"x", b":"]), max_size=40),
    st.integers(1, 9),
)
def test_garbage_ends_alike_however_it_is_split(pieces: list[bytes], step: int) -> None:
    body = b"".join(pieces)

    def outcome(step: int | None) -> object:
        try:
            return joined(decode(body, step=step))
        except MultipartInvalid as error:
            return str(error)

    assert outcome(step) == outcome(None)
