import pytest

from joygrpc.chain.events import (
    BagDeleted,
    CreatedObject,
    ObjectsAccepted,
    ObjectsCreated,
    ObjectsDeleted,
    ObjectsMoved,
    StorageBucketDeleted,
)
from joygrpc.content import BagId
from joygrpc.directory.facts import DirectoryObject
from joygrpc.directory.journal import Journal, object_facts

A, B = BagId.channel(1), BagId.channel(2)


def created(*ids: int, bag: BagId = A) -> ObjectsCreated:
    return ObjectsCreated(bag, tuple(CreatedObject(i, 5, "gW") for i in ids))


def test_blocks_follow_each_other() -> None:
    journal = Journal(10, 100)
    journal.append(11, [created(1)])
    for wrong in (11, 13):
        with pytest.raises(ValueError, match="does not follow"):
            journal.append(wrong, [])
    journal.append(12, [])
    assert (journal.start, journal.height) == (10, 12)


def test_facts_since_a_height() -> None:
    journal = Journal(10, 100)
    journal.append(11, [created(1)])
    journal.append(12, [created(2), StorageBucketDeleted(1)])
    assert list(journal.since(10)) == [created(1), created(2), StorageBucketDeleted(1)]
    assert list(journal.since(11)) == [created(2), StorageBucketDeleted(1)]
    assert list(journal.since(12)) == list(journal.since(99)) == []
    with pytest.raises(ValueError, match="begins after block 10"):
        list(journal.since(9))


def test_old_blocks_are_forgotten() -> None:
    journal = Journal(0, 10)
    for number in range(1, 100):
        journal.append(number, [created(number)] if number % 7 == 0 else [])
    assert (journal.start, journal.height) == (89, 99)
    assert list(journal.since(89)) == [created(91), created(98)]
    assert journal.created(84) is None
    assert journal.created(91) is not None


def test_recent_objects_are_known_as_they_are_now() -> None:
    journal = Journal(0, 10)
    journal.append(1, [created(1, 2, 3, 4), created(5, bag=B)])
    journal.append(2, [ObjectsAccepted(A, 0, (1, 77)), ObjectsDeleted(A, (2,)), ObjectsMoved(A, B, (3,))])
    assert journal.created(1) == DirectoryObject(1, 5, "gW", A, accepted=True)
    assert journal.created(2) is None
    assert journal.created(3) == DirectoryObject(3, 5, "gW", B, accepted=False)
    assert journal.was_accepted(77)
    assert not journal.was_accepted(3)
    journal.append(3, [BagDeleted(B)])
    assert [journal.created(i) for i in (3, 5)] == [None, None]


def test_facts_about_the_objects_of_some_bags() -> None:
    facts = [
        created(1),
        created(2, 3, bag=B),
        ObjectsAccepted(A, 0, (1, 7)),
        ObjectsMoved(B, A, (2,)),
        ObjectsMoved(A, B, (1,)),
        ObjectsDeleted(A, (2, 5)),
        ObjectsAccepted(B, 0, (1, 3)),
        BagDeleted(B),
        StorageBucketDeleted(0),
    ]
    assert list(object_facts(facts, {B}, [7])) == [
        created(2, 3, bag=B),
        ObjectsAccepted(A, 0, (7,)),
        ObjectsMoved(B, A, (2,)),
        ObjectsMoved(A, B, (1,)),
        ObjectsDeleted(A, (2,)),
        ObjectsAccepted(B, 0, (1, 3)),
    ]
