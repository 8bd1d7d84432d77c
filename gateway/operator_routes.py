"""The operator's REST API of a distributor node."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from gateway.app import Handler
from gateway.bodies import is_json, read_json
from gateway.distributor_node import DistributorNode
from gateway.errors import RequestRefused
from gateway.operator_tokens import SignedRequest, check_operator_token
from gateway.routing import Route
from gateway.schema_checks import check_buckets, check_worker

Effect = Callable[[object], Awaitable[None]]


class OperatorRoutes:
    """Handlers of the operator API. Each request carries a token that signs its path and body; it is checked before anything else about the body."""

    def __init__(self, node: DistributorNode, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._node = node
        self._secret = secret
        self._clock = clock

    def routes(self) -> list[Route[Handler]]:
        """All operations."""
        return [
            self._route("stop-api", self._stop_api),
            self._route("start-api", self._start_api),
            self._route("shutdown", self._shut_down),
            self._route("set-worker", self._set_worker, needs_json=True),
            self._route("set-buckets", self._set_buckets, needs_json=True),
        ]

    def _route(self, name: str, effect: Effect, *, needs_json: bool = False) -> Route[Handler]:
        async def handle(request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
            body = await read_json(request)
            signed = SignedRequest(request.raw_path, body)
            check_operator_token(request.headers.get(hdrs.AUTHORIZATION), self._secret, signed, self._clock())
            if needs_json and not is_json(request):
                shown = request.headers.get(hdrs.CONTENT_TYPE, "undefined")
                raise RequestRefused("MEDIA_TYPE_UNSUPPORTED", f"unsupported media type {shown}")
            await effect(body)
            return web.Response(status=200)

        return Route(f"operator.{name}", "POST", f"/api/v1/{name}", handle)

    async def _stop_api(self, _: object) -> None:
        await self._node.stop_api()

    async def _start_api(self, _: object) -> None:
        await self._node.start_api()

    async def _shut_down(self, _: object) -> None:
        await self._node.shut_down()

    async def _set_worker(self, body: object) -> None:
        await self._node.set_worker(check_worker(body))

    async def _set_buckets(self, body: object) -> None:
        await self._node.set_buckets(check_buckets(body))
