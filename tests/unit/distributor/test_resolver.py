"""Which objects are delivered."""

import pytest

from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryBag, DirectoryObject
from joygrpc.distributor.assignment import Assignment
from joygrpc.distributor.resolver import Decision, decide

BAG = BagId.channel(3)
ACCEPTED = DirectoryObject(1, 10, "hash", BAG, accepted=True)
WAITING = DirectoryObject(2, 10, "hash", BAG, accepted=False)
IN_BUCKETS = DirectoryBag(BAG, (0,), ("0:1", "2:5"))
IN_NONE = DirectoryBag(BAG, (0,), ())
NEITHER = Assignment()
WORKER = Assignment(worker_id=7)
NAMED = Assignment(worker_id=7, buckets=("2:5",))
ELSEWHERE = Assignment(worker_id=7, buckets=("9:9",))


@pytest.mark.parametrize(
    ("wanted", "bag", "assignment", "worker_buckets", "decision"),
    [
        (None, None, WORKER, ("0:1",), Decision.NOT_FOUND),
        (None, None, NEITHER, (), Decision.NOT_FOUND),
        (ACCEPTED, None, WORKER, ("0:1",), Decision.NOT_SERVED),
        (ACCEPTED, IN_NONE, WORKER, ("0:1",), Decision.NOT_SERVED),
        (ACCEPTED, IN_BUCKETS, NEITHER, (), Decision.NOT_SERVED),
        (ACCEPTED, IN_BUCKETS, WORKER, (), Decision.NOT_SERVED),
        (ACCEPTED, IN_BUCKETS, WORKER, ("3:3",), Decision.NOT_SERVED),
        (ACCEPTED, IN_BUCKETS, WORKER, ("3:3", "0:1"), Decision.SERVED),
        (ACCEPTED, IN_BUCKETS, NAMED, (), Decision.SERVED),
        # Named buckets win: what the worker operates beside them does not count.
        (ACCEPTED, IN_BUCKETS, ELSEWHERE, ("0:1",), Decision.NOT_SERVED),
        # An object of somebody else's is not told about, accepted or not.
        (WAITING, IN_BUCKETS, ELSEWHERE, (), Decision.NOT_SERVED),
        (WAITING, IN_BUCKETS, NAMED, (), Decision.NOT_ACCEPTED),
    ],
)
def test_decision(
    wanted: DirectoryObject | None,
    bag: DirectoryBag | None,
    assignment: Assignment,
    worker_buckets: tuple[str, ...],
    decision: Decision,
) -> None:
    assert decide(wanted, bag, assignment, worker_buckets) is decision
