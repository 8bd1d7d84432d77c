"""When a child that died is started again."""

from dataclasses import dataclass, replace
from datetime import timedelta

FIRST_PAUSE = timedelta(milliseconds=100)
LONGEST_PAUSE = timedelta(seconds=30)
STEADY_AFTER = timedelta(seconds=60)
"""A child that was up for so long died of something new: the pauses begin anew."""


@dataclass(frozen=True, slots=True)
class RestartPace:
    """How many deaths in a row a child has had."""

    deaths: int = 0

    @property
    def pause(self) -> timedelta:
        """How long to wait before the next start: nothing after the first death, then doubling up to `LONGEST_PAUSE`."""
        if self.deaths <= 1:
            return timedelta(0)
        return min(FIRST_PAUSE * (1 << min(self.deaths - 2, 16)), LONGEST_PAUSE)

    def after_death(self, uptime: timedelta) -> "RestartPace":
        """The pace after one more death, `uptime` after the start."""
        return replace(self, deaths=1 if uptime >= STEADY_AFTER else self.deaths + 1)


def shell_exit_code(returncode: int) -> int:
    """A child's return code as the shell shows it: 128 + signal for one that a signal ended."""
    return 128 - returncode if returncode < 0 else returncode
