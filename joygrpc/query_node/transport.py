"""One question to the query node: data or an error, nothing between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import (
    TransportError,
    TransportProtocolError,
    TransportQueryError,
    TransportServerError,
)

from joygrpc.query_node.errors import QueryNodeMalformed, QueryNodeUnavailable
from joygrpc.query_node.queries import document

_EXCERPT: Final = 200
"""Characters of a foreign message that are worth repeating."""


async def _refuse_error_status(response: aiohttp.ClientResponse) -> None:
    """Lets no answer with an error status through, whatever its body looks like."""
    if response.status >= HTTPStatus.BAD_REQUEST:
        excerpt = (await response.content.read(_EXCERPT)).decode(errors="replace")
        raise TransportServerError(f"HTTP status {response.status}: {excerpt}", response.status)


class GraphQLTransport:
    """Asks GraphQL queries over HTTP with a time limit for each. Use as an async context manager."""

    def __init__(self, url: str, timeout: timedelta) -> None:
        self._url = url
        self._timeout = timeout
        # The session's own limit (5 minutes) would only hide ours.
        arguments = {"raise_for_status": _refuse_error_status, "timeout": aiohttp.ClientTimeout(total=None)}
        self._client = Client(
            transport=AIOHTTPTransport(url, client_session_args=arguments),
            fetch_schema_from_transport=False,
            execute_timeout=None,
        )
        self._session: AsyncClientSession | None = None

    def __repr__(self) -> str:
        return f"<GraphQLTransport {self._url}>"

    async def __aenter__(self) -> Self:
        self._session = await self._client.connect_async()  # type: ignore[no-untyped-call]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._session = None
        await self._client.close_async()  # type: ignore[no-untyped-call]

    async def ask(self, query: str, variables: Mapping[str, object]) -> Mapping[str, Any]:
        """The data of a query's whole, error-free answer; anything less is a `QueryNodeError`."""
        if self._session is None:
            raise QueryNodeUnavailable("the connection to the query node is not open")
        request = GraphQLRequest(document(query), variable_values=dict(variables))
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                data: object = await self._session.execute(request)
        except TimeoutError as error:
            raise QueryNodeUnavailable(f"no answer within {self._timeout.total_seconds():g} s") from error
        except TransportQueryError as error:
            raise QueryNodeUnavailable(f"the query failed: {str(error)[:_EXCERPT]}") from error
        except (TransportProtocolError, AssertionError) as error:
            # gql asserts that an answer without errors has data.
            raise QueryNodeMalformed(f"not a GraphQL answer: {str(error)[:_EXCERPT]}") from error
        except (TransportError, aiohttp.ClientError, OSError) as error:
            raise QueryNodeUnavailable(f"no answer: {str(error)[:_EXCERPT]}") from error
        if not isinstance(data, Mapping):
            raise QueryNodeMalformed("the answer's data is not a record")
        return data
