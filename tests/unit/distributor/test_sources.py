"""Which source is asked first, which one next, and when there is none."""

import pytest

from joygrpc.directory.facts import StoragePeer
from joygrpc.distributor.attempts import FAILURES_PER_SOURCE, Attempts
from joygrpc.distributor.errors import DeliveryFailed, NoSource, SourceFailed, SourceStalled
from joygrpc.distributor.sources import PeerBook, Source, SourceProblem, Transport

FAST = StoragePeer(0, 0, "http://fast", "fast:1")
SLOW = StoragePeer(1, 1, "http://slow", "slow:1")
PLAIN = StoragePeer(2, 2, "http://plain", None)
NEW = StoragePeer(3, 3, "http://new", "new:1")


@pytest.fixture
def book() -> PeerBook:
    book = PeerBook()
    book.answered(SLOW.endpoint, 0.5)
    book.answered(FAST.endpoint, 0.01)
    book.answered(PLAIN.endpoint, 0.001)
    return book


def order(book: PeerBook, *peers: StoragePeer, now: float = 0.0) -> list[str]:
    return [str(source) for source in book.ranked(peers, now)]


def test_the_mesh_comes_before_rest_and_the_fast_before_the_slow_and_the_unknown(book: PeerBook) -> None:
    assert order(book, NEW, PLAIN, SLOW, FAST) == [
        "http://fast (grpc)",
        "http://slow (grpc)",
        "http://new (grpc)",
        "http://plain (rest)",
        "http://fast (rest)",
        "http://slow (rest)",
        "http://new (rest)",
    ]


def test_throughput_counts(book: PeerBook) -> None:
    book.delivered(FAST.endpoint, 10 << 20, 100.0)
    book.delivered(SLOW.endpoint, 10 << 20, 0.1)
    assert order(book, FAST, SLOW)[0] == "http://slow (grpc)"


def test_failures_put_a_peer_last_for_a_growing_while(book: PeerBook) -> None:
    book.failed(FAST.endpoint, SourceProblem.BROKEN, 100.0)
    assert order(book, FAST, SLOW, now=101.0)[0] == "http://slow (grpc)"
    assert order(book, FAST, SLOW, now=103.0)[0] == "http://fast (grpc)"
    book.failed(FAST.endpoint, SourceProblem.STALLED, 103.0)
    assert order(book, FAST, SLOW, now=106.0)[0] == "http://slow (grpc)"


def test_an_answer_ends_the_penalty_for_failures_but_not_for_lies(book: PeerBook) -> None:
    book.failed(FAST.endpoint, SourceProblem.BROKEN, 0.0)
    book.answered(FAST.endpoint, 0.01)
    assert order(book, FAST, SLOW)[0] == "http://fast (grpc)"
    book.failed(FAST.endpoint, SourceProblem.LIED, 0.0)
    book.answered(FAST.endpoint, 0.01)
    assert order(book, FAST, SLOW)[0] == "http://slow (grpc)"
    assert order(book, FAST, SLOW, now=601.0)[0] == "http://fast (grpc)"


def test_not_having_an_object_is_no_failure(book: PeerBook) -> None:
    book.failed(FAST.endpoint, SourceProblem.ABSENT, 0.0)
    assert order(book, FAST, SLOW)[0] == "http://fast (grpc)"


def test_forgotten_peers_leave_the_book(book: PeerBook) -> None:
    book.retain([FAST.endpoint])
    assert repr(book) == "<PeerBook 1 peers>"


A, B = Source(FAST, Transport.GRPC), Source(PLAIN, Transport.REST)


def test_a_source_that_brings_nothing_is_not_tried_again() -> None:
    attempts = Attempts([A, B])
    attempts.fail(A, SourceProblem.BROKEN, progressed=False)
    assert attempts.current == B
    attempts.fail(B, SourceProblem.BROKEN, progressed=False)
    assert attempts.current is None


def test_a_source_that_breaks_off_goes_behind_the_others_a_few_times() -> None:
    attempts = Attempts([A, B])
    tried = []
    while (source := attempts.current) is not None:
        tried.append(source)
        attempts.fail(source, SourceProblem.BROKEN, progressed=True)
    assert tried == [A, B] * FAILURES_PER_SOURCE


def test_a_liar_gets_no_second_chance() -> None:
    attempts = Attempts([A, B])
    attempts.fail(A, SourceProblem.LIED, progressed=True)
    assert attempts.with_trees() == []


@pytest.mark.parametrize(
    ("problems", "verdict"),
    [
        ([], NoSource),
        ([SourceProblem.ABSENT, SourceProblem.FORBIDDEN], NoSource),
        ([SourceProblem.ABSENT, SourceProblem.BROKEN], SourceFailed),
        ([SourceProblem.BROKEN, SourceProblem.STALLED], SourceStalled),
        ([SourceProblem.STALLED, SourceProblem.LIED], SourceFailed),
    ],
)
def test_verdict(problems: list[SourceProblem], verdict: type[DeliveryFailed]) -> None:
    attempts = Attempts([])
    for problem in problems:
        attempts.give_up(A, problem)
    assert type(attempts.verdict()) is verdict
