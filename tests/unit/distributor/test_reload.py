"""What a reload takes over."""

from typing import Any

import pytest

from joygrpc.config import DistributorNodeConfig
from joygrpc.distributor.operator import Reloaded
from joygrpc.distributor.reload import reload_plan


def config(**changes: Any) -> DistributorNodeConfig:
    values: dict[str, Any] = {
        "id": "node",
        "endpoints": {"storageSquid": "http://localhost/graphql", "joystreamNodeWs": "ws://localhost"},
        "directories": {"assets": "assets", "cacheState": "state"},
        "limits": {"storage": "1G"},
        "operatorApi": {"port": 1, "hmacSecret": "secret"},
    }
    return DistributorNodeConfig.model_validate(values | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Reloaded()),
        ({"limits": {"storage": "1024M"}}, Reloaded()),
        ({"limits": {"storage": "2G"}, "workerId": 4}, Reloaded(("limits.storage", "workerId"))),
        ({"buckets": ["0:1"]}, Reloaded(("buckets",))),
        ({"intervals": {"cacheCleanup": 7}}, Reloaded(("intervals.cacheCleanup",))),
        ({"id": "other"}, Reloaded((), ("id",))),
        ({"operatorApi": {"port": 1, "hmacSecret": "new"}}, Reloaded((), ("operatorApi.hmacSecret",))),
        ({"operatorApi": None}, Reloaded((), ("operatorApi.hmacSecret", "operatorApi.port"))),
        ({"joygrpc": {"stall_timeout_s": 3}}, Reloaded((), ("joygrpc.stall_timeout_s",))),
    ],
)
def test_plan(changes: dict[str, Any], expected: Reloaded) -> None:
    assert reload_plan(config(), config(**changes)) == expected
