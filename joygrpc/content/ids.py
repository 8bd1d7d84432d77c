"""Names of things on chain: objects, bags and distribution buckets, as text and as SCALE values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import total_ordering
from typing import Literal, NewType, Self

U64_LIMIT = 2**64

ObjectId = NewType("ObjectId", int)
"""Id of an object on chain, an unsigned 64-bit number."""

BagKind = Literal["council", "working_group", "member", "channel"]

WORKING_GROUPS: Mapping[str, int] = {
    "forum": 0,
    "storage": 1,
    "content": 2,
    "operationsalpha": 3,
    "app": 4,
    "distribution": 5,
    "operationsbeta": 6,
    "operationsgamma": 7,
    "membership": 8,
}
"""Working groups by the name that bag ids use, with their index in the runtime's enumeration."""

_GROUP_VARIANTS: Mapping[str, str] = {
    "forum": "Forum",
    "storage": "Storage",
    "content": "Content",
    "operationsalpha": "OperationsAlpha",
    "app": "App",
    "distribution": "Distribution",
    "operationsbeta": "OperationsBeta",
    "operationsgamma": "OperationsGamma",
    "membership": "Membership",
}

_CANONICAL = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_U64_DIGITS = len(str(U64_LIMIT - 1))


class InvalidObjectId(ValueError):
    """The text is not an object id in canonical decimal form."""


class InvalidBagId(ValueError):
    """The text or value does not name a bag; the message is the one that uploaders are shown."""


class InvalidDistributionBucketId(ValueError):
    """The text is not `family:index`."""


def parse_object_id(text: str) -> ObjectId:
    """The object that canonical decimal text names: no sign, no space, no leading zero, below 2**64; else `InvalidObjectId`."""
    if len(text) > _U64_DIGITS or _CANONICAL.fullmatch(text) is None or (number := int(text)) >= U64_LIMIT:
        raise InvalidObjectId(f"Invalid object id: {text}")
    return ObjectId(number)


@total_ordering
@dataclass(frozen=True, slots=True)
class BagId:
    """A bag: static (the council's or a working group's) or dynamic (a member's or a channel's).

    `group` is set for working groups alone, `number` for members and channels alone. Bags sort as on chain: by SCALE variant, then number.
    """

    kind: BagKind
    group: str | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        group_fits = self.group in WORKING_GROUPS if self.kind == "working_group" else self.group is None
        if self.kind in ("member", "channel"):
            number_fits = self.number is not None and 0 <= self.number < U64_LIMIT
        else:
            number_fits = self.kind in ("council", "working_group") and self.number is None
        if not (group_fits and number_fits):
            raise InvalidBagId(f"Invalid bagId: {self.kind} {self.group} {self.number}")

    @classmethod
    def council(cls) -> Self:
        """The council's bag."""
        return cls("council")

    @classmethod
    def working_group(cls, group: str) -> Self:
        """The bag of a working group, by its name in `WORKING_GROUPS`."""
        return cls("working_group", group=group)

    @classmethod
    def member(cls, number: int) -> Self:
        """The bag of a member."""
        return cls("member", number=number)

    @classmethod
    def channel(cls, number: int) -> Self:
        """The bag of a channel."""
        return cls("channel", number=number)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The bag that `static:council`, `static:wg:<group>`, `dynamic:member:<n>` or `dynamic:channel:<n>` names.

        Case and outer space do not matter. `InvalidBagId` tells how far the text was understood.
        """
        match text.strip().lower().split(":"):
            case ["static", "council"]:
                return cls.council()
            case ["static", "wg", group] if group in WORKING_GROUPS:
                return cls.working_group(group)
            case ["dynamic", "member" | "channel" as kind, digits] if (number := _u64(digits)) is not None:
                return cls.member(number) if kind == "member" else cls.channel(number)
            case ["static" | "dynamic" as side, _] | ["static" | "dynamic" as side, _, _]:
                raise InvalidBagId(f"Invalid {side} bagId: {text}")
        raise InvalidBagId(f"Invalid bagId: {text}")

    def __str__(self) -> str:
        match self.kind:
            case "council":
                return "static:council"
            case "working_group":
                return f"static:wg:{self.group}"
            case _:
                return f"dynamic:{self.kind}:{self.number}"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, BagId):
            return NotImplemented
        return self._order() < other._order()

    def _order(self) -> tuple[int, int, int]:
        """The two variant indices, then the group's index or the number."""
        match self.kind:
            case "council":
                return 0, 0, 0
            case "working_group":
                return 0, 1, WORKING_GROUPS[self.group or ""]
            case "member":
                return 1, 0, self.number or 0
            case "channel":
                return 1, 1, self.number or 0

    def scale_bytes(self) -> bytes:
        """The SCALE encoding, as in storage keys."""
        side, variant, rest = self._order()
        match self.kind:
            case "council":
                return bytes((side, variant))
            case "working_group":
                return bytes((side, variant, rest))
            case _:
                return bytes((side, variant)) + rest.to_bytes(8, "little")

    def to_scale(self) -> dict[str, str | dict[str, str | int]]:
        """The value that substrate-interface composes calls and storage keys from."""
        match self.kind:
            case "council":
                return {"Static": "Council"}
            case "working_group":
                return {"Static": {"WorkingGroup": _GROUP_VARIANTS[self.group or ""]}}
            case "member":
                return {"Dynamic": {"Member": self.number or 0}}
            case "channel":
                return {"Dynamic": {"Channel": self.number or 0}}

    @classmethod
    def from_scale(cls, value: object) -> Self:
        """The bag in a decoded SCALE value: nested dicts or (variant, value) pairs, names in any case, numbers as int or decimal text.

        Objects with a `value` attribute (scalecodec's) are looked into. Anything else raises `InvalidBagId`.
        """
        match _variant(value):
            case "static", static:
                match _variant(static):
                    case "council", None:
                        return cls.council()
                    case "workinggroup", group if (name := _variant(group)[0]) in WORKING_GROUPS:
                        return cls.working_group(name)
            case "dynamic", dynamic:
                match _variant(dynamic):
                    case "member" | "channel" as kind, number if (n := _scale_u64(number)) is not None:
                        return cls.member(n) if kind == "member" else cls.channel(n)
        raise InvalidBagId(f"Invalid bagId: {value}")


@dataclass(frozen=True, slots=True, order=True)
class DistributionBucketId:
    """A distribution bucket: its family and its index in the family; sorts as on chain."""

    family: int
    index: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The bucket that `family:index` names, both decimal; else `InvalidDistributionBucketId`."""
        match text.strip().split(":"):
            case [left, right] if (family := _u64(left)) is not None and (index := _u64(right)) is not None:
                return cls(family, index)
        raise InvalidDistributionBucketId(f"Invalid distribution bucket id: {text}")

    def __str__(self) -> str:
        return f"{self.family}:{self.index}"


def _u64(text: str) -> int | None:
    # Leading zeros pass, but absurd lengths must not reach int(), which refuses them with an error of its own.
    if _DIGITS.fullmatch(text) is None or len(text.lstrip("0")) > _U64_DIGITS:
        return None
    number = int(text.lstrip("0") or "0")
    return number if number < U64_LIMIT else None


def _plain(value: object) -> object:
    """Without scalecodec's wrapper object and without the one-element tuples that new types decode to."""
    if hasattr(value, "value"):
        value = value.value
    if isinstance(value, (tuple, list)) and len(value) == 1:
        return _plain(value[0])
    return value


def _variant(value: object) -> tuple[str, object]:
    """Name (lower case) and content of a decoded enumeration; the name is empty if it is none."""
    value = _plain(value)
    if isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.items()))
    if isinstance(value, str):
        return value.lower(), None
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[0], str):
        return value[0].lower(), value[1]
    return "", None


def _scale_u64(value: object) -> int | None:
    value = _plain(value)
    if isinstance(value, str):
        return _u64(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < U64_LIMIT:
        return value
    return None
