"""What the policies are compared with."""

from collections import OrderedDict

from joygrpc.distributor.policies import Pinned, Standing


class Lru:
    """Least recently used, whatever the sizes: for simulations alone."""

    def __init__(self) -> None:
        self._standings: OrderedDict[int, Standing] = OrderedDict()

    def __len__(self) -> int:
        return len(self._standings)

    def admit(self, object_id: int, size: int, now_ms: int, standing: Standing | None = None) -> None:
        """Take in an object."""
        self.forget(object_id)
        self._standings[object_id] = standing or Standing(1, now_ms)

    def resize(self, object_id: int, size: int) -> None:
        """Sizes do not matter."""

    def use(self, object_id: int, now_ms: int, uses: int = 1) -> None:
        """The object was read; unknown objects are ignored."""
        before = self._standings.get(object_id)
        if before is not None:
            self._standings[object_id] = Standing(before.popularity + uses, now_ms)
            self._standings.move_to_end(object_id)

    def forget(self, object_id: int) -> None:
        """The object left the cache; unknown objects are ignored."""
        self._standings.pop(object_id, None)

    def victim(self, now_ms: int, pinned: Pinned) -> int | None:
        """The object that was not used for the longest time, of those that are not pinned."""
        return next((object_id for object_id in self._standings if not pinned(object_id)), None)

    def standing(self, object_id: int) -> Standing | None:
        """How the object stands; None when it is unknown."""
        return self._standings.get(object_id)

    def state(self) -> str:
        """Nothing: simulations do not restart."""
        return ""

    def restore(self, state: str) -> None:
        """Nothing."""
