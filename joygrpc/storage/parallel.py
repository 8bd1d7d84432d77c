"""Work that is done several pieces at a time, or to its end whatever happens; none of it is left behind."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """The results, in the order given. The first failure cancels the rest and is raised as it is, not in a group."""
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(piece) for piece in work]
    except BaseExceptionGroup as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    return [task.result() for task in running]


async def despite_cancellation(work: Coroutine[object, object, T]) -> T:
    """Does work to its end even if the caller is cancelled meanwhile, once or more; the cancellation takes effect after it.

    For commits and for clean-up: a call that its client cancels may be cancelled again while it cleans up.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            # Seen here; the cancellation is what the caller hears of.
            task.exception()
        raise cancelled
    return task.result()
