"""The supervisor with real child processes."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from joygrpc.supervisor import Infos, ProcessSpec, Supervisor, bind_listener

MAIN = "supervised_children:main"
OTHER_MAIN = "supervised_children:other_main"


@pytest.fixture(autouse=True)
def children_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child looks for its target where this process does."""
    monkeypatch.syspath_prepend(Path(__file__).parent)


class Witness:
    """Hears what the children say, and when they end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: list[dict[str, Any]] = []
        self._changed = asyncio.Condition()

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        last: dict[str, Any] = {}
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                last = json.loads(line)
                await self._note(last)
        await self._note({**last, "event": "gone"})
        writer.close()

    async def _note(self, event: dict[str, Any]) -> None:
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, event: str) -> list[str]:
        """Names of the children of which the event is known, in order."""
        return [entry["child"] for entry in self.events if entry["event"] == event]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(holds)


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[Witness]:
    heard = Witness(tmp_path / "witness")
    server = await asyncio.start_unix_server(heard.hear, heard.path)
    try:
        yield heard
    finally:
        server.close()


@pytest.fixture
def spec(witness: Witness) -> Callable[..., ProcessSpec]:
    def make(
        name: str, target: str = MAIN, *, config: Mapping[str, object] | None = None, **kwargs: Any
    ) -> ProcessSpec:
        text = json.dumps({"witness": str(witness.path), "log": {"level": "error"}, **(config or {})})
        return ProcessSpec(name, target, text, **kwargs)

    return make


class Running:
    """A supervisor in a task, and what it told."""

    def __init__(self, *specs: ProcessSpec, stop_deadline: timedelta = timedelta(seconds=9)) -> None:
        self.ready = asyncio.Event()
        self.infos: Infos = {}
        self.deaths: list[tuple[str, int]] = []
        self.supervisor = Supervisor(
            specs,
            on_ready=self._on_ready,
            on_death=lambda name, pid: self.deaths.append((name, pid)),
            stop_deadline=stop_deadline,
        )

    def _on_ready(self, infos: Infos) -> None:
        self.infos = infos
        self.ready.set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["asyncio.Task[int]"]:
        task = asyncio.create_task(self.supervisor.serve())
        try:
            waiting = asyncio.create_task(self.ready.wait())
            await asyncio.wait({task, waiting}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            assert self.ready.is_set()
            yield task
        finally:
            self.supervisor.stop()
            await task


async def ask(listener: socket.socket, command: str = "pid") -> int:
    """The process id that answers on a socket."""
    reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
    writer.write(command.encode() + b"\n")
    line = await reader.readline()
    writer.close()
    return int(line)


@contextlib.contextmanager
def watched(*pids: int) -> Iterator[Callable[[], Awaitable[None]]]:
    """Handles on processes that run now; the function waits until all have ended."""
    handles = [os.pidfd_open(pid) for pid in pids]

    async def ended() -> None:
        loop = asyncio.get_running_loop()
        for handle in handles:
            over = asyncio.Event()
            loop.add_reader(handle, over.set)
            try:
                async with asyncio.timeout(10):
                    await over.wait()
            finally:
                loop.remove_reader(handle)

    try:
        yield ended
    finally:
        for handle in handles:
            os.close(handle)


async def test_children_start_in_order_and_stop_in_reverse(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    running = Running(spec("node"), spec("gateway-0", OTHER_MAIN), spec("gateway-1", OTHER_MAIN))
    async with running.serving() as task:
        assert witness.of("started")[0] == "node"
        assert sorted(running.infos) == ["gateway-0", "gateway-1", "node"]
        assert running.infos["node"]["pid"] == running.supervisor.pids["node"]
        running.supervisor.stop()
        assert await task == 0
    await witness.until(lambda: len(witness.of("gone")) == 3)
    assert witness.of("stopping")[-1] == "node"
    assert sorted(witness.of("stopping")[:2]) == ["gateway-0", "gateway-1"]
    assert running.deaths[-1][0] == "node"
    assert running.supervisor.pids == {}


async def test_a_killed_child_is_started_again_and_nobody_is_refused(
    witness: Witness, spec: Callable[..., ProcessSpec]
) -> None:
    with bind_listener("127.0.0.1", 0) as listener:
        running = Running(spec("gateway", sockets={"public": listener}))
        async with running.serving():
            first = await ask(listener)
            os.kill(first, signal.SIGKILL)
            # The connection is made while no child runs; the socket's backlog keeps it for the next one.
            second = await ask(listener)
            assert second != first
            assert running.deaths == [("gateway", first)]
            os.kill(second, signal.SIGKILL)
            third = await ask(listener)
            assert running.supervisor.infos["gateway"]["pid"] in {second, third}


async def test_a_child_that_ends_unasked_is_started_again(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    with bind_listener("127.0.0.1", 0) as listener:
        running = Running(spec("gateway", sockets={"public": listener}))
        async with running.serving():
            await ask(listener, "return")
            await witness.until(lambda: witness.of("started") == ["gateway", "gateway"])


async def test_the_death_of_a_child_without_restart_ends_all(
    witness: Witness, spec: Callable[..., ProcessSpec]
) -> None:
    running = Running(spec("node", restart=False), spec("gateway", OTHER_MAIN))
    async with running.serving() as task:
        os.kill(running.supervisor.pids["node"], signal.SIGKILL)
        assert await task == 128 + signal.SIGKILL
    await witness.until(lambda: len(witness.of("gone")) == 2)


async def test_a_child_that_ends_on_purpose_ends_all_with_its_code(
    witness: Witness, spec: Callable[..., ProcessSpec]
) -> None:
    with bind_listener("127.0.0.1", 0) as listener:
        running = Running(spec("node", sockets={"control": listener}), spec("gateway", OTHER_MAIN))
        async with running.serving() as task:
            await ask(listener, "end")
            assert await task == 0
    await witness.until(lambda: sorted(witness.of("gone")) == ["gateway", "node"])
    assert witness.of("started").count("node") == 1


async def test_a_failure_at_the_start_stops_the_rest_and_passes_its_code_on(
    witness: Witness, spec: Callable[..., ProcessSpec]
) -> None:
    supervisor = Supervisor([spec("node"), spec("gateway", OTHER_MAIN, config={"fail": 103})])
    assert await supervisor.serve() == 103
    await witness.until(lambda: sorted(witness.of("gone")) == ["gateway", "node"])
    assert "stopping" in {event["event"] for event in witness.events}


async def test_a_target_that_cannot_be_imported_is_a_failure_at_the_start(
    spec: Callable[..., ProcessSpec], capfd: pytest.CaptureFixture[str]
) -> None:
    assert await Supervisor([spec("node", "no_such_module_here:main")]).serve() == 1
    assert "no_such_module_here" in capfd.readouterr().err


async def test_a_child_that_is_never_ready_is_killed(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    silent = spec("node", config={"deaf": True, "silent": True}, ready_timeout=timedelta(seconds=0.5))
    assert await Supervisor([silent]).serve() == 1
    await witness.until(lambda: witness.of("gone") == ["node"])


async def test_a_child_that_does_not_end_is_killed_with_what_it_started(
    witness: Witness, spec: Callable[..., ProcessSpec]
) -> None:
    running = Running(
        spec("node", config={"deaf": True, "grandchild": True}, stop_grace=timedelta(seconds=0.2)),
    )
    async with running.serving() as task:
        (grandchild,) = [event["grandchild"] for event in witness.events if "grandchild" in event]
        with watched(grandchild) as ended:
            running.supervisor.stop()
            assert await task == 0
            await ended()
    await witness.until(lambda: witness.of("gone") == ["node"])


async def test_the_whole_stop_is_bounded(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    deaf = {"config": {"deaf": True}, "stop_grace": timedelta(seconds=60)}
    running = Running(spec("node", **deaf), spec("gateway", OTHER_MAIN, **deaf), stop_deadline=timedelta(seconds=0.4))
    async with running.serving() as task:
        running.supervisor.stop()
        async with asyncio.timeout(10):
            assert await task == 0
    assert [name for name, _ in running.deaths] == ["gateway", "node"]


async def test_a_second_stop_kills_at_once(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    running = Running(spec("node", config={"deaf": True}, stop_grace=timedelta(seconds=60)))
    async with running.serving() as task:
        running.supervisor.stop()
        running.supervisor.stop()
        async with asyncio.timeout(5):
            await task


async def test_cancelling_the_supervisor_stops_the_children(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    running = Running(spec("node"))
    task = asyncio.create_task(running.supervisor.serve())
    await running.ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await witness.until(lambda: witness.of("gone") == ["node"])
    assert witness.of("stopping") == ["node"]


async def test_the_configuration_is_not_on_the_command_line(witness: Witness, spec: Callable[..., ProcessSpec]) -> None:
    # Longer than a socket's buffer, too.
    running = Running(spec("node", config={"secret": "hunter2" * 60_000}))
    async with running.serving():
        for name in ("cmdline", "environ"):
            assert b"hunter2" not in Path(f"/proc/{running.supervisor.pids['node']}/{name}").read_bytes()


@contextlib.asynccontextmanager
async def program(witness: Witness) -> AsyncIterator[asyncio.subprocess.Process]:
    """A whole program in its own process, ready."""
    script = Path(__file__).with_name("supervised_children.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        witness.path,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(script.parents[2])},
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            infos = json.loads(await process.stdout.readline())
        assert list(infos) == ["node", "gateway-0", "gateway-1"]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_the_program_in_order(witness: Witness, number: signal.Signals) -> None:
    async with program(witness) as process:
        process.send_signal(number)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
    await witness.until(lambda: len(witness.of("gone")) == 3)
    assert witness.of("stopping")[-1] == "node"


async def test_the_children_of_a_killed_program_end(witness: Witness) -> None:
    async with program(witness) as process:
        pids = {event["pid"] for event in witness.events}
        assert len(pids) == 3
        with watched(*pids) as ended:
            process.kill()
            await ended()
