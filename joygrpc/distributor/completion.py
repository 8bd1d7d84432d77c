"""Whether the rest of an object is brought when some of it was asked for."""

from datetime import timedelta
from typing import Literal

from joygrpc.distributor.admission import SecondHit

CompletionPolicy = Literal["never", "second_hit", "always"]


class Completion:
    """Background completion: never, from the second use of an object on, or always. It holds no clock; times are milliseconds since the epoch.

    What tells a second use from another range of the first one is described at `SecondHit`; `window` is its.
    """

    def __init__(self, policy: CompletionPolicy, window: timedelta) -> None:
        self.policy: CompletionPolicy = policy
        self._second = SecondHit(window)

    def __repr__(self) -> str:
        return f"<Completion {self.policy}>"

    def wanted(self, object_id: int, now_ms: int, *, start: bool, reading: bool) -> bool:
        """Whether the object, which is asked for now and not all here, shall be brought as a whole.

        `start` tells that its first byte is asked for, `reading` that this is a read, which another request may have announced.
        """
        match self.policy:
            case "always":
                return True
            case "never":
                return False
            case "second_hit":
                return self._second.admits(object_id, now_ms, start=start, reading=reading)
