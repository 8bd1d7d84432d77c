"""Leaf types that GraphQL itself does not have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from graphql import GraphQLError, GraphQLScalarType

from joygrpc.devnet.query_node.timestamps import date_time_text

_DIGITS: Final = 100
"""More digits than any number of the chain has."""


def _big_int(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < _DIGITS and value.isascii() and value.removeprefix("-").isdecimal():
        return int(value)
    raise GraphQLError(f"Not a BigInt: {value!r:.100}")


def _date_time(value: object) -> str:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise GraphQLError(f"Not a DateTime: {value!r:.100}") from None
    return date_time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def big_int() -> GraphQLScalarType:
    """Whole numbers of any size: decimal text in answers, text or a number in questions."""
    description = "Big number integer, as decimal text"
    return GraphQLScalarType("BigInt", serialize=str, parse_value=_big_int, description=description)


def date_time() -> GraphQLScalarType:
    """Moments as ISO 8601 text."""
    description = "A date-time string in simplified extended ISO 8601 format"
    return GraphQLScalarType("DateTime", parse_value=_date_time, description=description)
