"""What a storage node knows of an object that it keeps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from google.protobuf.timestamp_pb2 import Timestamp

from joygrpc.pb.joystream.content.v1 import content_pb2 as content


class ObjectState(StrEnum):
    """Where an object stands; objects whose bytes are still arriving are not in the index and have no state here."""

    PENDING = "pending"
    """Whole and equal to the hash on chain; acceptance is not final yet."""
    STORED = "stored"
    """Accepted on chain and final, or replicated from a peer and verified."""
    UNVERIFIED = "unverified"
    """Imported: the size is right, the hash was not checked yet."""
    QUARANTINED = "quarantined"
    """Kept for a retention time, and not served."""


class QuarantineReason(StrEnum):
    """Why an object is kept and not served."""

    ROTTEN = "rotten"
    """Its bytes are not what the chain knows under its id."""
    NOT_OWED = "not_owed"
    """The chain does not ask this node to keep it any more."""
    UNKNOWN = "unknown"
    """A file was found that nobody knows."""


SERVED_STATES = frozenset({ObjectState.PENDING, ObjectState.STORED, ObjectState.UNVERIFIED})
"""States in which an object's bytes are given out."""

LISTED_STATES = frozenset({ObjectState.STORED, ObjectState.UNVERIFIED})
"""States in which an object's id is listed and it counts as an object."""

_WIRE_STATES = {
    ObjectState.PENDING: content.OBJECT_STATE_PENDING,
    ObjectState.STORED: content.OBJECT_STATE_STORED,
    ObjectState.UNVERIFIED: content.OBJECT_STATE_UNVERIFIED,
    ObjectState.QUARANTINED: content.OBJECT_STATE_QUARANTINED,
}


@dataclass(frozen=True, slots=True)
class KeptObject:
    """An entry of the index. `size` in bytes, `bag` in text form, times in UTC."""

    object_id: int
    size: int
    multihash: str
    state: ObjectState
    bag: str
    bucket: int | None = None
    """Storage bucket that the upload named; None for what was replicated or imported."""
    media_type: str = ""
    has_tree: bool = False
    """Whether the tree lies beside the object, or is not needed because the object is a single group."""
    stored_at: datetime | None = None
    verified_at: datetime | None = None

    @property
    def served(self) -> bool:
        """Whether its bytes are given out."""
        return self.state in SERVED_STATES

    def to_wire(self) -> content.Object:
        """The message that describes it."""
        message = content.Object(
            id=self.object_id,
            size=self.size,
            multihash=self.multihash,
            media_type=self.media_type,
            bag_id=self.bag,
            state=_WIRE_STATES[self.state],
        )
        if self.stored_at is not None:
            message.stored_at.CopyFrom(_timestamp(self.stored_at))
        if self.verified_at is not None:
            message.verified_at.CopyFrom(_timestamp(self.verified_at))
        return message


def present() -> datetime:
    """The time in UTC, as finely as the index keeps it (milliseconds)."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
