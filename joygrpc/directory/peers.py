"""How the node of a storage bucket's operator is reached, read from what the operator published."""

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

_SCHEMES = {"grpc": False, "grpcs": True}
_MAX_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class MeshAddress:
    """`host:port` of a node's mesh listener, and whether it speaks TLS."""

    target: str
    tls: bool


def rest_root(endpoint: str | None) -> str | None:
    """The root URL for REST without a slash at its end, or None when the text is no http(s) URL that can be fetched from."""
    if endpoint is None or len(endpoint) > _MAX_CHARACTERS:
        return None
    endpoint = endpoint.strip()
    try:
        parts = urlsplit(endpoint)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        return None
    if parts.query or parts.fragment or parts.username is not None or any(ord(c) <= 32 for c in endpoint):
        return None
    return endpoint.rstrip("/")


def mesh_address(extra: str | None) -> MeshAddress | None:
    """The mesh address in an operator's `extra`: JSON with `{"grpc": "grpc://host:port"}` or `grpcs://`; None when there is none."""
    if not extra or len(extra) > _MAX_CHARACTERS:
        return None
    try:
        told = json.loads(extra)
        parts = urlsplit(told["grpc"])
        port = parts.port
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    tls = _SCHEMES.get(str(parts.scheme))
    host = parts.hostname
    if tls is None or not host or not port or parts.path not in ("", "/") or parts.username is not None:
        return None
    return MeshAddress(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", tls)
