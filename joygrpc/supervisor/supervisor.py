"""The process that holds the listening sockets and starts, watches, restarts and drains the others."""

import asyncio
import itertools
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from joygrpc.supervisor.process import ChildProcess
from joygrpc.supervisor.restart import RestartPace, shell_exit_code
from joygrpc.supervisor.sd_notify import sd_notify
from joygrpc.supervisor.spec import ProcessSpec

_log = logging.getLogger("joygrpc.supervisor")

DEFAULT_STOP_DEADLINE = timedelta(seconds=9)
_KILLED_WAIT = timedelta(seconds=5)

Infos = Mapping[str, Mapping[str, object]]


class Supervisor:
    """Runs children until it is told to stop, or until one of them ends on purpose.

    Neighbours in `specs` with the same target form a stage (the workers of a gateway). Stages start in order, each when the one before is ready, and stop in
    reverse order; the children of a stage do so together. A child that fails at the first start ends everything, and its exit code is passed on.

    `on_ready` gets what the children said, by child's name, once all are ready. `on_death` is told name and process id of every child that ended. The whole
    stop takes at most `stop_deadline`: a stage gets its children's `stop_grace`, but no more than its share of what is left, and is then killed.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        on_ready: Callable[[Infos], None] | None = None,
        on_death: Callable[[str, int], None] | None = None,
        stop_deadline: timedelta = DEFAULT_STOP_DEADLINE,
    ) -> None:
        if len({spec.name for spec in specs}) != len(specs):
            raise ValueError("two processes have the same name")
        self._stages = [tuple(stage) for _, stage in itertools.groupby(specs, key=lambda spec: spec.target)]
        self._on_ready = on_ready
        self._on_death = on_death
        self._stop_deadline = stop_deadline
        self._children: dict[str, ChildProcess] = {}
        self._infos: dict[str, Mapping[str, object]] = {}
        self._end: asyncio.Future[int] | None = None
        self._stops_asked = 0

    def __repr__(self) -> str:
        return f"<Supervisor {list(self._children.values())}>"

    @property
    def infos(self) -> Infos:
        """What each child said when it was last ready, by its name, in the order of the specs."""
        return {
            spec.name: self._infos[spec.name] for stage in self._stages for spec in stage if spec.name in self._infos
        }

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids of the children that run, by name."""
        return {name: child.pid for name, child in self._children.items() if not child.exited.done()}

    def run(self) -> int:
        """Serves on an event loop of its own, in the main thread; SIGTERM, SIGINT and SIGHUP stop it, a second one at once. Gives the exit code."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.stop)
        try:
            return await self.serve()
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Begins an orderly stop; called again, it kills the children."""
        self._stops_asked += 1
        self._finish(0)
        if self._stops_asked > 1:
            for child in self._children.values():
                child.kill()

    async def serve(self) -> int:
        """Starts the children, keeps them running and, at the end, stops them all; gives the exit code.

        Cancelling it stops the children in order before it returns.
        """
        self._end = asyncio.get_running_loop().create_future()
        if self._stops_asked:
            return 0
        try:
            async with asyncio.TaskGroup() as tasks:
                keepers: list[asyncio.Task[None]] = []
                if await self._start(tasks, keepers):
                    self._announce()
                    await asyncio.wait({self._end})
                for keeper in keepers:
                    keeper.cancel()
        finally:
            sd_notify("STOPPING=1")
            await self._stop_all()
        return await self._end

    def _finish(self, code: int) -> None:
        if self._end is not None and not self._end.done():
            self._end.set_result(code)

    def _announce(self) -> None:
        _log.info("all processes are ready", extra={"processes": list(self._children)})
        if self._on_ready is not None:
            self._on_ready(self.infos)
        sd_notify("READY=1")

    async def _start(self, tasks: asyncio.TaskGroup, keepers: list[asyncio.Task[None]]) -> bool:
        """Starts all stages, and a keeper for each child that is ready; False when something ended it before all were."""
        for stage in self._stages:
            for spec in stage:
                await self._spawn(spec)
        for stage in self._stages:
            outcomes = await asyncio.gather(*(self._bring_up(self._children[spec.name]) for spec in stage))
            failures = [code for code in outcomes if code is not None]
            if failures:
                self._finish(failures[0])
                return False
            keepers += [tasks.create_task(self._keep(spec), name=f"keep {spec.name}") for spec in stage]
        return True

    async def _spawn(self, spec: ProcessSpec) -> ChildProcess:
        child = ChildProcess(spec, on_exit=self._exited)
        self._children[spec.name] = child
        await child.prepare()
        return child

    def _exited(self, child: ChildProcess) -> None:
        if self._on_death is not None:
            self._on_death(child.spec.name, child.pid)

    async def _bring_up(self, child: ChildProcess) -> int | None:
        """Lets the child run until it is ready; an exit code when it did not get there."""
        assert self._end is not None
        spec = child.spec
        await child.begin()
        waited: set[asyncio.Future[Any]] = {child.ready, child.exited, self._end}
        await asyncio.wait(waited, timeout=spec.ready_timeout.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            return self._end.result()
        if child.ready.done() and not child.exited.done():
            self._infos[spec.name] = child.ready.result()
            _log.debug("process is ready", extra={"child": spec.name, "pid": child.pid})
            return None
        if child.exited.done():
            code = shell_exit_code(child.exited.result())
            _log.error("process ended before it was ready", extra={"child": spec.name, "exit_code": code})
            return code if child.ending else code or 1
        _log.error(
            "process was not ready in time", extra={"child": spec.name, "timeout_s": spec.ready_timeout.total_seconds()}
        )
        child.kill()
        await asyncio.wait({child.exited})
        return 1

    async def _keep(self, spec: ProcessSpec) -> None:
        """Starts a child again whenever it dies, until it is cancelled."""
        pace = RestartPace()
        child = self._children[spec.name]
        while True:
            await asyncio.wait({child.exited})
            code = shell_exit_code(child.exited.result())
            if child.ending or not spec.restart:
                _log.info("process ended", extra={"child": spec.name, "exit_code": code, "on_purpose": child.ending})
                self._finish(code)
                return
            pace = pace.after_death(child.uptime)
            _log.warning(
                "process died and is started again",
                extra={"child": spec.name, "pid": child.pid, "exit_code": code, "pause_s": pace.pause.total_seconds()},
            )
            await asyncio.sleep(pace.pause.total_seconds())
            child = await self._spawn(spec)
            await self._bring_up(child)

    async def _stop_all(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._stop_deadline.total_seconds()
        for left, stage in zip(range(len(self._stages), 0, -1), reversed(self._stages), strict=True):
            children = [self._children[spec.name] for spec in stage if spec.name in self._children]
            running = [child for child in children if not child.exited.done()]
            if not running:
                continue
            for child in running:
                child.terminate()
            share = max(0.0, deadline - loop.time()) / left
            grace = max(child.spec.stop_grace.total_seconds() for child in running)
            await asyncio.wait([child.exited for child in running], timeout=min(grace, share))
            late = [child for child in running if not child.exited.done()]
            for child in late:
                _log.error(
                    "process did not end in time and is killed", extra={"child": child.spec.name, "pid": child.pid}
                )
                child.kill()
            if late:
                await asyncio.wait([child.exited for child in late], timeout=_KILLED_WAIT.total_seconds())
