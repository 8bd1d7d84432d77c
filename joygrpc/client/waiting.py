"""Waiting until the network serves an object."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import aiohttp

from joygrpc.client.errors import WaitTimedOut

POLL_EVERY = timedelta(milliseconds=150)
"""Pause between two questions to the same node."""


async def wait_until_served(session: aiohttp.ClientSession, urls: Sequence[str], timeout: timedelta) -> None:
    """Wait until a HEAD of every URL answers 200.

    Raises `WaitTimedOut` naming the last answer of the URL that did not.
    """
    last: dict[str, str] = dict.fromkeys(urls, "not asked yet")
    try:
        async with asyncio.timeout(timeout.total_seconds()), asyncio.TaskGroup() as group:
            for url in last:
                group.create_task(_wait_for_one(session, url, last))
    except TimeoutError:
        missing = ", ".join(f"{url} ({answer})" for url, answer in last.items() if answer != "200")
        raise WaitTimedOut(f"not served within {timeout.total_seconds():g} s: {missing}") from None


async def _wait_for_one(session: aiohttp.ClientSession, url: str, last: dict[str, str]) -> None:
    while last[url] != "200":
        try:
            async with session.head(url) as response:
                last[url] = str(response.status)
        except (aiohttp.ClientError, OSError) as error:
            last[url] = type(error).__name__
        if last[url] != "200":
            await asyncio.sleep(POLL_EVERY.total_seconds())
