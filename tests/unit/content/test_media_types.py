import io
import random
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joygrpc.content import SNIFF_BYTES, UNKNOWN_MEDIA_TYPE, detect_media_type

# Bytes without a meaning of their own; the first one is below 0x80, so that a length read from it is positive.
NOISE = b"\x21" + random.Random(16).randbytes(SNIFF_BYTES)


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\2\0"


def ebml(doc_type: bytes) -> bytes:
    fields = b"\x42\x86\x81\1\x42\xf7\x81\1\x42\x82" + bytes((0x80 | len(doc_type),)) + doc_type
    return b"\x1a\x45\xdf\xa3" + bytes((0x80 | len(fields),)) + fields


def ogg(codec: bytes) -> bytes:
    return b"OggS\0\2" + bytes(20) + b"\1\x1e" + codec


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + bytes(4) for name, content in chunks
    )


def id3(length: int) -> bytes:
    return b"ID3\4\0\0" + bytes((length >> 21 & 127, length >> 14 & 127, length >> 7 & 127, length & 127))


def zipped(*members: tuple[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("name"), None)
    return file.getvalue()


def asf(*objects: tuple[str, bytes]) -> bytes:
    head = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(14)
    return head + b"".join(
        bytes.fromhex(guid) + struct.pack("<Q", 24 + len(content)) + content for guid, content in objects
    )


STREAM_PROPERTIES = "9107dcb7b7a9cf118ee600c00c205365"
OTHER_OBJECT = "a1dcab8c47a9cf118ee400c00c205365"
IHDR = (b"IHDR", bytes(13))

# One entry per row of what the network's nodes are known to answer; noise follows each.
BEGINNINGS = {
    "PNG": (png(IHDR, (b"IDAT", b"")), "image/png"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
    "GIF": (b"GIF89a", "image/gif"),
    "WebP": (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
    "ftyp isom": (ftyp(b"isom"), "video/mp4"),
    "ftyp mp42": (ftyp(b"mp42"), "video/mp4"),
    "ftyp M4V": (ftyp(b"M4V "), "video/x-m4v"),
    "ftyp M4A": (ftyp(b"M4A "), "audio/x-m4a"),
    "ftyp qt": (ftyp(b"qt  "), "video/quicktime"),
    "ftyp heic": (ftyp(b"heic"), "image/heic"),
    "ftyp avif": (ftyp(b"avif"), "image/avif"),
    "ftyp 3gp4": (ftyp(b"3gp4"), "video/3gpp"),
    "WebM": (ebml(b"webm"), "video/webm"),
    "Matroska": (ebml(b"matroska"), "video/x-matroska"),
    "AVI": (b"RIFF\x24\0\0\0AVI LIST", "video/vnd.avi"),
    "WAVE": (b"RIFF\x24\0\0\0WAVEfmt ", "audio/vnd.wave"),
    "FLV": (b"FLV\1\5", "video/x-flv"),
    "ID3v2 and something else": (id3(10) + bytes(10), "application/octet-stream"),
    "MPEG audio": (b"\xff\xfb\x90\x64", "audio/mpeg"),
    "Opus": (ogg(b"OpusHead"), "audio/opus"),
    "Vorbis": (ogg(b"\1vorbis\0"), "audio/ogg"),
    "Theora": (ogg(b"\x80theora\3"), "video/ogg"),
    "FLAC": (b"fLaC\0\0\0\x22", "audio/x-flac"),
    "PDF": (b"%PDF-1.7\n", "application/pdf"),
    "zip": (b"PK\3\4\x14\0\0\0\0\0", "application/zip"),
    "gzip": (b"\x1f\x8b\x08\0", "application/gzip"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "application/x-7z-compressed"),
    "SVG with XML declaration": (b'<?xml version="1.0"?><svg xmlns="x">', "application/xml"),
    "SVG": (b"<svg xmlns=", "application/octet-stream"),
    "HTML": (b"<!doctype html>", "application/octet-stream"),
    "UTF-8 text": (b"\xef\xbb\xbfHello", "application/octet-stream"),
    "WebVTT": (b"WEBVTT\n\n00:00.000 --> ", "application/octet-stream"),
    "SRT": (b"1\n00:00:01,000 --> 00:00:02,000\n", "application/octet-stream"),
    "JSON": (b'{"a": 1}', "application/octet-stream"),
    "WOFF2": (b"wOF2\0\1\0\0", "font/woff2"),
    "TrueType": (b"\0\1\0\0\0\x10", "font/ttf"),
    "wasm": (b"\0asm\1\0\0\0", "application/wasm"),
    "BMP": (b"BM", "image/bmp"),
    "ICO": (b"\0\0\1\0\1\0", "image/x-icon"),
    "TIFF": (b"II*\0\x08\0\0\0", "image/tiff"),
    "Photoshop": (b"8BPS\0\1", "image/vnd.adobe.photoshop"),
    "ADTS": (b"\xff\xf1\x50\x80", "audio/aac"),
    "ASF": (asf((OTHER_OBJECT, b"")), "application/vnd.ms-asf"),
    "MPEG PS": (b"\0\0\1\xba\x44\0\4\0", "video/MP2P"),
    "script": (b"#!/bin/sh\n", "application/octet-stream"),
    "ftyp dash": (ftyp(b"dash"), "video/mp4"),
    "ftyp iso5": (ftyp(b"iso5"), "video/mp4"),
    "ftyp avc1": (ftyp(b"avc1"), "video/mp4"),
    "MPEG TS": ((b"G\x40\0\x10" + bytes(184)) * 3, "application/octet-stream"),
    "RAR5": (b"Rar!\x1a\7\1\0", "application/x-rar-compressed"),
    "bzip2": (b"BZh91AY", "application/x-bzip2"),
    "xz": (b"\xfd7zXZ\0", "application/x-xz"),
    "zstd": (b"\x28\xb5\x2f\xfd", "application/zstd"),
    "PostScript": (b"%!PS-Adobe-3.0\n", "application/postscript"),
    "MZ": (b"MZ\x90\0", "application/x-msdownload"),
    "ELF": (b"\x7fELF\2\1\1", "application/octet-stream"),
    "SQLite": (b"SQLite format 3\0", "application/x-sqlite3"),
    "ftyp mif1": (ftyp(b"mif1"), "image/heif"),
    "ftyp XXXX": (ftyp(b"XXXX"), "video/mp4"),
}

# These are whole objects: nothing follows.
WHOLE = {
    "nothing": (b"", "application/octet-stream"),
    "one byte": (b"B", "application/octet-stream"),
    "PNG signature only": (b"\x89PNG\r\n\x1a\n", "application/octet-stream"),
    "JPEG signature only": (b"\xff\xd8\xff", "image/jpeg"),
    "GIF only": (b"GIF", "image/gif"),
    "ID3v2 only": (id3(10) + bytes(10), "application/octet-stream"),
    "half an ID3v2 header": (b"ID3\4\0", "application/octet-stream"),
    "ID3v2 that is larger than what is read": (id3(100_000) + bytes(2000), "audio/mpeg"),
    "ID3v2, then MPEG audio": (id3(10) + bytes(10) + b"\xff\xfb\x90\x64", "audio/mpeg"),
    "two ID3v2 tags, then FLAC": (id3(3) + bytes(3) + id3(1) + bytes(1) + b"fLaC", "audio/x-flac"),
    "RIFF of another kind": (b"RIFF\0\0\0\0sfbk", "application/octet-stream"),
    "EBML of another kind": (ebml(b"mkv3"), "application/octet-stream"),
    "EBML cut off in its type": (ebml(b"webm")[:-1], "application/octet-stream"),
    "EBML without a type": (b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\1", "application/octet-stream"),
    "EBML with an impossible id": (b"\x1a\x45\xdf\xa3\x84\0\0\0\0", "application/octet-stream"),
    "EBML with lengths in eight bytes": (
        b"\x1a\x45\xdf\xa3\1\0\0\0\0\0\0\x0f\x42\x82\1\0\0\0\0\0\0\4webm",
        "video/webm",
    ),
    "Ogg cut off": (ogg(b"Opus"), "application/octet-stream"),
    "Ogg with FLAC": (ogg(b"\x7fFLAC\1\0\0"), "audio/ogg"),
    "Ogg with something else": (ogg(b"fishead\0"), "application/ogg"),
    "animated PNG": (png(IHDR, (b"acTL", bytes(8)), (b"IDAT", b"")), "image/apng"),
    "PNG with an impossible chunk": (b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR", "application/octet-stream"),
    "PNG whose chunk goes on": (b"\x89PNG\r\n\x1a\n\0\1\0\0zTXt" + bytes(50), "image/png"),
    "ftyp with a brand that is no text": (ftyp(b"\1\2\3\4"), "application/octet-stream"),
    "ftyp M4B": (ftyp(b"M4B "), "audio/mp4"),
    "ftyp 3g2a": (ftyp(b"3g2a"), "video/3gpp2"),
    "QuickTime without ftyp": (b"\0\0\0\x08moov", "video/quicktime"),
    "MPEG 1 PS": (b"\0\0\1\xba\x21\0\1\0", "video/MP1S"),
    "MPEG PS of another kind": (b"\0\0\1\xba\0", "video/mpeg"),
    "MPEG video": (b"\0\0\1\xb3", "video/mpeg"),
    "MPEG TS with time codes": ((bytes(4) + b"G" + bytes(187)) * 3, "video/mp2t"),
    "MPEG audio layer 2": (b"\xff\xfd\x90", "audio/mpeg"),
    "no MPEG audio": (b"\xff\x1b\x90", "application/octet-stream"),
    "Word document": (
        zipped(("[Content_Types].xml", "x"), ("word/document.xml", "x")),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ),
    "book": (zipped(("mimetype", "application/epub+zip"), ("a", "b")), "application/epub+zip"),
    "extension": (zipped(("META-INF/mozilla.rsa", "x"), ("a", "b")), "application/x-xpinstall"),
    "3D model": (zipped(("3D/a.model", "x"), ("a", "b")), "model/3mf"),
    "other zip": (zipped(("a/b.xml", "x"), ("c", ""), ("d", "e")), "application/zip"),
    "empty zip": (zipped(), "application/zip"),
    "tar": (tarred(), "application/x-tar"),
    "tar with a wrong checksum": (b"x" + tarred()[1:], "application/octet-stream"),
    "ASF audio": (
        asf((OTHER_OBJECT, b"abc"), (STREAM_PROPERTIES, bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b"))),
        "audio/x-ms-asf",
    ),
    "ASF video": (
        asf((STREAM_PROPERTIES, bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b"))),
        "video/x-ms-asf",
    ),
    "ASF whose object has no length": (asf() + bytes(100), "application/vnd.ms-asf"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "image/jp2"),
    "JPEG 2000 cut off": (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftyp", "application/octet-stream"),
    "Debian package": (b"!<arch>\ndebian-binary   ", "application/x-deb"),
    "archive": (b"!<arch>\nsomething.o      ", "application/x-unix-archive"),
    "encapsulated PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0", "application/eps"),
    "Illustrator": (b"%PDF-1.5\n" + bytes(1500) + b"AIPrivateData", "application/postscript"),
    "TIFF cut off": (b"II*\0\x08\0\0\0", "application/octet-stream"),
    "big-endian TIFF": (b"MM\0*", "image/tiff"),
    "Canon raw": (b"II*\0\x10\0\0\0CR", "image/x-canon-cr2"),
    "Nikon raw": (b"II*\0\x08\0\0\0\x1c\0\xfe\0", "image/x-nikon-nef"),
    "Adobe raw": (b"II*\0\x08\0\0\0\x2d\0\xfe\0", "image/x-adobe-dng"),
    "Sony raw": (b"II*\0\x08\0\0\0\x0b\0\xfe\0\4\0\1\0\0\0\1\0\0\0\3\1", "image/x-sony-arw"),
    "asar": (b"\4\0\0\0" + bytes(8) + b"\x0d\0\0\0" + b'{"files": {}}', "application/x-asar"),
    "pickle that is no asar": (b"\4\0\0\0" + bytes(8) + b"\x0d\0\0\0" + b'{"other": {}}', "application/octet-stream"),
    "pickle that is no JSON": (b"\4\0\0\0" + bytes(8) + b"\x0d\0\0\0" + bytes(13), "application/octet-stream"),
    "embedded OpenType": (bytes(8) + b"\0\0\1" + bytes(23) + b"LP", "application/vnd.ms-fontobject"),
    "metadata of images": (b"\x7e\x10\4\0000MIE", "application/x-mie"),
    "WOFF without its version": (b"wOFFabcd", "application/octet-stream"),
}


@pytest.mark.parametrize(("head", "media_type"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_signatures_with_noise_behind(head: bytes, media_type: str) -> None:
    assert detect_media_type((head + NOISE)[:SNIFF_BYTES]) == media_type


@pytest.mark.parametrize(("data", "media_type"), WHOLE.values(), ids=WHOLE)
def test_whole_objects(data: bytes, media_type: str) -> None:
    assert detect_media_type(data) == media_type


def test_noise_is_unknown() -> None:
    assert detect_media_type(NOISE[:SNIFF_BYTES]) == UNKNOWN_MEDIA_TYPE == "application/octet-stream"


def test_only_the_first_4100_bytes_count() -> None:
    far = png(IHDR, (b"tEXt", bytes(4200)), (b"acTL", bytes(8)))
    assert detect_media_type(far) == detect_media_type(far[:SNIFF_BYTES]) == "image/png"


@given(
    st.sampled_from([head for head, _ in (BEGINNINGS | WHOLE).values()]), st.binary(max_size=300), st.integers(0, 500)
)
def test_any_bytes_have_an_answer(head: bytes, tail: bytes, length: int) -> None:
    media_type = detect_media_type((head + tail)[:length])
    assert media_type.count("/") == 1
