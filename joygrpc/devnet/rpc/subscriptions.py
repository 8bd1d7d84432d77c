"""Subscriptions of one connection."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final

from joygrpc.devnet.chain.chain import Chain
from joygrpc.devnet.chain.headers import Block
from joygrpc.devnet.chain.mempool import Status
from joygrpc.devnet.rpc.chain_methods import ChainMethods, runtime_version
from joygrpc.devnet.rpc.errors import invalid_params
from joygrpc.devnet.rpc.hexadecimal import unhex
from joygrpc.devnet.rpc.node_methods import NodeMethods

Push = Callable[[dict[str, object]], None]
Stop = Callable[[], None]
_FINAL_STATUSES: Final = ("dropped", "invalid")
_PASSING_STATUSES: Final = frozenset(("inBlock", "retracted"))

# Subscribing method: name of its notifications, method that ends it. Clients know two spellings of the first.
SUBSCRIPTIONS: Final = {
    "chain_subscribeNewHead": ("chain_newHead", "chain_unsubscribeNewHead"),
    "chain_subscribeNewHeads": ("chain_newHead", "chain_unsubscribeNewHeads"),
    "chain_subscribeAllHeads": ("chain_allHead", "chain_unsubscribeAllHeads"),
    "chain_subscribeFinalizedHeads": ("chain_finalizedHead", "chain_unsubscribeFinalizedHeads"),
    "state_subscribeRuntimeVersion": ("state_runtimeVersion", "state_unsubscribeRuntimeVersion"),
    "state_subscribeStorage": ("state_storage", "state_unsubscribeStorage"),
    "author_submitAndWatchExtrinsic": ("author_extrinsicUpdate", "author_unwatchExtrinsic"),
}
UNSUBSCRIPTIONS: Final = frozenset(unsubscribe for _, unsubscribe in SUBSCRIPTIONS.values())


class Subscriptions:
    """Starts and ends them; `push` sends a message to the client and must not block."""

    def __init__(self, chain: Chain, reads: ChainMethods, node: NodeMethods, push: Push) -> None:
        self._chain, self._reads, self._node = chain, reads, node
        self._push = push
        self._stops: dict[str, Stop] = {}

    def start(self, method: str, params: list[Any]) -> tuple[str, Callable[[], None]]:
        """Begin a subscription: its id, and what to call once the client was told the id."""
        subscription = secrets.token_urlsafe(12)
        notification = SUBSCRIPTIONS[method][0]

        def send(result: object) -> None:
            content = {"subscription": subscription, "result": result}
            self._push({"jsonrpc": "2.0", "method": notification, "params": content})

        def send_header(block: Block) -> None:
            send(block.header.as_json())

        match method:
            case "author_submitAndWatchExtrinsic":
                begin = self._watch(subscription, params, send)
            case "state_subscribeStorage":
                begin = self._follow_storage(subscription, params, send)
            case "state_subscribeRuntimeVersion":
                self._stops[subscription] = _nothing
                begin = _sender(send, runtime_version)
            case "chain_subscribeFinalizedHeads":
                self._follow(subscription, self._chain.on_finalized, send_header)
                begin = _sender(send, self._chain.blocks.finalized.header.as_json)
            case _:
                self._follow(subscription, self._chain.on_block, send_header)
                begin = _sender(send, self._chain.best.header.as_json)
        return subscription, begin

    def stop(self, subscription: object) -> bool:
        """End one; False if there is none of that id."""
        stop = self._stops.pop(str(subscription), None)
        if stop is None:
            return False
        stop()
        return True

    def close(self) -> None:
        """End all."""
        for subscription in list(self._stops):
            self.stop(subscription)

    def _follow(
        self, subscription: str, listeners: list[Callable[[Block], None]], listener: Callable[[Block], None]
    ) -> None:
        listeners.append(listener)
        self._stops[subscription] = lambda: listeners.remove(listener)

    def _follow_storage(
        self, subscription: str, params: list[Any], send: Callable[[object], None]
    ) -> Callable[[], None]:
        keys = params[0] if params and params[0] is not None else []
        wanted = {unhex(key): key for key in keys}

        def on_block(block: Block) -> None:
            changed = [text for raw, text in wanted.items() if raw in block.changed_keys]
            if changed:
                send(self._reads.changes(changed, block))

        self._follow(subscription, self._chain.on_block, on_block)
        return _sender(send, lambda: self._reads.changes(keys, self._chain.best))

    def _watch(self, subscription: str, params: list[Any], send: Callable[[object], None]) -> Callable[[], None]:
        if len(params) != 1:
            raise invalid_params("one extrinsic wanted")
        early: list[Status] = []
        begun = ended = False

        def stop() -> None:
            nonlocal ended
            ended = True

        def watcher(status: Status) -> None:
            if ended:
                return
            if not begun:
                early.append(status)
                return
            send(status)
            if status in _FINAL_STATUSES or (isinstance(status, dict) and not status.keys() & _PASSING_STATUSES):
                self.stop(subscription)

        self._node.submit(params[0], watcher)
        self._stops[subscription] = stop

        def begin() -> None:
            nonlocal begun
            begun = True
            for status in early:
                watcher(status)

        return begin


def _nothing() -> None:
    """Runtime versions never change here."""


def _sender(send: Callable[[object], None], value: Callable[[], object]) -> Callable[[], None]:
    return lambda: send(value())
