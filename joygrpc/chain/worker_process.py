"""The node's side of the chain worker: starts it, starts it again when it dies, and carries calls to it."""

import asyncio
import contextlib
import itertools
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable

import structlog

from joygrpc.chain.config import ChainTimeouts
from joygrpc.chain.errors import ChainUnavailable
from joygrpc.chain.wire import LENGTH, LogNotice, Reply, Request, Setup, Started, frame, unframe

_log = structlog.get_logger("joygrpc.chain")

_FIRST_RESTART_S = 0.2
_LAST_RESTART_S = 10.0


class WorkerLost(ChainUnavailable):
    """The chain client died, or did not answer in time; what it was asked to do may have been done."""


class WorkerProcess:
    """A child process that answers calls.

    `start` returns when the worker has read its keys. Calls wait while a worker that died is started again, within their own time limit; calls
    that were under way then raise `ChainUnavailable`. The child ends when the socket closes, however this process ends.
    """

    def __init__(self, setup: Setup, timeouts: ChainTimeouts, on_notice: Callable[[object], None]) -> None:
        self._setup = setup
        self._timeouts = timeouts
        self._on_notice = on_notice
        self._on_start: list[str] = []
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[object]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._write_lock = asyncio.Lock()
        self._ready = asyncio.Event()
        self._first: asyncio.Future[Started] | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._process: Process | None = None

    def __repr__(self) -> str:
        state = "ready" if self._ready.is_set() else "not ready"
        return f"<WorkerProcess pid={self.pid} {state}, {len(self._waiting)} calls>"

    @property
    def pid(self) -> int | None:
        """Process id of the child that runs now."""
        return None if self._process is None else self._process.pid

    async def start(self) -> tuple[bytes, ...]:
        """Start the worker; gives the account ids of its keys. Raises `KeyInvalid`, or `ChainUnavailable` when it does not come up."""
        self._first = asyncio.get_running_loop().create_future()
        self._supervision = asyncio.create_task(self._supervise(), name="chain-worker")
        try:
            async with asyncio.timeout(self._timeouts.start.total_seconds()):
                started = await asyncio.shield(self._first)
        except TimeoutError:
            await self.stop()
            raise ChainUnavailable("The chain client did not start") from None
        except BaseException:
            await self.stop()
            raise
        if started.error is not None:
            await self.stop()
            raise started.error
        return started.accounts

    async def stop(self) -> None:
        """End the worker; calls that wait raise `ChainUnavailable`."""
        if self._supervision is not None:
            self._supervision.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervision
            self._supervision = None

    async def call(
        self, operation: str, *arguments: object, time_limit_s: float | None = None, repeatable: bool = True
    ) -> object:
        """Have an operation done; raises its error, or `ChainUnavailable` when the time limit ends.

        An operation that is not repeatable raises `WorkerLost` when it was handed over and no answer came; others are asked again of the next
        worker. Cancelling the wait does not stop the operation.
        """
        limit = self._timeouts.call.total_seconds() if time_limit_s is None else time_limit_s
        handed_over = False
        try:
            async with asyncio.timeout(limit):
                while True:
                    await self._ready.wait()
                    handed_over = True
                    try:
                        return await self._ask(operation, arguments)
                    except (WorkerLost, ConnectionError) as error:
                        if not repeatable:
                            raise WorkerLost from error
                    # The broken pipe is seen here before the reader sees it.
                    await asyncio.sleep(_FIRST_RESTART_S)
        except TimeoutError as error:
            raise (WorkerLost if handed_over and not repeatable else ChainUnavailable) from error

    async def _ask(self, operation: str, arguments: tuple[object, ...]) -> object:
        request_id = next(self._ids)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            await self._write(Request(request_id, operation, arguments))
            return await answer
        finally:
            self._waiting.pop(request_id, None)

    async def call_on_every_start(self, operation: str) -> None:
        """Have an operation done now and whenever a new worker has started."""
        if operation not in self._on_start:
            self._on_start.append(operation)
            await self.call(operation)

    async def _write(self, message: object) -> None:
        async with self._write_lock:
            if self._writer is None:
                raise ConnectionResetError
            self._writer.write(frame(message))
            await self._writer.drain()

    async def _supervise(self) -> None:
        restart_s = _FIRST_RESTART_S
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._run_once()
            except Exception as error:
                _log.warning("chain_worker_broke", error=f"{type(error).__name__}: {error}")
            if self._first is not None and not self._first.done():
                self._first.set_result(Started(error=ChainUnavailable("The chain client did not start")))
            if loop.time() - began > _LAST_RESTART_S:
                restart_s = _FIRST_RESTART_S
            _log.warning("chain_worker_ended", restart_s=restart_s)
            await asyncio.sleep(restart_s)
            restart_s = min(restart_s * 2, _LAST_RESTART_S)

    async def _run_once(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "joygrpc.chain.worker",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                # As multiprocessing does: the child finds what this process finds.
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._process = process
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection(sock=ours)
            writer.write(frame(self._setup))
            started = await self._read(reader)
            assert isinstance(started, Started)
            if self._first is not None and not self._first.done():
                self._first.set_result(started)
            if started.error is not None:
                return
            self._writer = writer
            for operation in self._on_start:
                await self._write(Request(next(self._ids), operation, ()))
            self._ready.set()
            while True:
                self._handle(await self._read(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._ready.clear()
            self._writer = None
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(WorkerLost())
            if writer is None:
                ours.close()
            else:
                writer.close()
            await self._reap(process)

    async def _reap(self, process: Process) -> None:
        # The closed socket tells the child to go; it is killed when it does not, also when this wait is cancelled.
        try:
            async with asyncio.timeout(self._timeouts.stop.total_seconds()):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        except asyncio.CancelledError:
            process.kill()
            raise

    async def _read(self, reader: asyncio.StreamReader) -> object:
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        return unframe(await reader.readexactly(length))

    def _handle(self, message: object) -> None:
        match message:
            case Reply(request_id=request_id, value=value, error=error):
                answer = self._waiting.get(request_id)
                if answer is None or answer.done():
                    return
                if error is None:
                    answer.set_result(value)
                else:
                    answer.set_exception(error)
            case LogNotice(event=event, details=details):
                _log.warning(event, **dict(details))
            case _:
                self._on_notice(message)
