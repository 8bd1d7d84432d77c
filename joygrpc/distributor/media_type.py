"""The media type that an object is delivered with."""

from joygrpc.content import UNKNOWN_MEDIA_TYPE, detect_media_type

FALLBACK_TYPES = frozenset({"text/vtt", "text/plain"})
"""Types that the query node may name and first bytes cannot tell; others are not taken on trust."""


def media_type_of(head: bytes, fallback: str | None) -> str:
    """The type that an object's first bytes tell, else the query node's if it is one that may be trusted, else `application/octet-stream`."""
    detected = detect_media_type(head)
    if detected == UNKNOWN_MEDIA_TYPE and fallback in FALLBACK_TYPES:
        return fallback
    return detected
