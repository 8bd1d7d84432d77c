"""LRU-SP: least recently used, weighed by size and popularity."""

from dataclasses import dataclass

from joygrpc.distributor.policies.policy import Pinned, Standing
from joygrpc.distributor.policies.saved import read_ids, read_state, write_ids, write_state

NAME = "lru_sp"
GROUPS = 24
MINUTE_MS = 60_000
KIB = 1024


@dataclass(slots=True)
class _Entry:
    size_kib: int
    popularity: int
    last_access_ms: int

    @property
    def group(self) -> int:
        """clamp(ceil(log2(size / popularity)), 0, 23), in whole numbers."""
        ratio = -(-self.size_kib // self.popularity)
        return min((ratio - 1).bit_length(), GROUPS - 1) if ratio > 0 else 0

    def cost(self, now_ms: int) -> tuple[int, int]:
        """Minutes since the last access, begun ones counted, times size, over popularity: as numerator and denominator."""
        minutes = -(-max(0, now_ms - self.last_access_ms) // MINUTE_MS)
        return minutes * self.size_kib, self.popularity


class LruSp:
    """LRU-SP, as the reference nodes run it: 24 groups by size over popularity, each in order of use.

    The least recent objects of all groups compete: the highest `minutes * size / popularity` leaves, of equals that of the higher group.
    """

    def __init__(self) -> None:
        self._groups: list[dict[int, _Entry]] = [{} for _ in range(GROUPS)]
        self._group_of: dict[int, int] = {}

    def __repr__(self) -> str:
        filled = {index: len(group) for index, group in enumerate(self._groups) if group}
        return f"<LruSp {len(self)} objects, by group {filled}>"

    def __len__(self) -> int:
        return len(self._group_of)

    def admit(self, object_id: int, size: int, now_ms: int, standing: Standing | None = None) -> None:
        """Take in an object of `size` bytes, with its old standing when it is known."""
        self.forget(object_id)
        standing = standing or Standing(1, now_ms)
        self._place(object_id, _Entry(-(-size // KIB), max(1, standing.popularity), standing.last_access_ms))

    def resize(self, object_id: int, size: int) -> None:
        """The object takes another number of bytes now; it moves to the end of a new group only if that changes its group."""
        group = self._group_of.get(object_id)
        if group is None:
            return
        entry = self._groups[group][object_id]
        entry.size_kib = -(-size // KIB)
        if entry.group != group:
            del self._groups[group][object_id]
            self._place(object_id, entry)

    def use(self, object_id: int, now_ms: int, uses: int = 1) -> None:
        """The object was read, which counts as `uses` uses; 0 renews its recency alone. Unknown objects are ignored."""
        group = self._group_of.get(object_id)
        if group is None:
            return
        entry = self._groups[group].pop(object_id)
        entry.popularity += uses
        entry.last_access_ms = max(entry.last_access_ms, now_ms)
        self._place(object_id, entry)

    def forget(self, object_id: int) -> None:
        """The object left the cache; unknown objects are ignored."""
        group = self._group_of.pop(object_id, None)
        if group is not None:
            del self._groups[group][object_id]

    def victim(self, now_ms: int, pinned: Pinned) -> int | None:
        """The object that shall leave next, of those that are not pinned; None when there is none."""
        chosen: int | None = None
        highest = (-1, 1)
        for group in self._groups:
            candidate = next((object_id for object_id in group if not pinned(object_id)), None)
            if candidate is None:
                continue
            cost = group[candidate].cost(now_ms)
            # Fractions compared without division; groups ascend, so of equals the later one is the higher one.
            if cost[0] * highest[1] >= highest[0] * cost[1]:
                chosen, highest = candidate, cost
        return chosen

    def standing(self, object_id: int) -> Standing | None:
        """How the object stands; None when it is unknown."""
        group = self._group_of.get(object_id)
        if group is None:
            return None
        entry = self._groups[group][object_id]
        return Standing(entry.popularity, entry.last_access_ms)

    def state(self) -> str:
        """The order inside the groups."""
        return write_state(NAME, order=write_ids(object_id for group in self._groups for object_id in group))

    def restore(self, state: str) -> None:
        """Put the objects of each group in their old order, those that are new behind them. Raises ValueError."""
        rank = {object_id: place for place, object_id in enumerate(read_ids(read_state(state, NAME).get("order", "")))}
        # Sorting is stable, so the new ones keep the order that they have.
        self._groups = [
            dict(sorted(group.items(), key=lambda item: rank.get(item[0], len(rank)))) for group in self._groups
        ]

    def _place(self, object_id: int, entry: _Entry) -> None:
        group = entry.group
        self._groups[group][object_id] = entry
        self._group_of[object_id] = group
