"""Whether the node delivers an object, and the facts it needs for that."""

from collections.abc import Collection
from enum import Enum

from joygrpc.content import BagId
from joygrpc.directory import Directory, DirectoryError
from joygrpc.directory.facts import DirectoryBag, DirectoryObject
from joygrpc.distributor.assignment import Assignment, AssignmentStore
from joygrpc.distributor.cache import Cache
from joygrpc.distributor.errors import AssetNotAccepted, AssetNotFound, AssetNotServed, FactsUnavailable
from joygrpc.query_node import QueryNodeError


class Decision(Enum):
    """What becomes of a request for an object."""

    SERVED = "served"
    NOT_FOUND = "not found"
    NOT_SERVED = "not served"
    NOT_ACCEPTED = "not accepted"


def decide(
    wanted: DirectoryObject | None,
    bag: DirectoryBag | None,
    assignment: Assignment,
    worker_buckets: Collection[str],
) -> Decision:
    """The order of the reference: unknown, not served by this node, not uploaded yet, served.

    `worker_buckets` are those that the assignment's worker operates actively; they count when no buckets are named. As on the reference, neither
    the operator's standing in named buckets nor a bucket's `distributing` flag is looked at.
    """
    if wanted is None:
        return Decision.NOT_FOUND
    own = assignment.buckets if assignment.buckets is not None else worker_buckets
    if bag is None or not set(bag.distribution_buckets).intersection(own):
        return Decision.NOT_SERVED
    return Decision.SERVED if wanted.accepted else Decision.NOT_ACCEPTED


class Resolver:
    """Decides from the directory; objects in the cache are served without it while it cannot answer."""

    def __init__(self, directory: Directory, assignments: AssignmentStore, cache: Cache) -> None:
        self._directory = directory
        self._assignments = assignments
        self._cache = cache

    def __repr__(self) -> str:
        return f"<Resolver {self._assignments!r}>"

    async def resolve(self, object_id: int) -> DirectoryObject:
        """The object's facts, if the node delivers it.

        Raises what `judge` raises; but while the directory cannot tell, what lies in the cache is delivered.
        """
        try:
            return await self.judge(object_id)
        except FactsUnavailable:
            entry = self._cache.get(object_id)
            if entry is None:
                raise
            return DirectoryObject(object_id, entry.size, entry.multihash, BagId.parse(entry.bag), accepted=True)

    async def judge(self, object_id: int) -> DirectoryObject:
        """The object's facts, if the directory says that the node delivers it.

        Raises `AssetNotFound`, `AssetNotServed`, `AssetNotAccepted`, and `FactsUnavailable` when the object is not known here and the query node cannot
        be asked.
        """
        try:
            wanted = await self._directory.find_object(object_id)
            bag = None if wanted is None else await self._directory.find_bag(wanted.bag_id)
            buckets = await self.worker_buckets()
        except (DirectoryError, QueryNodeError) as error:
            raise FactsUnavailable from error
        match decide(wanted, bag, self._assignments.current, buckets):
            case Decision.NOT_FOUND:
                raise AssetNotFound
            case Decision.NOT_SERVED:
                raise AssetNotServed
            case Decision.NOT_ACCEPTED:
                raise AssetNotAccepted
        assert wanted is not None
        return wanted

    async def worker_buckets(self) -> Collection[str]:
        """The buckets that the assignment's worker operates actively; none when it does not matter."""
        assignment = self._assignments.current
        if assignment.buckets is not None or assignment.worker_id is None:
            return ()
        return await self._directory.distribution_buckets_of_worker(assignment.worker_id)
