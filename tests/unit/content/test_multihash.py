from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import (
    InvalidMultihash,
    decode_multihash,
    encode_multihash,
    multihash_of_bytes,
    multihash_of_file,
)

VECTORS = [
    (
        b"",
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
        "gW9T5gSXhgQB5LaqmnJrLVVpHawhM7youzHnuY6HyGBDy3",
    ),
    (
        b"abc",
        "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
        "gW4QsJpeRbCjxSBRonyaCtuexDiyZiQRMJVN4EnvHcVdAU",
    ),
    (
        b"hello world",
        "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24",
        "gWCA3wX5Rz16W3wimxKgbqsjNgmMSxohnXVDHnZY8dTVk7",
    ),
    (
        bytes(i % 251 for i in range(1000)),
        "b43670a52d1af24abdac5d2c3ed19ff4e62b60a618e823ad555888b1b0b91cff",
        "gW9o8opAD5zgwDYYTJLYtbgPNrUw5eESfbFXkJ7fVozrwQ",
    ),
    (
        bytes(2**20),
        "488de202f73bd976de4e7048f4e1f39a776d86d582b7348ff53bf432b987fca8",
        "gW2Yt7REe1H7N3935GxEhJUbKmTwaknD7vPpCeDL5WGpRu",
    ),
]


@pytest.mark.parametrize(("data", "digest", "text"), VECTORS)
def test_vectors(data: bytes, digest: str, text: str, tmp_path: Path) -> None:
    assert multihash_of_bytes(data) == text
    assert encode_multihash(bytes.fromhex(digest)) == text
    assert decode_multihash(text).hex() == digest
    file = tmp_path / "object"
    file.write_bytes(data)
    assert multihash_of_file(file) == text


@given(st.binary(min_size=32, max_size=32))
def test_every_digest_survives_the_text(digest: bytes) -> None:
    text = encode_multihash(digest)
    assert len(text) == 46
    assert text.startswith("g")
    assert decode_multihash(text) == digest


@pytest.mark.parametrize("digest", [bytes(32), b"\xff" * 32])
def test_the_smallest_and_the_largest_digest_have_46_characters(digest: bytes) -> None:
    assert decode_multihash(encode_multihash(digest)) == digest


GOOD = VECTORS[1][2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD[:-1],
        GOOD + "1",
        "1" + GOOD,
        " " + GOOD[1:],
        GOOD[:-1] + "0",
        GOOD[:-1] + "ä",
        "z" + GOOD[1:],
        "z" * 46,
        "1" * 46,
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidMultihash):
        decode_multihash(text)


def test_only_digests_of_32_bytes_have_a_multihash() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        encode_multihash(bytes(31))


def test_progress_tells_the_bytes_hashed_so_far(tmp_path: Path) -> None:
    file = tmp_path / "object"
    file.write_bytes(bytes(2**21 + 5))
    seen: list[int] = []
    assert multihash_of_file(file, seen.append) == multihash_of_bytes(bytes(2**21 + 5))
    assert seen == [2**20, 2**21, 2**21 + 5]
