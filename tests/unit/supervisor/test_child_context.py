import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import joygrpc
from joygrpc.supervisor import ChildContext
from joygrpc.supervisor.child import load_target
from joygrpc.supervisor.lifeline import ORPHANED_EXIT_CODE


def test_what_a_child_says_is_lines_of_json() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        context = ChildContext("node", "{}", channel=theirs)
        context.notify_ready({"grpc": "127.0.0.1:1"})
        context.notify_ending()
        lines = ours.recv(4096).splitlines()
    assert json.loads(lines[0]) == {"event": "ready", "info": {"grpc": "127.0.0.1:1"}}
    assert json.loads(lines[1]) == {"event": "ending"}


def test_a_child_without_a_supervisor_may_speak() -> None:
    context = ChildContext("node", "{}")
    context.notify_ready()
    context.notify_ending()
    assert repr(context) == "<ChildContext node sockets=[]>"


def test_a_supervisor_that_is_gone_is_no_error() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        ChildContext("node", "{}", channel=theirs).notify_ready()


def test_a_target_is_imported() -> None:
    assert load_target("os.path:join") is os.path.join
    with pytest.raises(AttributeError):
        load_target("os.path:no_such_function")


def run_python(code: str, *arguments: str, fds: tuple[int, ...] = ()) -> int:
    root = Path(joygrpc.__file__).parents[1]
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, pass_fds=fds, cwd=root, timeout=20, check=False).returncode


WATCH = """
import signal, socket, sys
from datetime import timedelta
from joygrpc.supervisor.lifeline import watch_parent
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
watch_parent(socket.socket(fileno=int(sys.argv[1])), timedelta(seconds=0.05))
while True:
    signal.pause()
"""


@pytest.mark.parametrize(("manner", "code"), [("heeding", -signal.SIGTERM), ("deaf", ORPHANED_EXIT_CODE)])
def test_the_end_of_the_channel_ends_the_child(manner: str, code: int) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        assert run_python(WATCH, str(theirs.fileno()), manner, fds=(theirs.fileno(),)) == code


def test_a_child_whose_parent_is_gone_ends_at_once() -> None:
    code = "from joygrpc.supervisor.lifeline import die_with_parent; die_with_parent(1 << 22); raise SystemExit(0)"
    assert run_python(code) == ORPHANED_EXIT_CODE
