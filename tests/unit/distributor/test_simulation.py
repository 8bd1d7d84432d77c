"""The simulator against libCacheSim, an independent one, and its traces and reports."""

import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import timedelta
from pathlib import Path

import libcachesim
import pytest

from joygrpc.distributor.simulation import (
    Catalogue,
    Outcome,
    Request,
    Setting,
    TraceInvalid,
    footprint,
    read_trace,
    replay,
    synthetic_trace,
    write_trace,
)
from joygrpc.distributor.simulation.report import as_json, plot, size_text, table

SCRIPT = Path(__file__).parents[3] / "scripts" / "simulate_cache"
EVERY_USE = timedelta(0)
UNIT_SIZES = Catalogue(objects=2000, zipf=0.9, drift=0.3, unit_size=True)


@pytest.fixture(scope="module")
def unit_trace() -> list[Request]:
    return list(synthetic_trace(40_000, UNIT_SIZES, seed=7))


def their_hit_ratio(cache: libcachesim.CacheBase, trace: list[Request]) -> float:
    asked = libcachesim.Request()
    hits = 0
    for request in trace:
        asked.obj_id, asked.obj_size = request.object_id, request.size
        hits += cache.get(asked)
    return hits / len(trace)


@pytest.mark.parametrize("capacity", [20, 100, 400, 1000])
def test_lru_is_that_of_another_simulator(unit_trace: list[Request], capacity: int) -> None:
    outcome = replay(unit_trace, Setting("lru", "always", capacity, EVERY_USE))
    assert outcome.object_hit_ratio == their_hit_ratio(libcachesim.LRU(capacity, hashpower=16), unit_trace)


@pytest.mark.parametrize("capacity", [20, 100, 400, 1000])
def test_s3_fifo_is_that_of_another_simulator(unit_trace: list[Request], capacity: int) -> None:
    """They differ while the cache fills for the first time: there, objects beyond the small queue's tenth go straight to the main queue."""
    outcome = replay(unit_trace, Setting("s3_fifo", "always", capacity, EVERY_USE))
    theirs = their_hit_ratio(libcachesim.S3FIFO(capacity, hashpower=16), unit_trace)
    assert outcome.object_hit_ratio == pytest.approx(theirs, abs=0.01)


def test_with_one_size_and_one_pool_split_is_s3_fifo(unit_trace: list[Request]) -> None:
    split, s3_fifo = (replay(unit_trace, Setting(name, "always", 200)) for name in ("split", "s3_fifo"))
    assert split == s3_fifo


def test_a_small_trace_by_hand() -> None:
    trace = [
        Request(0, 1, 60, 60),
        Request(1, 1, 60, 10, 50),
        Request(2, 2, 200, 200),
        Request(3, 3, 50, 50),
        Request(4, 1, 60, 60),
    ]
    outcome = replay(trace, Setting("lru", "always", 100))
    assert outcome == Outcome(
        requests=5, hits=1, requested_bytes=380, hit_bytes=10, written_bytes=60 + 50 + 60, evictions=2
    )
    assert (outcome.object_hit_ratio, outcome.byte_hit_ratio) == (0.2, 10 / 380)


def test_second_hit_admission_writes_less(unit_trace: list[Request]) -> None:
    always, second = (replay(unit_trace, Setting("lru_sp", name, 200)) for name in ("always", "second_hit"))
    assert second.written_bytes < always.written_bytes / 2


def test_made_up_traces_are_skewed_drift_and_can_be_made_again() -> None:
    catalogue = Catalogue(objects=500, drift=0.5)
    trace = list(synthetic_trace(5000, catalogue, seed=3))
    assert trace == list(synthetic_trace(5000, catalogue, seed=3))
    assert trace != list(synthetic_trace(5000, catalogue, seed=4))
    assert [request.time_s for request in trace] == sorted(request.time_s for request in trace)
    assert all(0 < request.bytes <= request.size for request in trace)
    first, last = ({request.object_id for request in part} for part in (trace[:1000], trace[-1000:]))
    assert max(first) < 600 < max(last)
    counts = sorted(
        (sum(request.object_id == known for request in trace[:1000]) for known in list(first)), reverse=True
    )
    assert counts[0] > 20 * counts[len(counts) // 2]


def test_traces_are_written_and_read_back() -> None:
    trace = [Request(1.5, 0, 10, 5, 5), Request(2.0, 2**40, 0, 0)]
    file = io.StringIO()
    write_trace(file, trace)
    file.seek(0)
    assert list(read_trace(file)) == trace
    assert footprint([*trace, *trace]) == 10


@pytest.mark.parametrize(
    "text",
    [
        "object_id,bytes,size,time,host\n7,1,2,3,x\n\n",
        '{"time": 3, "object_id": "7", "size": 2, "bytes": 1, "host": "x"}\n\n',
    ],
)
def test_columns_may_come_in_any_order_and_more_of_them(text: str) -> None:
    assert list(read_trace(io.StringIO(text))) == [Request(3, 7, 2, 1)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: a CSV trace begins with its columns"),
        ("time,object_id\n", "line 1: "),
        ("time,object_id,size,bytes\n1,2,3\n", "line 2: bytes is missing"),
        ("time,object_id,size,bytes\n1,2,3,4\n1,x,3,4\n", "line 3: invalid literal"),
        ("time,object_id,size,bytes\n1,2,-3,4\n", "line 2: negative size"),
        ('{"time": 1}\n', "line 1: object_id is missing"),
        ('{"time": 1, "object_id": 1, "size": 1, "bytes": 1}\n[]\n', "line 2: not a JSON object"),
        ("{\n", "line 1: "),
    ],
)
def test_what_is_wrong_with_a_trace_is_told(text: str, told: str) -> None:
    with pytest.raises(TraceInvalid, match=told):
        list(read_trace(io.StringIO(text)))


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1536, "1.5 KiB"), (1 << 30, "1 GiB"), (1 << 50, "1024 TiB")])
def test_sizes_are_shown_in_a_unit_that_suits_them(size: int, text: str) -> None:
    assert size_text(size) == text


def test_outcomes_are_shown_as_table_json_and_drawing() -> None:
    outcome = Outcome(requests=4, hits=1, requested_bytes=40, hit_bytes=30, written_bytes=1 << 20, evictions=2)
    results = [(Setting(name, "second_hit", size), outcome) for name in ("lru", "split") for size in (10, 1 << 30)]
    lines = table(results).splitlines()
    assert len(lines) == 5
    assert lines[2].split() == ["lru", "second_hit", "1", "GiB", "25.00%", "75.00%", "1", "MiB", "2"]
    assert json.loads(as_json(results))[3] == {
        "policy": "split", "admission": "second_hit", "capacity": 1 << 30, "requests": 4, "hits": 1, "requested_bytes": 40,
        "hit_bytes": 30, "written_bytes": 1 << 20, "evictions": 2, "object_hit_ratio": 0.25, "byte_hit_ratio": 0.75,
    }  # fmt: skip
    drawing = ET.fromstring(plot(results))
    assert len(drawing.findall("{http://www.w3.org/2000/svg}polyline")) == 3 * 2
    assert ET.fromstring(plot([])) is not None


def test_the_script_replays_what_it_wrote(tmp_path: Path) -> None:
    def run(*arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr

    trace = str(tmp_path / "trace.csv")
    made_up = ["--requests", "2000", "--objects", "200", "--write-trace", trace]
    first = run(*made_up, "--sizes", "10%,1G", "--json", "--plot", str(tmp_path / "plot.svg"))
    assert run(trace, "--sizes", "10%,1G", "--json") == first
    assert len(json.loads(first)) == 8
    assert (tmp_path / "plot.svg").read_text().startswith("<svg ")
    assert "s3_fifo  always" in run(trace, "--policies", "s3_fifo")
    assert "known are lru, lru_sp, s3_fifo, split" in run(trace, "--policies", "fifo", status=2)
    assert "line 1" in run(str(tmp_path / "plot.svg"), status=2)
