from datetime import timedelta

from joygrpc.config import DistributorExtras
from joygrpc.distributor.admission import AdmitAll, SecondHit, configured_admission

WINDOW = timedelta(seconds=60)
T0 = 1_700_000_000_000


def test_the_second_time_an_object_is_admitted() -> None:
    admission = SecondHit(WINDOW)
    assert not admission.admits(0, T0, start=True, reading=True)
    assert not admission.admits(1, T0, start=True, reading=True)
    assert admission.admits(0, T0 + 1, start=True, reading=True)
    assert len(admission) == 1


def test_further_ranges_of_a_playback_are_not_a_second_time() -> None:
    admission = SecondHit(WINDOW)
    for second in range(0, 600, 10):
        assert not admission.admits(0, T0 + second * 1000, start=second == 0, reading=True)
    assert admission.admits(0, T0 + 660_000, start=False, reading=True)


def test_a_read_belongs_to_the_request_that_announced_it() -> None:
    admission = SecondHit(WINDOW)
    assert not admission.admits(0, T0, start=True, reading=False)
    assert not admission.admits(0, T0 + 5, start=True, reading=True)
    assert admission.admits(0, T0 + 10, start=True, reading=True)


def test_of_many_who_ask_at_once_the_second_brings_the_object() -> None:
    admission = SecondHit(WINDOW)
    answers = [admission.admits(0, T0, start=True, reading=False) for _ in range(2)]
    assert answers == [False, True]


def test_a_read_that_never_came_is_not_waited_for() -> None:
    admission = SecondHit(WINDOW)
    admission.admits(0, T0, start=True, reading=False)
    assert admission.admits(0, T0 + 61_000, start=True, reading=True)


def test_memory_is_bounded() -> None:
    admission = SecondHit(WINDOW, most=10)
    for object_id in range(30):
        admission.admits(object_id, T0, start=True, reading=False)
    assert len(admission) == 10
    assert not admission.admits(0, T0, start=True, reading=False)
    assert admission.admits(29, T0, start=True, reading=False)


def test_the_configuration_names_the_admission() -> None:
    assert isinstance(configured_admission(DistributorExtras()), AdmitAll)
    assert configured_admission(DistributorExtras()).admits(0, T0, start=True, reading=False)
    assert isinstance(configured_admission(DistributorExtras(cache_admission="second_hit")), SecondHit)
