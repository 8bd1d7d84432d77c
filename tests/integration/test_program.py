"""A program as the command line runs it: listeners, ready lines, metrics of all processes."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

CODE = """
import contextlib, sys
from pathlib import Path
from joygrpc.cli.program import Program, ReadyOutput, listen
from joygrpc.config import LogSettings, ShutdownSettings
from joygrpc.supervisor import ProcessSpec, ready_fd_from_environment, url_of

with contextlib.ExitStack() as stack:
    public = listen(stack, "127.0.0.1", 0)
    specs = [ProcessSpec("node", "program_children:node"), ProcessSpec("gateway-0", "program_children:gateway", sockets={"public": public})]
    ready = ReadyOutput(stdout=True, file=Path(sys.argv[1]), fd=ready_fd_from_environment())
    facts = {"rest": url_of(public), "worker": 1, "grpc": "replaced by what the node says"}
    sys.exit(Program(specs, LogSettings(format="json"), ShutdownSettings(), facts).run(ready))
"""


async def answer_of(url: str) -> str:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    text = (await reader.read()).decode()
    writer.close()
    return text


@pytest.mark.timeout(60)
async def test_a_program_says_when_it_is_ready_and_counts_over_processes(tmp_path: Path) -> None:
    here = Path(__file__).parent
    reading, writing = os.pipe()
    environment = {**os.environ, "PYTHONPATH": f"{here.parents[1]}:{here}", "JOYGRPC_READY_FD": str(writing)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CODE,
        tmp_path / "ready.json",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=[writing],
        env=environment,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as stream:
            line = await asyncio.to_thread(stream.read)
        info = json.loads(line)
        assert (info["grpc"], info["worker"], info["ready_fd_seen"]) == ("127.0.0.1:1", 1, False)
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == info
        assert json.loads((tmp_path / "ready.json").read_text()) == info
        metrics = await answer_of(info["rest"])
        assert "joygrpc_test_program_total 3.0" in metrics
        assert 'joygrpc_test_program_open{process="node"} 1.0' in metrics
        os.kill(info["node_pid"], signal.SIGKILL)
        # The gauge of the killed process goes; its count stays, and its successor adds to it.
        async with asyncio.timeout(20):
            while "joygrpc_test_program_total 4.0" not in (metrics := await answer_of(info["rest"])):
                continue
        assert f'joygrpc_test_program_pid{{pid="{info["node_pid"]}"}}' not in metrics
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert process.returncode == 0
    events = [json.loads(line) for line in errors.decode().splitlines()]
    assert {event["event"] for event in events} >= {"ready", "process died and is started again"}
    assert {event["process"] for event in events} == {"supervisor"}
    assert not Path(info["metrics"]).exists()
