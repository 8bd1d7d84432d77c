"""What can go wrong with the query node."""

from __future__ import annotations


class QueryNodeError(Exception):
    """The query node gave no usable answer; nothing may be concluded from it."""

    reason = "QUERY_NODE_ERROR"


class QueryNodeUnavailable(QueryNodeError):
    """No answer, a time limit passed, an HTTP error or a GraphQL error; asking again later may help."""

    reason = "QUERY_NODE_UNAVAILABLE"


class QueryNodeMalformed(QueryNodeError):
    """An answer came that is not what was asked for: data missing, of the wrong type, or contradicting itself."""

    reason = "QUERY_NODE_MALFORMED"
