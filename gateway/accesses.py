"""Reads that were served from leases, gathered for the node, whose cache policy lives on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.ranges import ByteRange
from joygrpc.pb.joystream.content.v1.content_pb2 import AccessCount

MAX_OBJECTS = 20_000
"""Objects whose counts wait for the next report; beyond it those of further objects are lost."""


@dataclass(slots=True)
class _Count:
    uses: int = 0
    bytes: int = 0
    last_access: float = 0.0


class AccessCounts:
    """Counts by object since the last `take`; `clock` gives Unix time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[int, _Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def record(self, object_id: int, part: ByteRange) -> None:
        """Notes one read. A player asks for many ranges of one object: the read that has the first byte is the use."""
        self._add(object_id, uses=int(part.first == 0), size=part.length, at=self._clock())

    def take(self) -> list[AccessCount]:
        """All counts, which begin anew."""
        counts, self._counts = self._counts, {}
        messages = []
        for object_id, count in counts.items():
            message = AccessCount(object_id=object_id, uses=count.uses, bytes=count.bytes)
            message.last_access_at.FromNanoseconds(int(count.last_access * 1e9))
            messages.append(message)
        return messages

    def put_back(self, messages: Sequence[AccessCount]) -> None:
        """Takes back what could not be reported."""
        for message in messages:
            self._add(
                message.object_id,
                uses=message.uses,
                size=message.bytes,
                at=message.last_access_at.ToNanoseconds() / 1e9,
            )

    def _add(self, object_id: int, *, uses: int, size: int, at: float) -> None:
        count = self._counts.get(object_id)
        if count is None:
            if len(self._counts) >= MAX_OBJECTS:
                return
            count = self._counts[object_id] = _Count()
        count.uses += uses
        count.bytes += size
        count.last_access = max(count.last_access, at)
