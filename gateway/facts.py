"""What the edge knows of an object when it answers a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Self

from joygrpc.pb.joystream.content.v1.content_pb2 import Object
from joygrpc.pb.joystream.distribution.v1 import distribution_pb2 as distribution

UNKNOWN_MEDIA_TYPE = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:; ?[\w-]+=[\w.-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """An immutable object: `size` in bytes; `media_type` empty while it is not known; `stored_at` None where the node does not tell."""

    object_id: int
    size: int
    multihash: str
    media_type: str = ""
    stored_at: datetime | None = None

    @classmethod
    def of(cls, message: Object) -> Self:
        """The facts in a node's message."""
        media_type = message.media_type if _MEDIA_TYPE.fullmatch(message.media_type) else ""
        stored_at = message.stored_at.ToDatetime(UTC) if message.HasField("stored_at") else None
        return cls(message.id, message.size, message.multihash, media_type, stored_at)

    @property
    def etag(self) -> str:
        """The strong entity tag, quotes included: the same on every node of the network."""
        return f'"{self.multihash}"'


class CacheState(Enum):
    """How much of what was asked for lay in the distributor's cache; the values are those of `x-cache`."""

    HIT = "hit"
    PENDING = "pending"
    MISS = "miss"

    @classmethod
    def of(cls, value: distribution.CacheState.ValueType) -> CacheState:
        """The state that a node's message names; what it does not say counts as a miss."""
        return _CACHE_STATES.get(value, cls.MISS)


class DataSource(Enum):
    """Where the bytes come from; the values are those of `x-data-source`."""

    LOCAL = "local"
    EXTERNAL = "external"

    @classmethod
    def of(cls, value: distribution.DataSource.ValueType) -> DataSource:
        """The source that a node's message names."""
        return cls.EXTERNAL if value == distribution.DATA_SOURCE_EXTERNAL else cls.LOCAL


_CACHE_STATES = {
    distribution.CACHE_STATE_HIT: CacheState.HIT,
    distribution.CACHE_STATE_PENDING: CacheState.PENDING,
    distribution.CACHE_STATE_MISS: CacheState.MISS,
}
