"""Users first, replication what they leave."""

import pytest

from joygrpc.storage.bandwidth import Bandwidth


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def spend(bandwidth: Bandwidth, size: int, piece: int = 1000) -> None:
    for _ in range(0, size, piece):
        await bandwidth.spend(piece)


async def test_without_a_bound_nobody_waits(clock: Clock) -> None:
    bandwidth = Bandwidth(None, now=clock, sleep=clock.sleep)
    await spend(bandwidth, 1_000_000)
    bandwidth.used(10**9)
    assert clock.now == 0


async def test_replication_keeps_to_the_rate(clock: Clock) -> None:
    await spend(Bandwidth(10_000, now=clock, sleep=clock.sleep), 100_000)
    assert clock.now == pytest.approx(10, rel=0.1)


async def test_replication_yields_to_users_but_not_wholly(clock: Clock) -> None:
    bandwidth = Bandwidth(10_000, now=clock, sleep=clock.sleep)
    for _ in range(30):
        bandwidth.used(20_000)
        clock.now += 1
    assert bandwidth.share == pytest.approx(1000)
    began = clock.now
    await bandwidth.spend(3000)
    assert clock.now - began > 1
    clock.now += 60
    await bandwidth.spend(0)
    assert bandwidth.share == pytest.approx(10_000)
