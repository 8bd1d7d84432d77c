from datetime import timedelta

import pytest

from joygrpc.supervisor.restart import LONGEST_PAUSE, STEADY_AFTER, RestartPace, shell_exit_code


def test_the_first_restart_is_immediate_and_pauses_double_to_a_bound() -> None:
    pace = RestartPace()
    pauses = []
    for _ in range(14):
        pace = pace.after_death(timedelta(0))
        pauses.append(pace.pause)
    assert pauses[:4] == [timedelta(milliseconds=ms) for ms in (0, 100, 200, 400)]
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_a_steady_child_begins_anew() -> None:
    pace = RestartPace(deaths=9).after_death(STEADY_AFTER)
    assert pace == RestartPace(deaths=1)


@pytest.mark.parametrize(("returncode", "shown"), [(0, 0), (103, 103), (-9, 137), (-15, 143)])
def test_exit_codes_are_shown_as_the_shell_does(returncode: int, shown: int) -> None:
    assert shell_exit_code(returncode) == shown
