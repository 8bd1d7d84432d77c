"""LRU-SP against a naive model written from its description."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joygrpc.distributor.policies import LruSp, Standing
from joygrpc.distributor.policies.lru_sp import GROUPS, MINUTE_MS


@dataclass
class _Modelled:
    size_kib: int
    popularity: int
    last_access_ms: int
    order: int

    @property
    def group(self) -> int:
        ratio = Fraction(self.size_kib, self.popularity)
        group = 0
        while group < GROUPS - 1 and ratio > 2**group:
            group += 1
        return group

    def cost(self, now_ms: int) -> Fraction:
        minutes = Fraction(now_ms - self.last_access_ms, MINUTE_MS)
        return -(-minutes.numerator // minutes.denominator) * Fraction(self.size_kib, self.popularity)


class _Model:
    """One flat dictionary; every question looks at all of it."""

    def __init__(self) -> None:
        self.entries: dict[int, _Modelled] = {}
        self.moves = 0

    def move(self) -> int:
        self.moves += 1
        return self.moves

    def admit(self, object_id: int, size: int, now_ms: int) -> None:
        self.entries[object_id] = _Modelled(-(-size // 1024), 1, now_ms, self.move())

    def use(self, object_id: int, now_ms: int, uses: int) -> None:
        if (entry := self.entries.get(object_id)) is not None:
            entry.popularity += uses
            entry.last_access_ms = now_ms
            entry.order = self.move()

    def resize(self, object_id: int, size: int) -> None:
        if (entry := self.entries.get(object_id)) is not None:
            before = entry.group
            entry.size_kib = -(-size // 1024)
            if entry.group != before:
                entry.order = self.move()

    def victim(self, now_ms: int, pinned: set[int]) -> int | None:
        firsts: dict[int, int] = {}
        for object_id, entry in sorted(self.entries.items(), key=lambda item: item[1].order):
            if object_id not in pinned:
                firsts.setdefault(entry.group, object_id)
        if not firsts:
            return None
        return max(firsts.items(), key=lambda item: (self.entries[item[1]].cost(now_ms), item[0]))[1]


IDS = st.integers(0, 9)
SIZES = st.one_of(st.just(0), st.integers(0, 5000), st.integers(0, 2**43))
STEPS = st.one_of(
    st.tuples(st.just("admit"), IDS, SIZES),
    st.tuples(st.just("use"), IDS, st.integers(1, 40)),
    st.tuples(st.just("resize"), IDS, SIZES),
    st.tuples(st.just("forget"), IDS, st.just(0)),
    st.tuples(st.just("evict"), IDS, st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEPS, st.integers(0, 5 * MINUTE_MS)), max_size=60))
def test_the_policy_chooses_as_the_model(history: list[tuple[tuple[str, int, int], int]]) -> None:
    policy, model, now_ms = LruSp(), _Model(), 1_700_000_000_000
    for (step, object_id, number), pause_ms in history:
        now_ms += pause_ms
        match step:
            case "admit":
                policy.admit(object_id, number, now_ms)
                model.admit(object_id, number, now_ms)
            case "use":
                policy.use(object_id, now_ms, number)
                model.use(object_id, now_ms, number)
            case "resize":
                policy.resize(object_id, number)
                model.resize(object_id, number)
            case "forget":
                policy.forget(object_id)
                model.entries.pop(object_id, None)
            case "evict":
                victim = policy.victim(now_ms, {object_id}.__contains__)
                assert victim == model.victim(now_ms, {object_id})
                if victim is not None:
                    policy.forget(victim)
                    del model.entries[victim]
        assert len(policy) == len(model.entries)
        assert policy.victim(now_ms, lambda _: False) == model.victim(now_ms, set())


@pytest.mark.parametrize(
    ("size_kib", "popularity", "group"),
    [(0, 1, 0), (1, 1, 0), (1, 50, 0), (2, 1, 1), (3, 1, 2), (4, 1, 2), (5, 1, 3), (3, 2, 1), (4 << 20, 1, 22), (1 << 40, 1, 23)],
)  # fmt: skip
def test_groups_round_up(size_kib: int, popularity: int, group: int) -> None:
    policy = LruSp()
    policy.admit(7, size_kib * 1024, 0, Standing(popularity, 0))
    assert policy._group_of[7] == group


def test_an_empty_object_in_group_0_can_be_evicted() -> None:
    policy = LruSp()
    policy.admit(0, 0, 0)
    assert policy.victim(10 * MINUTE_MS, lambda _: False) == 0
    policy.forget(0)
    assert policy.victim(10 * MINUTE_MS, lambda _: False) is None


def test_standing_survives_admission() -> None:
    policy = LruSp()
    policy.admit(1, 1024, 99, Standing(5, 42))
    assert policy.standing(1) == Standing(5, 42)
    assert policy.standing(2) is None
