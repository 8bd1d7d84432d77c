"""The thread that owns the connection for queries: substrate-interface is neither thread-safe nor able to do two things at a time."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from joygrpc.chain.errors import ChainUnavailable
from joygrpc.chain.worker.connection import Connection

_IDLE_S = 10.0
"""After so long without a query the connection is used once, so that the node's pings are answered and an outage is noticed."""

Work = Callable[[Connection], object]
Done = Callable[[object, Exception | None], None]


@dataclass(slots=True)
class _Answer:
    value: object = None
    error: Exception | None = None


class QueryThread(threading.Thread):
    """Does work on the connection, one piece after the other."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(name="chain-queries", daemon=True)
        self._connection = connection
        self._queue: queue.SimpleQueue[tuple[Work, Done]] = queue.SimpleQueue()

    def post(self, work: Work, done: Done) -> None:
        """Have work done; `done` is called in this thread with its value or its error."""
        self._queue.put((work, done))

    def call(self, work: Work, time_limit_s: float) -> object:
        """Have work done and wait for it; for other threads. Raises its error, or `ChainUnavailable` after the time limit."""
        finished = threading.Event()
        answer = _Answer()

        def done(value: object, error: Exception | None) -> None:
            answer.value, answer.error = value, error
            finished.set()

        self.post(work, done)
        if not finished.wait(time_limit_s):
            raise ChainUnavailable
        if answer.error is not None:
            raise answer.error
        return answer.value

    def run(self) -> None:
        """Work for ever; the process ends without asking."""
        while True:
            try:
                work, done = self._queue.get(timeout=_IDLE_S)
            except queue.Empty:
                self._connection.keep_alive()
                continue
            try:
                value = self._connection.run(work)
            except Exception as error:
                done(None, error)
            else:
                done(value, None)
