import asyncio
import contextvars

import pytest

from joygrpc.telemetry import accepted_request_id, bind_request_id, current_request_id, request_id_scope


@pytest.mark.parametrize("offered", ["a", "0f8c-1:2.3_4", "x" * 64])
def test_a_well_formed_id_is_kept(offered: str) -> None:
    assert accepted_request_id(offered) == offered


@pytest.mark.parametrize("offered", [None, "", "x" * 65, "a b", "a\nb", "é"])
def test_any_other_id_is_replaced_by_a_fresh_one(offered: str | None) -> None:
    first, second = accepted_request_id(offered), accepted_request_id(offered)
    assert first != second
    assert accepted_request_id(first) == first


def test_a_scope_ends() -> None:
    with request_id_scope("outer"), request_id_scope("inner") as bound:
        assert bound == current_request_id() == "inner"
    assert current_request_id() == ""


async def test_tasks_keep_their_own_id() -> None:
    async def work(offered: str) -> str:
        bind_request_id(offered)
        await asyncio.sleep(0)
        return current_request_id()

    assert await asyncio.gather(work("a"), work("b")) == ["a", "b"]
    assert current_request_id() == ""


def test_binding_gives_the_id() -> None:
    assert contextvars.copy_context().run(bind_request_id, "abc") == "abc"
