"""What a check is and what it finds."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol


class Status(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    """A node runs, but not as well as it could."""
    FAILURE = "failure"
    """A node will not run, or not be of use."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in one line, and what to do about it."""

    status: Status
    summary: str
    advice: str = ""


class Check(Protocol):
    """One thing that is looked at."""

    @property
    def name(self) -> str:
        """What is looked at, in a word or three."""
        ...

    async def run(self) -> Finding:
        """Looks. An exception is a failure with the exception's text."""
        ...


async def run_checks(checks: Sequence[Check], timeout: timedelta) -> list[tuple[str, Finding]]:
    """Runs all checks at the same time; one that takes longer than `timeout` is a failure."""
    findings = await asyncio.gather(*(_finding(check, timeout) for check in checks))
    return [(check.name, finding) for check, finding in zip(checks, findings, strict=True)]


async def _finding(check: Check, timeout: timedelta) -> Finding:
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await check.run()
    except TimeoutError:
        return Finding(Status.FAILURE, f"no answer within {timeout.total_seconds():g} s")
    except Exception as error:
        return Finding(Status.FAILURE, f"{type(error).__name__}: {error}")
