"""GraphQL over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from graphql import DocumentNode, ExecutionResult, GraphQLError, execute_sync, parse, validate

from joygrpc.devnet.faults import Faults
from joygrpc.devnet.query_node.schema import Context, executable_schema

_PATH: Final = "/graphql"
_MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
"""Clients send lists of ids without splitting them."""

_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


class _BadRequest(Exception):
    """The HTTP request holds no GraphQL request."""


@dataclass(frozen=True, slots=True)
class _GraphQLRequest:
    query: str
    variables: Mapping[str, Any]
    operation_name: str | None

    @classmethod
    def read(cls, payload: object) -> _GraphQLRequest:
        if not isinstance(payload, Mapping):
            raise _BadRequest("the request is not a JSON object")
        query, variables, name = payload.get("query"), payload.get("variables"), payload.get("operationName")
        if not isinstance(query, str) or not query.strip():
            raise _BadRequest("the request has no query")
        if not isinstance(variables, Mapping | None):
            raise _BadRequest("variables are not a JSON object")
        if not isinstance(name, str | None):
            raise _BadRequest("operationName is not text")
        return cls(query, variables or {}, name or None)


@lru_cache(maxsize=256)
def _document(query: str) -> DocumentNode | tuple[GraphQLError, ...]:
    """The parsed and validated query, or what is wrong with it; clients send the same few queries again and again."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return (error,)
    return tuple(validate(executable_schema(), document)) or document


class GraphQLEndpoint:
    """Answers queries over the state that `context` gives, unless a fault is in force."""

    def __init__(self, context: Callable[[], Context], faults: Faults) -> None:
        self._context = context
        self._faults = faults
        self._closing = asyncio.Event()

    def add_routes(self, app: web.Application) -> None:
        """Serves `/graphql` in the application."""
        app.router.add_post(_PATH, self._post)
        app.router.add_get(_PATH, self._get, allow_head=False)
        app.router.add_route("OPTIONS", _PATH, self._preflight)
        app.on_shutdown.append(self._release)

    async def _release(self, _app: web.Application) -> None:
        self._closing.set()

    async def _preflight(self, _request: web.Request) -> web.Response:
        return web.Response(status=HTTPStatus.NO_CONTENT, headers=_CORS)

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.clone(client_max_size=_MAX_REQUEST_BYTES).read()
        return await self._answer(lambda: json.loads(body))

    async def _get(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        variables = query.pop("variables", "") or "null"
        return await self._answer(lambda: {**query, "variables": json.loads(variables)})

    async def _answer(self, payload: Callable[[], object]) -> web.Response:
        match self._faults.query_node_error:
            case "hang":
                await self._closing.wait()
                return _error(HTTPStatus.SERVICE_UNAVAILABLE, "the query node is shutting down")
            case "http_500":
                return web.Response(
                    status=HTTPStatus.INTERNAL_SERVER_ERROR, text="Internal Server Error", headers=_CORS
                )
            case "graphql_error":
                return _reply(HTTPStatus.OK, {"errors": [{"message": "Internal server error"}], "data": None})
            case "null_data":
                return _reply(HTTPStatus.OK, {"data": None})
            case "none":
                pass
        try:
            request = _GraphQLRequest.read(payload())
        except (_BadRequest, ValueError) as error:
            return _error(HTTPStatus.BAD_REQUEST, f"Bad request: {error}")
        document = _document(request.query)
        if isinstance(document, tuple):
            return _reply(HTTPStatus.BAD_REQUEST, {"errors": [error.formatted for error in document]})
        result = execute_sync(
            executable_schema(),
            document,
            context_value=self._context(),
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
        )
        return _reply(_status(result), dict(result.formatted))


def _status(result: ExecutionResult) -> HTTPStatus:
    """400 for a request that could not be begun (bad variables, no such operation), else 200."""
    if result.data is None and result.errors and all(error.path is None for error in result.errors):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.OK


def _error(status: HTTPStatus, message: str) -> web.Response:
    return _reply(status, {"errors": [{"message": message}]})


def _reply(status: HTTPStatus, body: Mapping[str, object]) -> web.Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type="application/json", headers=_CORS)
