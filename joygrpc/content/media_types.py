"""Media type of an object by its first bytes, as the other nodes of the network tell it.

The answers, odd ones included, are those of the signature library that they use, so that a viewer gets the same `Content-Type` from every
node. Text formats are not detected, and neither is anything that needs more than the first 4,100 bytes. Rules are tried in order; a rule
is an offset, the byte strings one of which must lie there, and the media type, or a function that looks closer and may decline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from joygrpc.content import containers

SNIFF_BYTES = 4100
"""How many bytes of an object's beginning matter."""

UNKNOWN_MEDIA_TYPE = "application/octet-stream"

_Rule = tuple[int, tuple[bytes, ...], str | Callable[[bytes], str | None]]


def detect_media_type(head: bytes) -> str:
    """The media type of an object that begins with `head`, its first 4,100 bytes (all of a shorter object; more is ignored)."""
    head = bytes(head[:SNIFF_BYTES])
    while (rest := containers.after_id3(head)) is not None:
        if isinstance(rest, str):
            return rest
        head = rest
    if len(head) < 2:
        return UNKNOWN_MEDIA_TYPE
    # A signature may end in zeros that a short object does not have; functions get the bytes as they are.
    padded = head.ljust(64, b"\0")
    for offset, signatures, answer in _RULES:
        if padded.startswith(signatures, offset):
            media_type = answer if isinstance(answer, str) else answer(head)
            if media_type is not None:
                return media_type
    return UNKNOWN_MEDIA_TYPE


def _tiff(head: bytes) -> str:
    magic = head[8:12].ljust(4, b"\0")
    if magic.startswith(b"CR"):
        return "image/x-canon-cr2"
    if magic in (b"\x1c\x00\xfe\x00", b"\x1f\x00\x0b\x00"):
        return "image/x-nikon-nef"
    first_directory = head[4:8]
    if first_directory == b"\x08\0\0\0" and magic in (b"\x2d\x00\xfe\x00", b"\x27\x00\xfe\x00"):
        return "image/x-adobe-dng"
    if len(head) < 24:
        return UNKNOWN_MEDIA_TYPE
    is_sony = head[9:24] == b"\x00\xfe\x00\x04\x00\x01\x00\x00\x00\x01\x00\x00\x00\x03\x01"
    if is_sony and first_directory in (b"\x10\xfb\x86\x01", b"\x08\0\0\0"):
        return "image/x-sony-arw"
    return "image/tiff"


def _postscript(head: bytes) -> str:
    is_encapsulated = head[2:11] == b"PS-Adobe-" and head[14:20] == b" EPSF-"
    return "application/eps" if is_encapsulated else "application/postscript"


def _pdf(head: bytes) -> str:
    return "application/postscript" if b"AIPrivateData" in head[1350:] else "application/pdf"


def _woff(media_type: str) -> Callable[[bytes], str | None]:
    return lambda head: media_type if head[4:8] in (b"\0\x01\0\0", b"OTTO") else None


def _mpeg_program_stream(head: bytes) -> str:
    marker = head[4] if len(head) > 4 else 0
    if marker & 0xF1 == 0x21:
        return "video/MP1S"
    return "video/MP2P" if marker & 0xC4 == 0x44 else "video/mpeg"


def _mie(head: bytes) -> str | None:
    return "application/x-mie" if head[4:8] == b"0MIE" else None


def _asar(head: bytes) -> str | None:
    """An archive whose header, JSON with a `files` key, fits the first 256 bytes."""
    length = int.from_bytes(head[12:16], "little")
    if length <= 12 or 16 + length > min(len(head), 256):
        return None
    try:
        header = json.loads(head[16 : 16 + length])
    except (ValueError, RecursionError):
        return None
    return "application/x-asar" if isinstance(header, dict) and isinstance(header.get("files"), dict) else None


def _transport_stream(head: bytes) -> str | None:
    """Packets of 192 bytes with a time code first, as camcorders write them; plain ones of 188 are not known."""
    return "video/mp2t" if b"G" in (head[192:193], head[196:197]) else None


def _embedded_opentype(head: bytes) -> str | None:
    return "application/vnd.ms-fontobject" if head[8:11] in (b"\0\0\x01", b"\x01\0\x02", b"\x02\0\x02") else None


def _tar(head: bytes) -> str | None:
    """A header block whose checksum, in octal digits, is right; the checksum's own field counts as eight spaces."""
    digits = re.match(rb"\s*\+?([0-7]+)", head[148:154].split(b"\0")[0])
    if digits is None:
        return None
    checksum = sum(head[:148]) + 8 * ord(" ") + sum(head[156:512])
    return "application/x-tar" if int(digits[1], 8) == checksum else None


def _mpeg_audio(head: bytes) -> str | None:
    header = head[1]
    if header & 0xE0 != 0xE0:
        return None
    if header & 0x16 == 0x10:
        return "audio/aac"
    return "audio/mpeg" if header & 0x06 else None


_RULES: tuple[_Rule, ...] = (
    (0, (b"BM",), "image/bmp"),
    (0, (b"\x0b\x77",), "audio/vnd.dolby.dd-raw"),
    (0, (b"\x78\x01",), "application/x-apple-diskimage"),
    (0, (b"MZ",), "application/x-msdownload"),
    (0, (b"%!",), _postscript),
    (0, (b"\x1f\xa0", b"\x1f\x9d"), "application/x-compress"),
    (0, (b"\xff\xd8\xff",), "image/jpeg"),
    (0, (b"II\xbc",), "image/vnd.ms-photo"),
    (0, (b"\x1f\x8b\x08",), "application/gzip"),
    (0, (b"BZh",), "application/x-bzip2"),
    (0, (b"MP+",), "audio/x-musepack"),
    (0, (b"CWS", b"FWS"), "application/x-shockwave-flash"),
    (0, (b"GIF",), "image/gif"),
    (0, (b"FLIF",), "image/flif"),
    (0, (b"8BPS",), "image/vnd.adobe.photoshop"),
    (8, (b"WEBP",), "image/webp"),
    (0, (b"MPCK",), "audio/x-musepack"),
    (0, (b"FORM",), "audio/aiff"),
    (0, (b"icns",), "image/icns"),
    (0, (b"PK\x03\x04",), containers.zip_media_type),
    (0, (b"OggS",), containers.ogg_media_type),
    (0, tuple(b"PK" + bytes((a, b)) for a in (3, 5, 7) for b in (4, 6, 8)), "application/zip"),
    (4, (b"ftyp",), containers.iso_media_type),
    (0, (b"MThd",), "audio/midi"),
    (0, (b"wOFF",), _woff("font/woff")),
    (0, (b"wOF2",), _woff("font/woff2")),
    (0, (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4"), "application/vnd.tcpdump.pcap"),
    (0, (b"DSD ",), "audio/x-dsf"),
    (0, (b"LZIP",), "application/x-lzip"),
    (0, (b"fLaC",), "audio/x-flac"),
    (0, (b"BPG\xfb",), "image/bpg"),
    (0, (b"wvpk",), "audio/wavpack"),
    (0, (b"%PDF",), _pdf),
    (0, (b"\0asm",), "application/wasm"),
    (0, (b"II*\0",), _tiff),
    (0, (b"MM\0*",), "image/tiff"),
    (0, (b"MAC ",), "audio/ape"),
    (0, (b"\x1a\x45\xdf\xa3",), containers.ebml_media_type),
    (0, (b"RIFF",), containers.riff_media_type),
    (0, (b"SQLi",), "application/x-sqlite3"),
    (0, (b"NES\x1a",), "application/x-nintendo-nes-rom"),
    (0, (b"Cr24",), "application/x-google-chrome-extension"),
    (0, (b"MSCF", b"ISc("), "application/vnd.ms-cab-compressed"),
    (0, (b"\xed\xab\xee\xdb",), "application/x-rpm"),
    (0, (b"\xc5\xd0\xd3\xc6",), "application/eps"),
    (0, (b"\x28\xb5\x2f\xfd",), "application/zstd"),
    (0, (b"OTTO\0",), "font/otf"),
    (0, (b"#!AMR",), "audio/amr"),
    (0, (b"{\\rtf",), "application/rtf"),
    (0, (b"FLV\x01",), "video/x-flv"),
    (0, (b"IMPM",), "audio/x-it"),
    (2, (*(b"-lh%c-" % c for c in b"01234567d"), b"-lzs-", b"-lz4-", b"-lz5-"), "application/x-lzh-compressed"),
    (0, (b"\0\0\x01\xba",), _mpeg_program_stream),
    (0, (b"ITSF",), "application/vnd.ms-htmlhelp"),
    (0, (b"\xfd7zXZ\0",), "application/x-xz"),
    (0, (b"<?xml ",), "application/xml"),
    (0, (b"7z\xbc\xaf\x27\x1c",), "application/x-7z-compressed"),
    (0, (b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01"), "application/x-rar-compressed"),
    (0, (b"solid ",), "model/stl"),
    (0, (b"BLENDER",), "application/x-blender"),
    (0, (b"!<arch>",), containers.ar_media_type),
    (0, (b"\x89PNG\r\n\x1a\n",), containers.png_media_type),
    (0, (b"ARROW1\0\0",), "application/x-apache-arrow"),
    (0, (b"glTF\x02\0\0\0",), "model/gltf-binary"),
    (4, (b"free", b"mdat", b"moov", b"wide"), "video/quicktime"),
    (0, (b"IIRO\x08\0\0\0\x18",), "image/x-olympus-orf"),
    (0, (b"gimp xcf ",), "image/x-xcf"),
    (0, (b"IIU\0\x18\0\0\0\x88\xe7\x74\xd8",), "image/x-panasonic-rw2"),
    (0, (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",), containers.asf_media_type),
    (0, (b"\xabKTX 11\xbb\r\n\x1a\n",), "image/ktx"),
    (0, (b"\x7e\x10\x04", b"\x7e\x18\x04"), _mie),
    (2, (b"\x27\x0a" + bytes(10),), "application/x-esri-shape"),
    (0, (b"\0\0\0\x0cjP  \r\n\x87\n",), containers.jpeg_2000_media_type),
    (0, (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"), "image/jxl"),
    (0, (b"\0\0\x01\xb3",), "video/mpeg"),
    (0, (b"\0\x01\0\0\0",), "font/ttf"),
    (0, (b"\0\0\x01\0", b"\0\0\x02\0"), "image/x-icon"),
    (0, (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",), "application/x-cfb"),
    (0, (b"BEGIN:VCARD",), "text/vcard"),
    (0, (b"BEGIN:VCALENDAR",), "text/calendar"),
    (0, (b"FUJIFILMCCD-RAW",), "image/x-fujifilm-raf"),
    (0, (b"Extended Module:",), "audio/x-xm"),
    (0, (b"Creative Voice File",), "audio/x-voc"),
    (0, (b"\x04\0\0\0",), _asar),
    (0, (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02",), "application/mxf"),
    (44, (b"SCRM",), "audio/x-s3m"),
    (4, (b"G",), _transport_stream),
    (60, (b"BOOKMOBI",), "application/x-mobipocket-ebook"),
    (128, (b"DICM",), "application/dicom"),
    (0, (b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F",), "application/x.ms.shortcut"),
    (0, (b"book\0\0\0\0mark\0\0\0\0",), "application/x.apple.alias"),
    (34, (b"LP",), _embedded_opentype),
    (0, (b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5\xbd\x31\xef\xe7\xfe\x74\xb7\x1d",), "application/x-indesign"),
    (0, (b"",), _tar),
    (0, (b"\xff\xfe\xff\x0e" + "SketchUp Model".encode("utf-16-le"),), "application/vnd.sketchup.skp"),
    (0, (b"-----BEGIN PGP MESSAGE-----",), "application/pgp-encrypted"),
    (0, (b"\xff",), _mpeg_audio),
)
