"""What a fill does next: whoever waits comes first, then the rest of the object."""

from collections.abc import Iterable
from dataclasses import dataclass

from joygrpc.distributor.groups import GroupMap, GroupRun

TURN_GROUPS = 64
"""Groups (16 MiB) that a run may bring before others who wait get their turn."""


@dataclass(frozen=True, slots=True)
class NextRun:
    """Groups to bring next; `demand` is for whom, None when nobody waits."""

    run: GroupRun
    demand: GroupRun | None


def choose_run(groups: GroupMap, waiting: Iterable[GroupRun], after: int) -> NextRun | None:
    """The groups to bring next; None when all are there.

    `waiting` are the runs that readers wait for, the longest waiting first; `after` is the group behind the last one that was brought. The first
    reader's missing groups are chosen, and what follows them as long as nobody else waits for something that is further away. When nobody
    waits, the object is brought to its end and then from its start.
    """
    demands = [(demand, missing[0]) for demand in waiting if (missing := groups.missing_runs(demand))]
    if demands:
        demand, first_missing = demands[0]
        run = groups.missing_runs(GroupRun(first_missing.first, groups.count - first_missing.first))[0]
        on_the_way = range(run.first, min(run.end, demand.end + TURN_GROUPS))
        if any(other.first not in on_the_way for _, other in demands[1:]):
            run = GroupRun(run.first, min(run.count, max(1, demand.end - run.first)))
        return NextRun(run, demand)
    ahead = groups.missing_runs(GroupRun(after, groups.count - after)) if after < groups.count else []
    missing = ahead or groups.missing_runs()
    return NextRun(missing[0], None) if missing else None


def shall_turn(current: NextRun, reached: int, waiting: Iterable[GroupRun], groups: GroupMap) -> bool:
    """Whether a run, of which the groups before `reached` were brought, shall be left for somebody who waits elsewhere."""
    near = range(reached, min(current.run.end, reached + TURN_GROUPS))
    missing = [runs[0].first for demand in waiting if (runs := groups.missing_runs(demand))]
    if all(first in near for first in missing):
        return False
    served = current.demand is None or reached >= current.demand.end
    return served or reached - current.run.first >= TURN_GROUPS
