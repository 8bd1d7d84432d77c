"""Calls and who makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from joygrpc.devnet.ledger.failures import BadOrigin


@dataclass(frozen=True, slots=True)
class Origin:
    """Who calls: a signing account, or root when `account` is None."""

    account: str | None

    @classmethod
    def signed(cls, account: str) -> Self:
        """An account that signs."""
        return cls(account)

    @classmethod
    def root(cls) -> Self:
        """The chain's own authority."""
        return cls(None)

    def signer(self) -> str:
        """The signing account; raises BadOrigin for root."""
        if self.account is None:
            raise BadOrigin
        return self.account

    def require_root(self) -> None:
        """Raise BadOrigin for everybody else."""
        if self.account is not None:
            raise BadOrigin


@dataclass(frozen=True, slots=True)
class Call:
    """A call with its arguments in the plain form that the codec reads."""

    pallet: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_scale(cls, value: Mapping[str, Any]) -> Self:
        """From a decoded `RuntimeCall`."""
        ((pallet, content),) = value.items()
        if isinstance(content, str):
            return cls(pallet, content)
        ((name, arguments),) = content.items()
        return cls(pallet, name, arguments)

    def to_scale(self) -> dict[str, dict[str, Mapping[str, Any]]]:
        """In the form that the codec writes."""
        return {self.pallet: {self.name: self.arguments}}

    def __str__(self) -> str:
        return f"{self.pallet}.{self.name}"
