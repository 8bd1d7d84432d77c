"""A subscription over a WebSocket of its own, for threads that only wait for messages."""

import json
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from websocket import WebSocket, WebSocketException, create_connection


class SubscriptionLost(Exception):
    """The connection broke; `sent` tells whether the request may have reached the node."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("the connection to the chain broke")
        self.sent = sent


class RequestRefused(Exception):
    """The node answered the request with an error."""

    def __init__(self, code: int, message: str, data: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Subscription:
    """Asks for a subscription and hears its messages; a context manager that ends it."""

    def __init__(self, url: str, connect_timeout_s: float) -> None:
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._socket: WebSocket | None = None
        self._subscription_id: object = None
        self._early: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.shutdown()  # type: ignore[no-untyped-call]

    def start(self, method: str, parameters: Sequence[object], time_limit_s: float) -> None:
        """Send the request and wait for its answer; raises `SubscriptionLost` or `RequestRefused`."""
        sent = False
        try:
            self._socket = create_connection(self._url, timeout=self._connect_timeout_s)
            sent = True
            self._socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}))
            deadline = time.monotonic() + time_limit_s
            while True:
                message = self._next(deadline)
                if message.get("id") == 1:
                    break
                self._early.append(message)
        except (WebSocketException, OSError, ValueError) as error:
            raise SubscriptionLost(sent=sent) from error
        if (refusal := message.get("error")) is not None:
            raise RequestRefused(
                int(refusal.get("code", 0)), str(refusal.get("message", "")), str(refusal.get("data", ""))
            )
        self._subscription_id = message["result"]

    def results(self, deadline: float) -> Iterator[Any]:
        """What the subscription tells, until the deadline (of the monotonic clock): then TimeoutError. Raises `SubscriptionLost`."""
        while True:
            try:
                message = self._early.pop(0) if self._early else self._next(deadline)
            except TimeoutError:
                raise
            except (WebSocketException, OSError, ValueError) as error:
                if time.monotonic() >= deadline:
                    raise TimeoutError from error
                raise SubscriptionLost(sent=True) from error
            told = message.get("params", {})
            if told.get("subscription") == self._subscription_id:
                yield told["result"]

    def _next(self, deadline: float) -> Any:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        assert self._socket is not None
        self._socket.settimeout(remaining)
        # A closed connection gives an empty text, which is no JSON: ValueError.
        return json.loads(self._socket.recv())
