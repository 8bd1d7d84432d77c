"""S3-FIFO and the split policy against models written from their descriptions."""

from dataclasses import dataclass, field
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.distributor.policies import CachePolicy, S3Fifo, Split, Standing

from .s3_fifo_model import S3Model

SMALL = 100
SHARE = 0.2


@dataclass
class SplitModel:
    small: S3Model = field(default_factory=S3Model)
    large: S3Model = field(default_factory=S3Model)

    def pool(self, object_id: int) -> S3Model:
        return self.small if self.small.find(object_id) else self.large

    def admit(self, object_id: int, size: int, uses: int = 1) -> None:
        self.small.remove(object_id)
        self.large.remove(object_id)
        (self.small if size <= SMALL else self.large).admit(object_id, size, uses)

    def use(self, object_id: int, uses: int) -> None:
        self.pool(object_id).use(object_id, uses)

    def resize(self, object_id: int, size: int) -> None:
        entry = self.pool(object_id).find(object_id)
        if entry is not None and (entry.size <= SMALL) != (size <= SMALL):
            self.admit(object_id, size, entry.uses)
        else:
            self.pool(object_id).resize(object_id, size)

    def forget(self, object_id: int) -> None:
        self.pool(object_id).forget(object_id)

    def victim(self, pinned: set[int]) -> int | None:
        pools = [self.large, self.small]
        if self.small.bytes > SHARE * (self.small.bytes + self.large.bytes):
            pools.reverse()
        found = pools[0].victim(pinned)
        return pools[1].victim(pinned) if found is None else found


class Model(Protocol):
    def admit(self, object_id: int, size: int, uses: int = 1) -> None: ...
    def use(self, object_id: int, uses: int) -> None: ...
    def resize(self, object_id: int, size: int) -> None: ...
    def forget(self, object_id: int) -> None: ...
    def victim(self, pinned: set[int]) -> int | None: ...


IDS = st.integers(0, 11)
SIZES = st.one_of(st.just(0), st.just(1), st.integers(0, 2 * SMALL), st.integers(0, 2**43))
STEPS = st.one_of(
    st.tuples(st.just("admit"), IDS, SIZES),
    st.tuples(st.just("return"), IDS, st.integers(1, 5)),
    st.tuples(st.just("use"), IDS, st.integers(0, 4)),
    st.tuples(st.just("resize"), IDS, SIZES),
    st.tuples(st.just("forget"), IDS, st.just(0)),
    st.tuples(st.just("evict"), IDS, st.integers(0, 11)),
)
HISTORIES = st.lists(STEPS, max_size=80)
KINDS = [(S3Fifo, S3Model), (lambda: Split(SMALL, SHARE), SplitModel)]


def play(policy: CachePolicy, history: list[tuple[str, int, int]], model: Model | None = None) -> list[int | None]:
    """What leaves, in order, in the course of a history and when all is evicted at its end."""
    left: list[int | None] = []
    for now_ms, (step, object_id, number) in enumerate(history):
        match step:
            case "admit":
                policy.admit(object_id, number, now_ms)
                if model:
                    model.admit(object_id, number)
            case "return":
                policy.admit(object_id, SMALL, now_ms, Standing(number, now_ms))
                if model:
                    model.admit(object_id, SMALL, number)
            case "use":
                policy.use(object_id, now_ms, number)
                if model:
                    model.use(object_id, number)
            case "resize":
                policy.resize(object_id, number)
                if model:
                    model.resize(object_id, number)
            case "forget":
                policy.forget(object_id)
                if model:
                    model.forget(object_id)
            case "evict":
                left.append(evict(policy, {object_id, number}, model))
    while len(policy):
        left.append(evict(policy, set(), model))
    return left


def evict(policy: CachePolicy, pinned: set[int], model: Model | None) -> int | None:
    victim = policy.victim(0, pinned.__contains__)
    if model:
        assert victim == model.victim(pinned)
    if victim is not None:
        assert victim not in pinned
        policy.forget(victim)
        if model:
            model.forget(victim)
    return victim


@pytest.mark.parametrize(("make", "model"), KINDS, ids=["s3_fifo", "split"])
def test_the_policy_chooses_as_the_model(make: type[CachePolicy], model: type[Model]) -> None:
    @settings(max_examples=200, deadline=None)
    @given(HISTORIES)
    def check(history: list[tuple[str, int, int]]) -> None:
        play(make(), history, model())

    check()


def test_what_is_used_twice_stays_and_a_scan_passes_by() -> None:
    policy = S3Fifo()
    for object_id in range(10):
        policy.admit(object_id, 1, 0)
        policy.use(object_id, 0, 2)
    for object_id in range(100, 200):
        victim = policy.victim(0, lambda _: False)
        assert victim is not None
        policy.forget(victim)
        policy.admit(object_id, 1, 0)
    # Ten were held: the one that had to leave before there was any other, and what the small queue has its tenth for.
    assert sum(policy.standing(object_id) is not None for object_id in range(10)) == 9


def test_what_comes_back_soon_is_not_on_probation_again() -> None:
    policy = S3Fifo()
    for object_id in range(10):
        policy.admit(object_id, 1, 0)
    policy.forget(0)
    policy.admit(0, 1, 0)
    order = play(policy, [])
    assert order[-1] == 0


def test_object_0_of_size_0_is_evicted_like_any_other() -> None:
    for policy in (S3Fifo(), Split()):
        policy.admit(0, 0, 0)
        assert policy.victim(0, lambda _: False) == 0
        policy.forget(0)
        assert policy.victim(0, lambda _: False) is None


def test_small_objects_are_pushed_out_by_each_other_alone_while_they_take_their_share() -> None:
    policy = Split(SMALL, SHARE)
    for object_id in range(10):
        policy.admit(object_id, 10, 0)
    for object_id in range(100, 110):
        policy.admit(object_id, 1000, 0)
    assert policy.victim(0, lambda _: False) == 100
    policy.admit(50, SMALL, 0)
    for object_id in range(100, 110):
        policy.forget(object_id)
    assert policy.victim(0, lambda _: False) == 0


def test_remembered_objects_take_bounded_memory() -> None:
    policy = S3Fifo()
    policy.admit(0, 100, 0)
    for object_id in range(1, 1000):
        policy.admit(object_id, 0, 0)
        policy.forget(object_id)
    policy.admit(1000, 0, 0)
    assert len(policy._ghosts) == 90
