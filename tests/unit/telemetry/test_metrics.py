import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import joygrpc
from joygrpc.telemetry.metrics import counter, exposition
from joygrpc.telemetry.metrics_directory import MULTIPROCESS_VARIABLE, forget_process, metrics_directory

WORKER = """
import os, signal, sys
from joygrpc.telemetry.metrics import counter, gauge, histogram
counter("joygrpc_test_hits_total", "Hits.", ["kind"]).labels("a").inc(3)
gauge("joygrpc_test_open", "Open.").set(5)
gauge("joygrpc_test_high", "High.", join="max").set(int(sys.argv[1]))
histogram("joygrpc_test_seconds", "Seconds.").observe(0.2)
print(os.getpid(), flush=True)
signal.pause()
"""

READER = """
from joygrpc.telemetry.metrics import exposition
print(exposition().decode())
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def value(text: str, name: str) -> float | None:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


def test_numbers_add_up_over_processes_and_the_gauges_of_dead_ones_go() -> None:
    root = Path(joygrpc.__file__).parents[1]
    with metrics_directory() as directory:
        assert os.environ[MULTIPROCESS_VARIABLE] == str(directory)
        workers = [subprocess.Popen(python(WORKER, str(number)), stdout=subprocess.PIPE, cwd=root) for number in (1, 2)]
        try:
            for worker in workers:
                assert worker.stdout is not None
                worker.stdout.readline()
            text = subprocess.check_output(python(READER), cwd=root, text=True)
            assert value(text, 'joygrpc_test_hits_total{kind="a"}') == 6
            assert value(text, "joygrpc_test_open") == 10
            assert value(text, "joygrpc_test_high") == 2
            assert value(text, "joygrpc_test_seconds_count") == 2
            assert re.search(r'^joygrpc_build_info\{.*version=".+"\} 1\.0$', text, re.MULTILINE)
            workers[1].kill()
            workers[1].wait()
            forget_process(directory, workers[1].pid)
            text = subprocess.check_output(python(READER), cwd=root, text=True)
            assert value(text, 'joygrpc_test_hits_total{kind="a"}') == 6
            assert value(text, "joygrpc_test_open") == 5
            assert value(text, "joygrpc_test_high") == 1
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                assert worker.stdout is not None
                worker.stdout.close()
    assert not directory.exists()
    assert MULTIPROCESS_VARIABLE not in os.environ


def test_what_killed_programs_left_is_removed_and_what_lives_is_not(tmp_path: Path) -> None:
    with metrics_directory(tmp_path) as living:
        abandoned = tmp_path / "joygrpc-metrics-abandoned"
        abandoned.mkdir()
        (abandoned / "lock").touch()
        for directory in (living, abandoned):
            os.utime(directory, (0, 0))
        with metrics_directory(tmp_path) as second:
            assert sorted(tmp_path.iterdir()) == sorted([living, second])


def test_a_single_process_shows_its_own_numbers() -> None:
    counter("joygrpc_test_single_total", "Things.").inc(2)
    assert value(exposition().decode(), "joygrpc_test_single_total") == 2


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="joygrpc_"):
        counter("hits_total", "Hits.")
