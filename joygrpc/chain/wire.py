"""Messages between a node and its chain worker: pickled, behind a four-byte length, over a socket pair that nobody else can reach."""

import pickle
import struct
from dataclasses import dataclass, field

from joygrpc.chain.keys import KeySource
from joygrpc.chain.port import BatchMode, Call

LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Setup:
    """First message to the worker; times in seconds."""

    url: str
    keys: KeySource = field(repr=False)
    ss58_prefix: int
    connect_timeout_s: float
    rpc_timeout_s: float
    mortality_blocks: int


@dataclass(frozen=True, slots=True)
class Started:
    """The worker's answer to `Setup`: account ids in the order of the sources, or what is wrong with the keys."""

    accounts: tuple[bytes, ...] = ()
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A call; `operation` names a method of the worker's `Operations`."""

    request_id: int
    operation: str
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the request of that id."""

    request_id: int
    value: object = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """Arguments of the operation `submit`; `account` is the 32-byte id."""

    calls: tuple[Call, ...]
    account: bytes
    mode: BatchMode
    wait_for_finality: bool
    time_limit_s: float


@dataclass(frozen=True, slots=True)
class Connected:
    """Notice: a connection stands; `genesis_hash` changes when the address now leads to another chain."""

    genesis_hash: str
    ss58_prefix: int


@dataclass(frozen=True, slots=True)
class FinalizedNotice:
    """Notice: a block became final."""

    number: int


@dataclass(frozen=True, slots=True)
class LogNotice:
    """Notice: something for the node's log; never a secret."""

    event: str
    details: tuple[tuple[str, str], ...] = ()


def frame(message: object) -> bytes:
    """A message ready to be written."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def unframe(body: bytes) -> object:
    """The message in a frame's body."""
    return pickle.loads(body)  # noqa: S301 - both ends are this program
