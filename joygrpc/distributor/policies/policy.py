"""What every cache policy can do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Pinned = Callable[[int], bool]
"""Whether an object, given by its id, must stay."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an object stands in a policy's eyes, whichever policy it is; kept over restarts for each object."""

    popularity: int
    """1 and the uses since the object came."""
    last_access_ms: int
    """Milliseconds since the epoch."""


class CachePolicy(Protocol):
    """Chooses what leaves the cache. It holds no clock and does no I/O; times are milliseconds since the epoch."""

    def admit(self, object_id: int, size: int, now_ms: int, standing: Standing | None = None) -> None:
        """Take in an object of `size` bytes, with its old standing when it is known."""

    def resize(self, object_id: int, size: int) -> None:
        """The object takes another number of bytes now."""

    def use(self, object_id: int, now_ms: int, uses: int = 1) -> None:
        """The object was read, which counts as `uses` uses; 0 renews its recency alone. Unknown objects are ignored."""

    def forget(self, object_id: int) -> None:
        """The object left the cache; unknown objects are ignored."""

    def victim(self, now_ms: int, pinned: Pinned) -> int | None:
        """The object that shall leave next, of those that are not pinned; None when there is none.

        Asking may move objects inside the policy, so ask only when one shall leave.
        """

    def standing(self, object_id: int) -> Standing | None:
        """How the object stands; None when it is unknown."""

    def state(self) -> str:
        """What standings do not tell and a restart shall not lose, for `restore`."""

    def restore(self, state: str) -> None:
        """Take up a state again, after the objects that are still there were admitted with their standings.

        Raises ValueError, without effect, when the state is of another policy or none at all. Objects that it does not know, or that are gone, do no harm.
        """

    def __len__(self) -> int: ...
