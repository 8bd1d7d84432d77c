"""Which uploads are refused, with which reason and words; and in which order."""

import re

import pytest

from joygrpc.chain import ChainBag, ChainDataObject
from joygrpc.content import BagId
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.objects import KeptObject, ObjectState
from joygrpc.storage.upload_checks import (
    ObjectTooLarge,
    SizeMismatch,
    UploadBagIdInvalid,
    UploadFacts,
    UploadRequest,
    bag_json,
    bag_of_upload,
    check_bucket_served,
    check_facts,
    check_size,
)
from tests.unit.storage.conftest import active_bucket

BAG = BagId.channel(1)
OBJECT = ChainDataObject(7, BAG, 10, "gW", accepted=False)
ASSIGNED = ChainBag(BAG, frozenset({2}), frozenset(), 0, 0)
REQUEST = UploadRequest(7, 2, "dynamic:channel:1")
INVITED = type(active_bucket())(2, "invited", 5, None, True, 0, 0, 0, 0)


def kept(state: ObjectState) -> KeptObject:
    return KeptObject(7, 10, "gW", state, str(BAG))


@pytest.mark.parametrize(
    ("facts", "reason", "message"),
    [
        (
            UploadFacts(OBJECT, None, active_bucket(2, 5), None),
            "BAG_NOT_ASSIGNED",
            'Storage bag {"dynamic":{"channel":1}} is not assigned to storage bucket 2.',
        ),
        (
            UploadFacts(None, ChainBag(BAG, frozenset({1}), frozenset(), 0, 0), None, kept(ObjectState.STORED)),
            "BAG_NOT_ASSIGNED",
            'Storage bag {"dynamic":{"channel":1}} is not assigned to storage bucket 2.',
        ),
        (UploadFacts(OBJECT, ASSIGNED, None, None), "BUCKET_NOT_OPERATED", "Incorrect storage bucket ID."),
        (
            UploadFacts(OBJECT, ASSIGNED, active_bucket(2, 6), None),
            "BUCKET_NOT_OPERATED",
            "Incorrect storage bucket ID.",
        ),
        (UploadFacts(OBJECT, ASSIGNED, INVITED, None), "BUCKET_NOT_OPERATED", "Incorrect storage bucket ID."),
        (
            UploadFacts(None, ASSIGNED, active_bucket(2, 5), None),
            "OBJECT_NOT_IN_BAG",
            'Data object 7 doesn\'t exist in storage bag {"dynamic":{"channel":1}}',
        ),
        (
            UploadFacts(OBJECT, ASSIGNED, active_bucket(2, 5), kept(ObjectState.PENDING)),
            "OBJECT_ALREADY_PENDING",
            "Data object 7 already exists (pending)",
        ),
        (
            UploadFacts(OBJECT, ASSIGNED, active_bucket(2, 5), kept(ObjectState.STORED)),
            "OBJECT_ALREADY_STORED",
            "Data object 7 already exists (in storage)",
        ),
        (
            UploadFacts(OBJECT, ASSIGNED, active_bucket(2, 5), kept(ObjectState.UNVERIFIED)),
            "OBJECT_ALREADY_STORED",
            "Data object 7 already exists (in storage)",
        ),
    ],
)
def test_refusals(facts: UploadFacts, reason: str, message: str) -> None:
    with pytest.raises(JoygrpcError, match=f"^{re.escape(message)}$") as refused:
        check_facts(REQUEST, BAG, facts, worker_id=5)
    assert refused.value.reason == reason


@pytest.mark.parametrize("found", [None, kept(ObjectState.QUARANTINED)])
def test_what_is_not_here_is_taken(found: KeptObject | None) -> None:
    assert check_facts(REQUEST, BAG, UploadFacts(OBJECT, ASSIGNED, active_bucket(2, 5), found), worker_id=5) is OBJECT


def test_an_accepted_object_that_the_node_lacks_is_taken() -> None:
    accepted = ChainDataObject(7, BAG, 10, "gW", accepted=True)
    assert (
        check_facts(REQUEST, BAG, UploadFacts(accepted, ASSIGNED, active_bucket(2, 5), None), worker_id=5) is accepted
    )


def test_buckets_that_take_no_uploads() -> None:
    check_bucket_served(2, {2: "account"})
    with pytest.raises(JoygrpcError, match=r"^Server is not accepting uploads into this bucket$") as refused:
        check_bucket_served(3, {2: "account"})
    assert refused.value.reason == "BUCKET_NOT_SERVED"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Invalid bagId: "),
        ("council", "Invalid bagId: council"),
        ("static:nothing", "Invalid static bagId: static:nothing"),
        ("static:wg:cooks", "Invalid static bagId: static:wg:cooks"),
        ("dynamic:channel:12x", "Invalid dynamic bagId: dynamic:channel:12x"),
    ],
)
def test_bag_ids_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(UploadBagIdInvalid, match=f"^{re.escape(message)}$"):
        bag_of_upload(text)


def test_sizes() -> None:
    check_size(REQUEST, 10, 10)
    check_size(UploadRequest(7, 2, "", announced_size=10), 10, 10)
    with pytest.raises(ObjectTooLarge, match=r"^File too large$"):
        check_size(REQUEST, 11, 10)
    with pytest.raises(ObjectTooLarge):
        check_size(UploadRequest(7, 2, "", announced_size=11), 10, 10)
    with pytest.raises(SizeMismatch, match=r"^File size doesn't match the data object's size for data object ID = 7$"):
        check_size(UploadRequest(7, 2, "", announced_size=9), 10, 10)


@pytest.mark.parametrize(
    ("bag", "text"),
    [
        (BagId.council(), '{"static":{"council":null}}'),
        (BagId.working_group("operationsalpha"), '{"static":{"workingGroup":"OperationsAlpha"}}'),
        (BagId.member(2), '{"dynamic":{"member":2}}'),
        (BagId.channel(1), '{"dynamic":{"channel":1}}'),
    ],
)
def test_bags_in_messages(bag: BagId, text: str) -> None:
    assert bag_json(bag) == text
