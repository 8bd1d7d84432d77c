"""Who is asked first."""

from joygrpc.storage.peer_health import PeerHealth
from joygrpc.storage.peer_sources import SourceProblem
from tests.unit.storage.test_transfers import Peer

MIB = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_fast_peers_come_first_and_unknown_ones_are_tried() -> None:
    health = PeerHealth(Clock())
    slow, fast, new = Peer(1), Peer(2), Peer(3)
    health.delivered(slow, MIB, 10)
    health.delivered(fast, MIB, 1)
    assert health.ranked([slow, fast]) == [fast, slow]
    assert health.ranked([slow, new])[0] in {new, slow}
    assert health.ranked([slow, fast, new])[-1] is slow


def test_a_busy_peer_yields_to_an_idle_one() -> None:
    health = PeerHealth(Clock())
    one, other = Peer(1), Peer(2)
    health.delivered(one, MIB, 1.0)
    health.delivered(other, MIB, 1.5)
    assert health.ranked([other, one]) == [one, other]
    with health.busy(one):
        assert health.ranked([other, one]) == [other, one]


def test_the_mesh_comes_before_rest() -> None:
    health = PeerHealth(Clock())
    rest, mesh = Peer(1, kind="rest"), Peer(2)
    health.delivered(rest, MIB, 0.1)
    health.delivered(mesh, MIB, 10)
    assert health.ranked([rest, mesh]) == [mesh, rest]


def test_a_failing_peer_goes_behind_then_rests_ever_longer() -> None:
    clock = Clock()
    health = PeerHealth(clock)
    failing, other = Peer(1), Peer(2, kind="rest")
    health.failed(failing, SourceProblem.STALLED)
    assert health.ranked([failing, other]) == [other, failing]
    for _ in range(3):
        health.failed(failing, SourceProblem.STALLED)
    assert health.ranked([failing, other]) == [other]
    clock.now = 9
    assert health.ranked([failing, other]) == [failing, other]
    health.delivered(failing, MIB, 1)
    health.failed(failing, SourceProblem.BROKEN)
    clock.now = 11
    assert health.ranked([failing]) == [failing]


def test_a_liar_rests_for_long_and_a_peer_without_the_object_does_not() -> None:
    clock = Clock()
    health = PeerHealth(clock)
    liar, poor = Peer(1), Peer(2)
    health.failed(liar, SourceProblem.WRONG_TREE)
    for _ in range(10):
        health.failed(poor, SourceProblem.ABSENT)
    clock.now = 3599
    assert health.ranked([liar, poor]) == [poor]
    clock.now = 3601
    assert liar in health.ranked([liar, poor])
    assert health.problems(poor) == {SourceProblem.ABSENT: 10}
