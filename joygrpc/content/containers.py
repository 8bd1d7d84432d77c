"""Formats that hold others: which media type the first bytes of a container tell.

Each function gets at most the first 4,100 bytes, beginning with the container's signature. A structure that is cut off before it says what it
holds is unknown, as a file that ends there would be.
"""

from __future__ import annotations

UNKNOWN = "application/octet-stream"

_OGG_TYPES: tuple[tuple[bytes, str], ...] = (
    (b"OpusHead", "audio/opus"),
    (b"\x80theora", "video/ogg"),
    (b"\x01video\0", "video/ogg"),
    (b"\x7fFLAC", "audio/ogg"),
    (b"Speex  ", "audio/ogg"),
    (b"\x01vorbis", "audio/ogg"),
)

_ISO_BRANDS = {
    "avif": "image/avif",
    "mif1": "image/heif",
    "msf1": "image/heif-sequence",
    "heic": "image/heic",
    "heix": "image/heic",
    "hevc": "image/heic-sequence",
    "hevx": "image/heic-sequence",
    "qt": "video/quicktime",
    "M4V": "video/x-m4v",
    "M4VH": "video/x-m4v",
    "M4VP": "video/x-m4v",
    "M4B": "audio/mp4",
    "M4A": "audio/x-m4a",
    "F4A": "audio/mp4",
    "F4B": "audio/mp4",
    "crx": "image/x-canon-cr3",
}

_RIFF_TYPES = ((b"AVI", "video/vnd.avi"), (b"WAVE", "audio/vnd.wave"), (b"QLCM", "audio/qcelp"))

_JPEG_2000_TYPES = {b"jp2 ": "image/jp2", b"jpx ": "image/jpx", b"jpm ": "image/jpm", b"mjp2": "image/mj2"}

_OFFICE_FOLDERS = {
    "word": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "ppt": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xl": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_ZIP_MIMETYPES = frozenset(
    {
        b"application/epub+zip",
        b"application/vnd.oasis.opendocument.text",
        b"application/vnd.oasis.opendocument.spreadsheet",
        b"application/vnd.oasis.opendocument.presentation",
    }
)

_ASF_STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_ASF_AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")

_EBML_DOC_TYPE = 0x4282
_EBML_DOC_TYPES = {b"webm": "video/webm", b"matroska": "video/x-matroska"}


def after_id3(head: bytes) -> bytes | str | None:
    """What follows an ID3v2 tag; the media type if the tag is larger than `head` or cut off; None if there is no tag."""
    if not head.startswith(b"ID3"):
        return None
    if len(head) < 10:
        return UNKNOWN
    # Seven bits a byte; the upper three bytes are not masked, as the other nodes do not mask them.
    length = head[9] & 0x7F | head[8] << 7 | head[7] << 14 | head[6] << 21
    return "audio/mpeg" if 10 + length > len(head) else head[10 + length :]


def ogg_media_type(head: bytes) -> str:
    """By the codec's own header in the first page."""
    codec = head[28:36]
    if len(codec) < 8:
        return UNKNOWN
    return next((media_type for magic, media_type in _OGG_TYPES if codec.startswith(magic)), "application/ogg")


def iso_media_type(head: bytes) -> str | None:
    """By the major brand of an ISO base media file (MP4, QuickTime, HEIF, …)."""
    if len(head) < 9 or not head[8] & 0x60:
        return None
    brand = head[8:12].ljust(4, b"\0").decode("latin-1").replace("\0", " ", 1).strip(" \t\n\v\f\r\xa0")
    if brand.startswith("3g"):
        return "video/3gpp2" if brand.startswith("3g2") else "video/3gpp"
    return _ISO_BRANDS.get(brand, "video/mp4")


def riff_media_type(head: bytes) -> str | None:
    """By the form type, for the ones that are known."""
    return next((media_type for magic, media_type in _RIFF_TYPES if head.startswith(magic, 8)), None)


def jpeg_2000_media_type(head: bytes) -> str:
    """By the brand of a JPEG 2000 file."""
    return _JPEG_2000_TYPES.get(head[20:24], UNKNOWN)


def ar_media_type(head: bytes) -> str:
    """Debian packages, or other archives of the same format."""
    if len(head) < 21:
        return UNKNOWN
    return "application/x-deb" if head[8:21] == b"debian-binary" else "application/x-unix-archive"


def png_media_type(head: bytes) -> str:
    """PNG, or animated PNG if an `acTL` chunk comes before the image data."""
    position = 8
    while True:
        length = int.from_bytes(head[position : position + 4], signed=True)
        chunk_type = head[position + 4 : position + 8]
        if len(chunk_type) < 4 or length < 0:
            return UNKNOWN
        if chunk_type == b"IDAT":
            return "image/png"
        if chunk_type == b"acTL":
            return "image/apng"
        position += 8 + length + 4
        if position + 8 >= len(head):
            return "image/png"


def ebml_media_type(head: bytes) -> str:
    """WebM or Matroska by the DocType in the EBML header."""
    _, header_bytes, position = _ebml_element(head, 0)
    # So many bytes hold at most so many elements; the loop ends sooner.
    for _ in range(header_bytes):
        element, length, position = _ebml_element(head, position)
        if element is None:
            break
        if element == _EBML_DOC_TYPE and position + length <= len(head):
            return _EBML_DOC_TYPES.get(head[position : position + length], UNKNOWN)
        position += length
    return UNKNOWN


def _ebml_element(head: bytes, position: int) -> tuple[int | None, int, int]:
    """Id, length and start of an element's content; the id is None where there is no readable element."""
    id_bytes = _ebml_field_bytes(head, position)
    length_position = position + id_bytes
    length_bytes = _ebml_field_bytes(head, length_position)
    start = length_position + length_bytes
    # Ids of more than six bytes do not exist.
    if not 0 < id_bytes <= 6 or length_bytes == 0 or start > len(head):
        return None, 0, len(head) + 1
    marker = 0x80 >> (length_bytes - 1)
    length = int.from_bytes(head[length_position:start]) ^ marker << 8 * (length_bytes - 1)
    return int.from_bytes(head[position:length_position]), length & (1 << 48) - 1, start


def _ebml_field_bytes(head: bytes, position: int) -> int:
    """Bytes of a number that tells its own length by the zero bits it begins with; 0 at the end."""
    if position >= len(head):
        return 0
    return 9 - head[position].bit_length()


def asf_media_type(head: bytes) -> str:
    """Audio or video by the first stream's properties, where they lie within reach."""
    position = 30
    while position + 24 < len(head):
        size = int.from_bytes(head[position + 16 : position + 24], "little")
        if head.startswith(_ASF_STREAM_PROPERTIES, position):
            stream_type = head[position + 24 : position + 40]
            if len(stream_type) < 16:
                return UNKNOWN
            if stream_type == _ASF_AUDIO:
                return "audio/x-ms-asf"
            if stream_type == _ASF_VIDEO:
                return "video/x-ms-asf"
            break
        if size < 24:
            break
        position += size
    return "application/vnd.ms-asf"


def zip_media_type(head: bytes) -> str:
    """Zip, or what a zip of certain members is: office documents, books, extensions, 3D models."""
    position = 0
    while position + 30 < len(head):
        header = head[position : position + 30]
        compressed, uncompressed = int.from_bytes(header[18:22], "little"), int.from_bytes(header[22:26], "little")
        name_bytes, extra_bytes = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        position += 30 + name_bytes
        if position > len(head):
            break
        name = head[position - name_bytes : position].decode("utf-8", "replace")
        position += extra_bytes
        if (media_type := _zip_member_tells(name)) is not None:
            return media_type
        if name == "mimetype" and compressed == uncompressed:
            content = head[position : position + compressed]
            if len(content) < compressed:
                break
            if content in _ZIP_MIMETYPES:
                return content.decode()
            position += compressed
        # A writer that did not know the size beforehand says 0: look for the next member.
        if compressed == 0:
            position = head.find(b"PK\x03\x04", position)
            if position < 0:
                break
        else:
            position += compressed
    return "application/zip"


def _zip_member_tells(name: str) -> str | None:
    if name == "META-INF/mozilla.rsa":
        return "application/x-xpinstall"
    folder = name.partition("/")[0]
    if name.endswith((".rels", ".xml")) and folder in _OFFICE_FOLDERS:
        return _OFFICE_FOLDERS[folder]
    if name.startswith("xl/"):
        return _OFFICE_FOLDERS["xl"]
    if name.startswith("3D/") and name.endswith(".model"):
        return "model/3mf"
    return None
