"""Reads requests from the node, has them done, and writes replies and notices."""

import os
import socket
import threading
import traceback
from collections.abc import Callable

from joygrpc.chain.errors import ChainError, ChainUnavailable, SignerLocked
from joygrpc.chain.wire import (
    LENGTH,
    FinalizedNotice,
    LogNotice,
    Reply,
    Request,
    Setup,
    Started,
    SubmitRequest,
    frame,
    unframe,
)
from joygrpc.chain.worker.connection import Connection
from joygrpc.chain.worker.finality import follow_finalized_heads
from joygrpc.chain.worker.keyring import Keyring
from joygrpc.chain.worker.operations import Operations
from joygrpc.chain.worker.queries import QueryThread
from joygrpc.chain.worker.submission import Submitter


def serve(connection: socket.socket) -> None:
    """Serve one node until its end of the socket closes; then the process ends at once, whatever its threads are doing."""
    try:
        Server(connection).run()
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


class Server:
    """The node's end sees one `Started`, then replies in any order and notices."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._write_lock = threading.Lock()
        self._follower: threading.Thread | None = None

    def run(self) -> None:
        """Read until the end; raises EOFError or OSError there."""
        setup = self._receive()
        assert isinstance(setup, Setup)
        try:
            keyring = Keyring.unlock(setup.keys)
        except ChainError as error:
            self._send(Started(error=error))
            raise EOFError from error
        self._send(Started(accounts=keyring.accounts))
        chain = QueryThread(Connection(setup, self._send))
        chain.start()
        operations = Operations(setup, keyring)
        submitter = Submitter(setup, keyring, chain, self._send)
        while True:
            request = self._receive()
            if not isinstance(request, Request):
                continue
            if request.operation == "submit":
                self._submit(submitter, request)
            elif request.operation == "sign":
                self._sign(keyring, request)
            elif request.operation == "follow":
                self._follow(setup)
                self._send(Reply(request.request_id))
            else:
                work = getattr(operations, request.operation)
                chain.post(lambda c, w=work, r=request: w(c, *r.arguments), self._replier(request.request_id))  # type: ignore[misc]

    def _submit(self, submitter: Submitter, request: Request) -> None:
        (wanted,) = request.arguments
        assert isinstance(wanted, SubmitRequest)
        reply = self._replier(request.request_id)

        def follow() -> None:
            try:
                reply(submitter.submit(wanted), None)
            except Exception as error:
                reply(None, error)

        # One thread for each transaction: it only waits for messages, and waiting for finality must not hold up anything else.
        threading.Thread(target=follow, name=f"submit-{request.request_id}", daemon=True).start()

    def _sign(self, keyring: Keyring, request: Request) -> None:
        account, data = request.arguments
        assert isinstance(account, bytes)
        assert isinstance(data, bytes)
        signer = keyring.find(account)
        reply = self._replier(request.request_id)
        if signer is None:
            reply(None, SignerLocked())
        else:
            reply(signer.sign(data), None)

    def _follow(self, setup: Setup) -> None:
        if self._follower is None:
            self._follower = threading.Thread(
                target=follow_finalized_heads,
                args=(setup, lambda number: self._send(FinalizedNotice(number))),
                name="finality",
                daemon=True,
            )
            self._follower.start()

    def _replier(self, request_id: int) -> Callable[[object, Exception | None], None]:
        def reply(value: object, error: Exception | None) -> None:
            if error is not None and not isinstance(error, ChainError):
                self._send(LogNotice("chain_worker_failed", (("type", type(error).__name__), ("error", str(error)))))
                error = ChainUnavailable("The chain client failed")
            self._send(Reply(request_id, value, error))

        return reply

    def _send(self, message: object) -> None:
        data = frame(message)
        with self._write_lock:
            self._socket.sendall(data)

    def _receive(self) -> object:
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return unframe(self._read(length))

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)
