"""The chores of a program, by name."""

import asyncio
from collections.abc import Iterator

from joygrpc.chores.chore import Chore


class ChoreNotFound(KeyError):
    """No chore has this name."""

    reason = "CHORE_NOT_FOUND"

    def __str__(self) -> str:
        return f"no chore named {self.args[0]}"


class ChoreRegistry:
    """All chores of a program; iterating gives them by name."""

    def __init__(self, *chores: Chore) -> None:
        self._chores: dict[str, Chore] = {}
        for chore in chores:
            self.add(chore)

    def add(self, chore: Chore) -> Chore:
        """Takes a chore in and gives it back. Raises ValueError when the name is taken."""
        if chore.name in self._chores:
            raise ValueError(f"there is already a chore named {chore.name}")
        self._chores[chore.name] = chore
        return chore

    def get(self, name: str) -> Chore:
        """The chore of that name. Raises `ChoreNotFound`."""
        try:
            return self._chores[name]
        except KeyError:
            raise ChoreNotFound(name) from None

    def __iter__(self) -> Iterator[Chore]:
        return iter(sorted(self._chores.values(), key=lambda chore: chore.name))

    def __len__(self) -> int:
        return len(self._chores)

    def serve_in(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Starts every chore's loop in a task group; cancel the tasks to end them."""
        return [tasks.create_task(chore.serve(), name=f"chore {chore.name}") for chore in self]
