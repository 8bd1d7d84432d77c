"""The id that ties together everything done for one request, in every process that took part."""

import contextlib
import re
import secrets
from collections.abc import Iterator
from contextvars import ContextVar

REQUEST_ID_HEADER = "x-request-id"
"""HTTP header that brings and returns it."""

REQUEST_ID_METADATA = "x-request-id"
"""gRPC metadata key that carries it."""

_VALID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_current: ContextVar[str] = ContextVar("joygrpc_request_id", default="")


def new_request_id() -> str:
    """A fresh id: 16 hex digits."""
    return secrets.token_hex(8)


def accepted_request_id(offered: str | None) -> str:
    """The id that a caller offers if it is well-formed (1 to 64 of letters, digits and `._:-`), else a fresh one."""
    return offered if offered is not None and _VALID.fullmatch(offered) else new_request_id()


def current_request_id() -> str:
    """The id that this task works for; empty outside a request."""
    return _current.get()


def bind_request_id(offered: str | None = None) -> str:
    """Makes the offered id, or a fresh one, this task's from now on; gives it back."""
    request_id = accepted_request_id(offered)
    _current.set(request_id)
    return request_id


@contextlib.contextmanager
def request_id_scope(offered: str | None = None) -> Iterator[str]:
    """Binds an id for the length of a `with` block."""
    token = _current.set(accepted_request_id(offered))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
