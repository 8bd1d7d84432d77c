"""The JSON-RPC endpoint: WebSocket and POST on one path."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from aiohttp import WSMsgType, web

from joygrpc.devnet.chain.chain import Chain, ChainStalled, NotForkable
from joygrpc.devnet.faults import Faults
from joygrpc.devnet.ledger.failures import DispatchFailure
from joygrpc.devnet.rpc.chain_methods import ChainMethods
from joygrpc.devnet.rpc.errors import (
    CHAIN_STALLED,
    DISPATCH_FAILED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    NOT_FORKABLE,
    PARSE_ERROR,
    RpcError,
    invalid_params,
    not_supported,
)
from joygrpc.devnet.rpc.node_methods import Method, NodeMethods, read_methods
from joygrpc.devnet.rpc.subscriptions import SUBSCRIPTIONS, UNSUBSCRIPTIONS, Subscriptions

log = structlog.get_logger(__name__)

_MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
_MAX_BATCH: Final = 1000
_OUTGOING: Final = 16_384


class RpcEndpoint:
    """Answers JSON-RPC requests about a chain; `extra` adds methods."""

    def __init__(self, chain: Chain, version: str, extra: Mapping[str, Method] | None = None) -> None:
        self._chain = chain
        self._reads = ChainMethods(chain)
        self._node = NodeMethods(chain, version)
        self._standard: dict[str, Method] = read_methods(self._reads, self._node)
        self._standard["rpc_methods"] = self._list_methods
        self._extra: dict[str, Method] = {**(extra or {}), "devnet_methods": self._list_extra}
        self._methods: dict[str, Method] = {**self._standard, **self._extra}
        self._sockets: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        """The web application, to be served at the root."""
        app = web.Application(client_max_size=_MAX_MESSAGE_BYTES)
        app.router.add_get("/", self._websocket)
        app.router.add_post("/", self._post)
        app.on_shutdown.append(self._close_sockets)
        return app

    def _list_methods(self) -> dict[str, list[str]]:
        # Without the additions: clients warn of methods that they do not know.
        return {"methods": sorted({*self._standard, *SUBSCRIPTIONS, *UNSUBSCRIPTIONS})}

    def _list_extra(self) -> list[dict[str, object]]:
        """The methods that only a devnet has: name, parameters, and what they are for."""
        return [
            {
                "method": name,
                "parameters": [_parameter(parameter) for parameter in inspect.signature(method).parameters.values()],
                "about": inspect.getdoc(method) or "",
            }
            for name, method in sorted(self._extra.items())
        ]

    async def _close_sockets(self, _: web.Application) -> None:
        for socket in list(self._sockets):
            await socket.close(code=1001, message=b"devnet stops")

    async def _post(self, request: web.Request) -> web.Response:
        answer = self._answer_text(await request.read(), None)
        await asyncio.sleep(self._chain.faults.chain_delay_ms / 1000)
        return web.json_response(answer)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE_BYTES, heartbeat=30)
        if not socket.can_prepare(request):
            return web.Response(status=426, text="JSON-RPC by WebSocket or POST\n", headers={"Upgrade": "websocket"})
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async with asyncio.TaskGroup() as tasks:
                connection = _Connection(socket, request.transport, self._chain.faults)
                writer = tasks.create_task(connection.write())
                try:
                    await self._serve(socket, connection)
                finally:
                    writer.cancel()
        finally:
            self._sockets.discard(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, connection: _Connection) -> None:
        subscriptions = Subscriptions(self._chain, self._reads, self._node, connection.push)
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    begins: list[Callable[[], None]] = []
                    connection.push(self._answer_text(message.data, (subscriptions, begins)))
                    for begin in begins:
                        begin()
        finally:
            subscriptions.close()

    def _answer_text(self, text: str | bytes, live: _Live | None) -> Any:
        try:
            request = json.loads(text)
        except ValueError:
            return _failed(None, RpcError(PARSE_ERROR, "Parse error"))
        if isinstance(request, list):
            if not 0 < len(request) <= _MAX_BATCH:
                return _failed(None, RpcError(INVALID_REQUEST, f"a batch has 1 to {_MAX_BATCH} requests"))
            return [self._answer(item, live) for item in request]
        return self._answer(request, live)

    def _answer(self, request: Any, live: _Live | None) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _failed(None, RpcError(INVALID_REQUEST, "Invalid request"))
        identity, method = request.get("id"), request["method"]
        try:
            result = self._call(method, request.get("params"), live)
        except RpcError as error:
            return _failed(identity, error)
        except DispatchFailure as failure:
            return _failed(identity, RpcError(DISPATCH_FAILED, f"The call failed: {failure}", str(failure)))
        except ChainStalled as stalled:
            return _failed(identity, RpcError(CHAIN_STALLED, str(stalled)))
        except NotForkable as refusal:
            return _failed(identity, RpcError(NOT_FORKABLE, str(refusal)))
        except Exception:
            log.exception("devnet.rpc_broke", method=method)
            return _failed(identity, RpcError(INTERNAL_ERROR, "Internal error"))
        return {"jsonrpc": "2.0", "id": identity, "result": result}

    def _call(self, method: str, params: Any, live: _Live | None) -> Any:
        if params is not None and not isinstance(params, list | dict):
            raise invalid_params("an array or an object wanted")
        if method in SUBSCRIPTIONS or method in UNSUBSCRIPTIONS:
            if live is None:
                raise RpcError(-32601, f"{method} needs a WebSocket")
            subscriptions, begins = live
            positional = list(params or ()) if not isinstance(params, dict) else list(params.values())
            if method in UNSUBSCRIPTIONS:
                return subscriptions.stop(positional[0] if positional else None)
            subscription, begin = subscriptions.start(method, positional)
            begins.append(begin)
            return subscription
        function = self._methods.get(method)
        if function is None:
            raise not_supported(method)
        arguments, named = ((), params) if isinstance(params, dict) else (params or (), {})
        try:
            inspect.signature(function).bind(*arguments, **named)
        except TypeError as error:
            raise invalid_params(str(error)) from error
        return function(*arguments, **named)


_Live = tuple[Subscriptions, list[Callable[[], None]]]


class _Connection:
    """The way out of one WebSocket: what is pushed is sent in order; a client that does not read is cut off."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.BaseTransport | None, faults: Faults) -> None:
        self._socket = socket
        self._transport = transport
        self._faults = faults
        self._clock = asyncio.get_running_loop().time
        self._outgoing: asyncio.Queue[tuple[float, str]] = asyncio.Queue(_OUTGOING)

    def push(self, message: Any) -> None:
        """Send a message, after those before it."""
        try:
            self._outgoing.put_nowait((self._clock() + self._faults.chain_delay_ms / 1000, json.dumps(message)))
        except asyncio.QueueFull:
            if self._transport is not None:
                # Not a closing handshake: the client does not read.
                self._transport.close()

    async def write(self) -> None:
        """Send until cancelled or the client is gone."""
        try:
            while True:
                due, text = await self._outgoing.get()
                if (early_s := due - self._clock()) > 0:
                    await asyncio.sleep(early_s)
                await self._socket.send_str(text)
        except ConnectionError:
            return


def _parameter(parameter: inspect.Parameter) -> str:
    """Its name; with a question mark when it may be left out."""
    return parameter.name + ("" if parameter.default is parameter.empty else "?")


def _failed(identity: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": error.as_json()}
