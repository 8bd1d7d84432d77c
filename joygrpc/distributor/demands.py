"""What a fill brings next: what readers are stopped at first, then what they will read soon, then the rest of the object."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from joygrpc.distributor.groups import GroupMap, GroupRun

NEAR_GROUPS = 8
"""Groups (2 MiB) ahead of a stream that a reader waits for rather than have them brought by a stream of its own."""

TURN_GROUPS = 64
"""Groups (16 MiB) that a stream may bring before readers without a stream get its place."""


class Purpose(Enum):
    """Why groups are brought."""

    URGENT = "urgent"
    """A reader is stopped there."""
    AHEAD = "ahead"
    """A reader will come there."""
    REST = "rest"
    """The whole object is wanted in the end."""


@dataclass(slots=True, eq=False)
class Demand:
    """What one reader wants; the reader moves it on."""

    needed: GroupRun
    """Where the reader is."""
    ahead_end: int
    """The group before which reading ahead stops."""
    pace: int = 1
    """Fewest groups that are worth a request when nobody waits for them."""
    short: bool = False
    """Whether the reader will be gone after these few groups."""
    moved_at: float = 0.0
    """When the reader last got on; of two who are stopped the longer stopped comes first."""


@dataclass(frozen=True, slots=True)
class Running:
    """Groups from `next` to before `end` that a stream is bringing; `silent` when nothing has come for long."""

    next: int
    end: int
    silent: bool = False

    @property
    def near(self) -> GroupRun:
        """What will be here soon."""
        return GroupRun(self.next, min(self.end - self.next, NEAR_GROUPS))

    @property
    def all(self) -> GroupRun:
        """What is left to bring."""
        return GroupRun(self.next, self.end - self.next)


@dataclass(frozen=True, slots=True)
class NextRun:
    """Groups to bring next, and why."""

    run: GroupRun
    purpose: Purpose


def next_run(
    groups: GroupMap, running: Sequence[Running], demands: Iterable[Demand], rest_from: int | None
) -> NextRun | None:
    """What another stream should bring; None when nothing is left to begin.

    With `rest_from` the whole object is wanted, that group and what follows it before the others. What a silent stream was to bring is free for readers
    who are stopped there, and so is what other streams will reach only later.
    """
    waiting = sorted(demands, key=lambda demand: demand.moved_at)
    near = [stream.near for stream in running if not stream.silent]
    for demand in waiting:
        for stopped in free_runs(groups, demand.needed, near)[:1]:
            end = max(demand.ahead_end, demand.needed.end)
            if rest_from is not None and not demand.short:
                end = groups.count
            return NextRun(
                free_runs(groups, GroupRun(stopped.first, end - stopped.first), near)[0],
                Purpose.URGENT,
            )
    taken = [stream.all for stream in running]
    for demand in waiting:
        ahead = GroupRun(demand.needed.first, max(0, demand.ahead_end - demand.needed.first))
        for run in free_runs(groups, ahead, taken):
            if run.count >= demand.pace:
                return NextRun(run, Purpose.AHEAD)
    if rest_from is None or any(groups.missing_runs(demand.needed) for demand in waiting):
        return None
    after = min(rest_from, groups.count)
    free = free_runs(groups, GroupRun(after, groups.count - after), taken) or free_runs(
        groups, GroupRun(0, groups.count), taken
    )
    return NextRun(free[0], Purpose.REST) if free else None


def free_runs(groups: GroupMap, within: GroupRun, taken: Iterable[GroupRun]) -> list[GroupRun]:
    """The groups of a run that are missing and that nobody has taken, as runs, ascending."""
    if within.count <= 0:
        return []
    free = groups.missing_runs(within)
    for other in taken:
        free = [part for run in free for part in _without(run, other)]
    return free


def _without(run: GroupRun, other: GroupRun) -> list[GroupRun]:
    before = GroupRun(run.first, min(run.end, other.first) - run.first)
    first_after = max(run.first, other.end)
    after = GroupRun(first_after, run.end - first_after)
    if other.count <= 0:
        return [run]
    return [part for part in (before, after) if part.count > 0]
