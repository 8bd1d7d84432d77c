"""What finalized blocks changed lately, kept in memory: a picture of a query node that lags is brought up with it."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from joygrpc.chain.events import (
    BagDeleted,
    ObjectsAccepted,
    ObjectsCreated,
    ObjectsDeleted,
    ObjectsMoved,
    StorageFact,
)
from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryObject

_MAX_FACTS = 200_000


class Journal:
    """The facts of all blocks from `start` + 1 to `height`, at most `max_blocks` of them.

    Knows the objects that these blocks created, so that they are found wherever their bag is, before a lagging query node has them.
    """

    def __init__(self, start: int, max_blocks: int) -> None:
        self.start = start
        self.height = start
        self._max_blocks = max_blocks
        self._blocks: deque[tuple[int, tuple[StorageFact, ...]]] = deque()
        self._facts = 0
        self._recent: dict[int, DirectoryObject] = {}
        self._accepted: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"<Journal {self.start}..{self.height}, {self._facts} facts>"

    def append(self, height: int, facts: Sequence[StorageFact]) -> None:
        """Take in the next block; raises ValueError when one is missing between."""
        if height != self.height + 1:
            raise ValueError(f"block {height} does not follow block {self.height}")
        self.height = height
        if facts:
            self._blocks.append((height, tuple(facts)))
            self._facts += sum(map(_weight, facts))
            for fact in facts:
                self._note(height, fact)
        while self.height - self.start > self._max_blocks or self._facts > _MAX_FACTS:
            self._drop_first()

    def since(self, height: int) -> Iterator[StorageFact]:
        """The facts of all blocks after `height`, in order; raises ValueError when some of them are not kept any more."""
        if height < self.start:
            raise ValueError(f"the journal begins after block {self.start}, not {height}")
        for number, facts in self._blocks:
            if number > height:
                yield from facts

    def created(self, object_id: int) -> DirectoryObject | None:
        """The object as it is now, if one of the blocks created it and none deleted it."""
        return self._recent.get(object_id)

    def was_accepted(self, object_id: int) -> bool:
        """Whether one of the blocks accepted the object."""
        return object_id in self._accepted

    def _note(self, height: int, fact: StorageFact) -> None:
        match fact:
            case ObjectsCreated(bag_id=bag_id, objects=objects):
                for new in objects:
                    self._recent[new.object_id] = DirectoryObject(
                        new.object_id, new.size, new.multihash, bag_id, accepted=False
                    )
            case ObjectsAccepted(object_ids=object_ids):
                for object_id in object_ids:
                    self._accepted[object_id] = height
                    if (known := self._recent.get(object_id)) is not None:
                        self._recent[object_id] = DirectoryObject(
                            object_id,
                            known.size,
                            known.multihash,
                            known.bag_id,
                            accepted=True,
                        )
            case ObjectsDeleted(object_ids=object_ids):
                for object_id in object_ids:
                    self._recent.pop(object_id, None)
            case ObjectsMoved(destination=destination, object_ids=object_ids):
                for object_id in object_ids:
                    if (known := self._recent.get(object_id)) is not None:
                        self._recent[object_id] = DirectoryObject(
                            object_id,
                            known.size,
                            known.multihash,
                            destination,
                            known.accepted,
                        )
            case BagDeleted(bag_id=bag_id):
                for object_id in [i for i, known in self._recent.items() if known.bag_id == bag_id]:
                    del self._recent[object_id]
            case _:
                pass

    def _drop_first(self) -> None:
        if not self._blocks:
            self.start = self.height - self._max_blocks
            return
        number, facts = self._blocks[0]
        if self._facts <= _MAX_FACTS and number > self.height - self._max_blocks:
            self.start = self.height - self._max_blocks
            return
        self._blocks.popleft()
        self.start = max(self.start, number)
        for fact in facts:
            self._facts -= _weight(fact)
            match fact:
                case ObjectsCreated(objects=objects):
                    for new in objects:
                        self._recent.pop(new.object_id, None)
                case ObjectsAccepted(object_ids=object_ids):
                    for object_id in object_ids:
                        if self._accepted.get(object_id) == number:
                            del self._accepted[object_id]
                case _:
                    pass


def object_facts(
    facts: Iterable[StorageFact], bag_ids: Collection[BagId], object_ids: Collection[int]
) -> Iterator[StorageFact]:
    """Those facts, or parts of them, that concern objects which are in certain bags, came into them, or are named.

    Once an object is concerned, all later facts about it are told, wherever it goes.
    """
    concerned = set(object_ids)
    for fact in facts:
        match fact:
            case ObjectsCreated(bag_id=bag_id, objects=objects):
                if bag_id in bag_ids:
                    concerned.update(new.object_id for new in objects)
                    yield fact
            case ObjectsAccepted() | ObjectsDeleted() | ObjectsMoved():
                if isinstance(fact, ObjectsMoved) and fact.destination in bag_ids:
                    concerned.update(fact.object_ids)
                if ids := tuple(object_id for object_id in fact.object_ids if object_id in concerned):
                    yield replace(fact, object_ids=ids)
            case _:
                pass


def _weight(fact: StorageFact) -> int:
    match fact:
        case ObjectsCreated(objects=objects):
            return 1 + len(objects)
        case ObjectsAccepted(object_ids=ids) | ObjectsDeleted(object_ids=ids) | ObjectsMoved(object_ids=ids):
            return 1 + len(ids)
        case _:
            return 1
