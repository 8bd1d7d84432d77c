"""Which source of an object is tried next."""

from collections.abc import Collection, Iterable

from joygrpc.distributor.errors import DeliveryFailed, NoSource, QueueFull, SourceFailed, SourceStalled
from joygrpc.distributor.sources import Source, SourceProblem, Transport

FAILURES_PER_SOURCE = 3
"""How often a source may break off after it delivered something, before it is given up."""


class Attempts:
    """The sources of one object in order, for one fetch of it.

    A source that brings nothing is not tried again; one that broke off goes behind the others, a few times. Several streams share one.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._left = list(sources)
        self._failures: dict[Source, int] = {}
        self._problems: list[SourceProblem] = []

    def __repr__(self) -> str:
        return (
            f"<Attempts {[str(source) for source in self._left]} after {[str(problem) for problem in self._problems]}>"
        )

    @property
    def current(self) -> Source | None:
        """The source to ask now; None when all failed."""
        return self._left[0] if self._left else None

    def choose(self, avoid: Collection[Source] = ()) -> Source | None:
        """The source to ask now, one that is not to be avoided if there is one; None when all failed."""
        return next((source for source in self._left if source not in avoid), self.current)

    def with_trees(self) -> list[Source]:
        """Those of the sources that may have a tree, in order."""
        return [source for source in self._left if source.transport is Transport.GRPC]

    def give_up(self, source: Source, problem: SourceProblem) -> None:
        """Do not ask this source again."""
        self._problems.append(problem)
        if source in self._left:
            self._left.remove(source)

    def fail(self, source: Source, problem: SourceProblem, *, progressed: bool) -> None:
        """The source broke off, after it brought something or not."""
        self._failures[source] = self._failures.get(source, 0) + 1
        final = not progressed or problem is SourceProblem.LIED or self._failures[source] >= FAILURES_PER_SOURCE
        known = source in self._left
        self.give_up(source, problem)
        if known and not final:
            self._left.append(source)

    def verdict(self) -> DeliveryFailed:
        """Why the object cannot be had."""
        told = [problem for problem in self._problems if problem is not SourceProblem.NO_TREE]
        if all(problem in {SourceProblem.ABSENT, SourceProblem.FORBIDDEN} for problem in told):
            return NoSource()
        if told[-1] is SourceProblem.BUSY:
            return QueueFull()
        return SourceStalled() if told[-1] is SourceProblem.STALLED else SourceFailed()
