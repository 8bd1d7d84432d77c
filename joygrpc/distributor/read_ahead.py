"""How far ahead of a reader its object is fetched: the further the more it has read in sequence, be it in one request or in several."""

from collections import OrderedDict
from dataclasses import dataclass

from joygrpc.content import GROUP_SIZE, group_count
from joygrpc.distributor.demands import Demand
from joygrpc.distributor.groups import GroupRun, groups_of_range

FIRST_GROUPS = 4
"""Groups (1 MiB) that a reader of whom nothing is known gets at a time."""

REMEMBERED_TRAILS = 4096
TRAILS_PER_OBJECT = 8


@dataclass(slots=True)
class ReadAhead:
    """The reading of one range: `position` to before `end` of an object of `size` bytes, with `most` groups ahead at most."""

    position: int
    end: int
    size: int
    most: int
    in_sequence: int = 0
    """Bytes read one after the other so far, those of earlier requests included."""
    continued: bool = False
    """Whether earlier requests ended where this one began, so that another one is likely to follow."""

    @property
    def window(self) -> int:
        """Groups that are fetched ahead of the reader."""
        return min(max(FIRST_GROUPS, self.in_sequence // GROUP_SIZE), max(self.most, FIRST_GROUPS))

    def advance(self, length: int) -> None:
        """The reader took so many bytes."""
        self.position += length
        self.in_sequence += length

    def update(self, demand: Demand, now: float) -> None:
        """Tell what is wanted at the position reached."""
        rest = groups_of_range(self.position, self.end - self.position, self.size)
        first = rest.first if rest.count else min(self.position // GROUP_SIZE, group_count(self.size) - 1)
        window = self.window
        demand.needed = GroupRun(first, min(rest.count, FIRST_GROUPS))
        beyond = window if self.continued else 0
        demand.ahead_end = min(first + window, max(rest.end, first) + beyond, group_count(self.size))
        demand.pace = 1 if demand.ahead_end == rest.end else max(1, window // 2)
        demand.short = rest.count <= FIRST_GROUPS
        demand.moved_at = now

    def demand(self, now: float) -> Demand:
        """What is wanted at the start."""
        demand = Demand(GroupRun(0, 0), 0)
        self.update(demand, now)
        return demand


class Trails:
    """Where readers of objects ended, and how much they had read in sequence."""

    def __init__(self) -> None:
        self._trails: OrderedDict[int, list[tuple[int, int]]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Trails of {len(self._trails)} objects>"

    def leave(self, object_id: int, position: int, in_sequence: int) -> None:
        """A reader ended at a position."""
        trails = self._trails.setdefault(object_id, [])
        trails.append((position, in_sequence))
        del trails[:-TRAILS_PER_OBJECT]
        self._trails.move_to_end(object_id)
        if len(self._trails) > REMEMBERED_TRAILS:
            self._trails.popitem(last=False)

    def follow(self, object_id: int, position: int) -> int:
        """Bytes read in sequence up to a position, which is forgotten with that; 0 when nobody ended there."""
        trails = self._trails.get(object_id, [])
        for index, (end, in_sequence) in enumerate(trails):
            if end == position and position > 0:
                del trails[index]
                return in_sequence
        return 0
