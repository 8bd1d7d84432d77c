"""What policies keep over a restart."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.config import DistributorExtras
from joygrpc.distributor.policies import CachePolicy, LruSp, S3Fifo, Split, configured_policy

IDS = st.integers(0, 9)
STEPS = st.tuples(st.sampled_from(["admit", "use", "forget", "evict"]), IDS, st.integers(0, 300))
MAKERS: list[Callable[[], CachePolicy]] = [LruSp, S3Fifo, lambda: Split(100, 0.2)]


def filled(make: Callable[[], CachePolicy], history: list[tuple[str, int, int]]) -> tuple[CachePolicy, dict[int, int]]:
    """A policy with a history, and the sizes of what it holds."""
    policy, sizes = make(), dict[int, int]()
    for moment, (step, object_id, number) in enumerate(history):
        # Uses are told late and out of order, so that times do not tell the order.
        now_ms = (moment // 4) * 100_000
        match step:
            case "admit":
                policy.admit(object_id, number, now_ms)
                sizes[object_id] = number
            case "use":
                policy.use(object_id, now_ms, number % 4)
            case "forget":
                policy.forget(object_id)
                sizes.pop(object_id, None)
            case "evict":
                victim = policy.victim(now_ms, lambda _: False)
                if victim is not None:
                    policy.forget(victim)
                    del sizes[victim]
    return policy, sizes


def restarted(policy: CachePolicy, sizes: dict[int, int], make: Callable[[], CachePolicy]) -> CachePolicy:
    """The policy as a new process has it: objects by recency and id, then the state."""
    fresh = make()
    standings = {object_id: standing for object_id in sizes if (standing := policy.standing(object_id))}
    for object_id, standing in sorted(standings.items(), key=lambda item: (item[1].last_access_ms, item[0])):
        fresh.admit(object_id, sizes[object_id], standing.last_access_ms, standing)
    fresh.restore(policy.state())
    return fresh


def drained(policy: CachePolicy) -> list[int]:
    """All objects, in the order in which they leave while others come."""
    order: list[int] = []
    while (victim := policy.victim(10**9, lambda _: False)) is not None and len(order) < 60:
        policy.forget(victim)
        order.append(victim)
        policy.admit(1000 + len(order) % 5, 50, 10**9)
    return order


@pytest.mark.parametrize("make", MAKERS, ids=["lru_sp", "s3_fifo", "split"])
def test_a_restart_changes_no_choice(make: Callable[[], CachePolicy]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(STEPS, max_size=60))
    def check(history: list[tuple[str, int, int]]) -> None:
        policy, sizes = filled(make, history)
        fresh = restarted(policy, sizes, make)
        assert {known: fresh.standing(known) for known in range(10)} == {
            known: policy.standing(known) for known in range(10)
        }
        assert drained(fresh) == drained(policy)

    check()


@pytest.mark.parametrize("make", MAKERS, ids=["lru_sp", "s3_fifo", "split"])
def test_a_state_that_is_older_than_the_cache_does_no_harm(make: Callable[[], CachePolicy]) -> None:
    policy = make()
    for object_id in range(4):
        policy.admit(object_id, 10, 0)
    state = policy.state()
    fresh = make()
    for object_id in (9, 3, 1):
        fresh.admit(object_id, 10, 0)
    fresh.restore(state)
    assert len(fresh) == 3
    order = []
    while (victim := fresh.victim(1, lambda _: False)) is not None:
        fresh.forget(victim)
        order.append(victim)
    assert order == [1, 3, 9]


@pytest.mark.parametrize("make", MAKERS, ids=["lru_sp", "s3_fifo", "split"])
@pytest.mark.parametrize(
    "state",
    [
        "",
        "[]",
        "{}",
        '{"policy": "other"}',
        '{"policy": "lru_sp", "order": 1}',
        '{"policy": "lru_sp", "order": "a"}',
        '{"policy": "s3_fifo", "small": "1 2", "small_frequencies": "0"}',
        '{"policy": "s3_fifo", "ghosts": "1", "ghost_sizes": ""}',
        '{"policy": "split", "small": "{\\"policy\\": \\"s3_fifo\\", \\"small\\": \\"2\\", \\"small_frequencies\\": \\"0\\"}"}',
    ],
)
def test_a_state_that_cannot_be_read_is_refused_without_effect(make: Callable[[], CachePolicy], state: str) -> None:
    policy = make()
    policy.admit(1, 10, 0)
    policy.admit(2, 10, 0)
    before = policy.state()
    with pytest.raises(ValueError, match=r".*"):
        policy.restore(state)
    assert policy.state() == before


def test_the_configuration_names_the_policy() -> None:
    named = {
        name: type(configured_policy(DistributorExtras(cache_policy=name))) for name in ("lru_sp", "s3_fifo", "split")
    }
    assert named == {"lru_sp": LruSp, "s3_fifo": S3Fifo, "split": Split}
