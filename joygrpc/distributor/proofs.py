"""The parts of an object's tree that a fetch has, got as it goes."""

from joygrpc.content import TreeSlice, group_count
from joygrpc.distributor.fetch import Fetch
from joygrpc.distributor.groups import GroupRun

FIRST_WINDOW_GROUPS = 256
"""Groups (64 MiB) that the first part proves: 16 KiB, so that the first byte waits for little."""

WINDOW_GROWTH = 4
LONGEST_WINDOW_GROUPS = 16_384
"""Groups (4 GiB) that one part proves at most: 1 MiB."""


class Proofs:
    """Verified tree slices of one object; each further one proves more."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._slices: list[TreeSlice] = []
        self._window = FIRST_WINDOW_GROUPS

    async def of(self, run: GroupRun) -> TreeSlice | None:
        """A proof of the run's first group and of as many groups after it as is worth while, be they in the run or not; None when no source has a tree. Raises as `Fetch.prove`."""
        for known in self._slices:
            if run.first in known.groups:
                return known
        left = group_count(self._fetch.wanted.size) - run.first
        proof = await self._fetch.prove(GroupRun(run.first, min(left, self._window)))
        if proof is not None:
            self._slices.append(proof)
            self._window = min(self._window * WINDOW_GROWTH, LONGEST_WINDOW_GROUPS)
        return proof


def covered(run: GroupRun, proof: TreeSlice) -> GroupRun:
    """The part at the start of a run that a proof covers."""
    return GroupRun(run.first, min(run.end, proof.groups.stop) - run.first)
