"""Requests to a node's operator API, signed."""

import json
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Mapping
from urllib.parse import urlsplit

import jwt

from joygrpc.cli.exit_codes import DistributorExit
from joygrpc.cli.onchain.exits import CommandFailed

TOKEN_LIFE_S = 60
TIMEOUT_S = 15


def operator_token(secret: str, path: str, body: object, now: int) -> str:
    """A token for one request: it signs the path (with query) and the body; `now` is Unix time in seconds."""
    claims = {"reqUrl": path, "reqBody": body, "iat": now, "exp": now + TOKEN_LIFE_S}
    with warnings.catch_warnings():
        # The library warns of short secrets; the one who chose it hears of it from the node.
        warnings.simplefilter("ignore")
        return jwt.encode(claims, secret, algorithm="HS256")


def ask_node(url: str, route: str, secret: str, body: Mapping[str, object]) -> None:
    """POST a request below the root `url`. Raises `CommandFailed` with the node's words."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CommandFailed(f"not the address of an operator API: {url}", DistributorExit.INVALID_INPUT)
    path = f"{parts.path.rstrip('/')}/api/v1/{route}"
    request = urllib.request.Request(  # noqa: S310 - http or https, checked above
        f"{parts.scheme}://{parts.netloc}{path}",
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {operator_token(secret, path, body, int(time.time()))}",
        },
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - as above
            response.read()
    except urllib.error.HTTPError as error:
        with error:
            raise CommandFailed(_refusal(error.code, error.read()), DistributorExit.API_ERROR) from None
    except (urllib.error.URLError, OSError) as error:
        raise CommandFailed(f"{url} does not answer: {error}", DistributorExit.API_ERROR) from None


def _refusal(status: int, body: bytes) -> str:
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        message = "no reason given"
    advice = "; is --secret the node's operatorApi.hmacSecret?" if status == 401 else ""
    return f"the node refuses ({status}): {message}{advice}"
