"""Why a call did not do what it asked for."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class DispatchFailure(Exception):
    """A call failed and changed nothing; the extrinsic is in its block all the same, and its fee is paid."""


class ModuleError(DispatchFailure):
    """An error that a pallet declares, by name."""

    def __init__(self, pallet: str, name: str) -> None:
        super().__init__(f"{pallet}.{name}")
        self.pallet, self.name = pallet, name


class BadOrigin(DispatchFailure):
    """The caller may not make this call at all: not signed, or not root."""

    def __init__(self) -> None:
        super().__init__("BadOrigin")


def ensure(condition: object, pallet: str, name: str) -> None:
    """Raise ModuleError unless the condition holds."""
    if not condition:
        raise ModuleError(pallet, name)


def found(value: T | None, pallet: str, name: str) -> T:
    """The value, or ModuleError where there is none."""
    if value is None:
        raise ModuleError(pallet, name)
    return value
