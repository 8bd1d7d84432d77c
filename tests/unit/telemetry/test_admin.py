import asyncio
from datetime import timedelta

import aiohttp

from joygrpc.supervisor import bind_listener
from joygrpc.telemetry.admin import Readiness, admin_app, serving
from joygrpc.telemetry.process_metrics import watch_process


async def holds() -> bool:
    return True


async def fails() -> bool:
    raise OSError


async def hangs() -> bool:
    await asyncio.Event().wait()
    return True


async def test_metrics_are_prometheus_text_and_tell_of_the_process() -> None:
    watching = asyncio.create_task(watch_process("node", every=timedelta(milliseconds=1)))
    async with serving(admin_app(), bind_listener("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        async with asyncio.timeout(10):
            text = ""
            while 'joygrpc_event_loop_lag_seconds{process="node"}' not in text:
                async with session.get(f"{url}/metrics") as response:
                    assert response.content_type == "text/plain"
                    text = await response.text()
    watching.cancel()
    for name in ("resident_bytes", "open_fds", "max_fds", "cpu_seconds", "threads"):
        assert f'joygrpc_process_{name}{{process="node"}}' in text
    assert "joygrpc_build_info" in text


async def test_a_program_is_ready_when_every_check_holds() -> None:
    readiness = Readiness({"chain": holds})
    async with serving(admin_app(readiness), bind_listener("127.0.0.1", 0)) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/livez") as response:
            assert response.status == 200
        async with session.get(f"{url}/readyz") as response:
            assert (response.status, await response.json()) == (
                200,
                {"ready": True, "checks": {"running": True, "chain": True}},
            )
        readiness.draining = True
        async with session.get(f"{url}/readyz") as response:
            assert (response.status, (await response.json())["checks"]["running"]) == (503, False)


async def test_a_check_that_fails_or_hangs_does_not_hold() -> None:
    readiness = Readiness({"a": holds, "b": fails, "c": hangs}, timeout_s=0.01)
    assert await readiness.outcomes() == {"running": True, "a": True, "b": False, "c": False}


async def test_the_listener_is_closed_at_the_end() -> None:
    listener = bind_listener("127.0.0.1", 0)
    async with serving(admin_app(), listener):
        assert listener.fileno() >= 0
    assert listener.fileno() == -1
