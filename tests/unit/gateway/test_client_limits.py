from contextlib import ExitStack

import pytest

from gateway.client_address import NOBODY, Client
from gateway.client_limits import ClientLimits
from gateway.errors import RequestRefused
from joygrpc.config.gateway import GatewayLimits

ONE, TWO = Client("192.0.2.1", "192.0.2.1"), Client("192.0.2.2", "192.0.2.2")
NEAR = Client("127.0.0.1", "127.0.0.1", unlimited=True)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def limits(**values: float) -> ClientLimits:
    return ClientLimits(GatewayLimits.model_validate(values), Clock())


def refusal(of: ClientLimits, client: Client) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught, of.request(client):
        pass
    return caught.value


def test_requests_at_a_time() -> None:
    of = limits(max_requests_per_client=2, max_requests=4)
    with ExitStack() as stack:
        for client in (ONE, ONE, TWO):
            stack.enter_context(of.request(client))
        assert refusal(of, ONE).reason == "CLIENT_BUSY"
        stack.enter_context(of.request(NEAR))
        assert refusal(of, TWO).reason == "EDGE_FULL"
        assert refusal(of, NEAR).reason == "EDGE_FULL", "what all together may have, nobody exceeds"
    with of.request(ONE):
        pass


def test_requests_a_second() -> None:
    of = limits(max_requests_per_s_per_client=0.1, request_burst_per_client=2)
    for client in (ONE, ONE, TWO, *[NEAR] * 5, *[NOBODY] * 5):
        with of.request(client):
            pass
    refused = refusal(of, ONE)
    assert (refused.reason, refused.headers) == ("CLIENT_TOO_FAST", {"Retry-After": "10"})


def test_requests_a_second_of_all() -> None:
    of = limits(max_requests_per_s=2)
    for client in (ONE, TWO):
        with of.request(client):
            pass
    refused = refusal(of, NEAR)
    assert (refused.reason, refused.headers) == ("EDGE_FULL", {"Retry-After": "1"})


def test_connections() -> None:
    of = limits(max_connections_per_client=1)
    assert of.connect(ONE)
    assert not of.connect(ONE)
    assert of.connect(TWO)
    assert [of.connect(NEAR) for _ in range(3)] == [True] * 3
    of.disconnect(ONE)
    of.disconnect(ONE)
    assert of.connect(ONE)


def test_a_client_has_one_pace_for_all_its_requests() -> None:
    of = limits(max_bytes_per_s_per_client=1000, max_bytes_per_s=10_000)
    with of.request(ONE) as first, of.request(ONE) as second, of.request(TWO) as other, of.request(NEAR) as near:
        assert first is not None
        assert second is not None
        assert other is not None
        assert near is not None
        assert first._rates == second._rates
        assert first._rates[1] is not other._rates[1]
        assert first._rates[0] is other._rates[0]
        assert near._rates == first._rates[:1]
    with limits().request(ONE) as pace:
        assert pace is None


def test_the_table_is_bounded() -> None:
    of = limits(client_table=10, max_requests_per_s_per_client=0.001, request_burst_per_client=1)
    held = Client("192.0.2.77", "192.0.2.77")
    assert of.connect(held)
    with of.request(ONE):
        pass
    for number in range(1000):
        with of.request(Client(f"203.0.113.{number}", f"203.0.113.{number}")):
            pass
        assert len(of) <= 11
    assert refusal(of, Client("", "203.0.113.999")).reason == "CLIENT_TOO_FAST", "the newest are remembered"
    with of.request(ONE):
        pass
    of.disconnect(held)
    assert len(of) == 10


def test_a_refused_request_leaves_nothing() -> None:
    of = limits(max_requests_per_client=1)
    with of.request(ONE):
        for _ in range(3):
            refusal(of, ONE)
        assert repr(of) == "<ClientLimits 1 busy, 0 idle, 1 requests>"
    assert repr(of) == "<ClientLimits 0 busy, 1 idle, 0 requests>"
